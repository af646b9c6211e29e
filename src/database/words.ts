/** A text as a part of a regular expression that means it to the letter. */
export const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A name as a word of its own, as part of a regular expression. */
export const wordPattern = (name: string): string => `(?<![\\w$])${escapeRegExp(name)}(?![\\w$])`;

/** Whether SQL or the body of a function has a name as a word of its own, in capitals or not. */
export const mentions = (text: string, name: string): boolean => new RegExp(wordPattern(name), 'i').test(text);
