/** Words that a person first meets here, each in a line: shown below the keys. */
export const glossary: readonly (readonly [term: string, meaning: string])[] = [
  ['stamp', "org_id in a user's app metadata, which only the server writes; tokens are made from it"],
  ['claim', 'what a token says about its user; a hint, while the membership decides'],
  ['check', 'what must hold after a step; it ran beforehand as well, in a transaction that was rolled back'],
  ['probe', 'a check that acts: it signs up, reads and writes, and is always rolled back'],
  ['two organizations', "probe as users of A and B: neither may reach the other's rows"],
  ['finding', 'a place in the code that breaks isolation or still uses an old column name'],
  ['waiver', 'the recorded decision to leave a finding as it is; it ends when that code changes'],
  ['decision', 'an answer that only you can give; it holds for the session or stands in the configuration'],
  ['skip', 'leave a whole step out, with a recorded reason; nothing of it is applied'],
  ['not checked', 'nobody looked, and the reason is given; it counts as no success'],
  ['journal', 'what was changed and how to roll it back, kept in the target itself and in the checkout'],
  ['proven', 'compared object by object, and row by row, with what was there before'],
];

/** What of it a check or a finding says first, in a line that fits the narrowest screen. */
const firstMet: readonly (readonly [said: RegExp, explained: string])[] = [
  [/\bof [AB]\b|\b[AB]['’]s\b/, 'A, B: users of two organizations, made up and rolled back'],
  [/\bstamp/i, 'stamp: org_id in app metadata, written by the server alone'],
  [/\bclaims?\b/i, 'claim: what a token says about its user; a hint, no proof'],
  [/\bfinding/i, 'finding: a place that breaks isolation; waive: leave it'],
];

/** The line for the first term that these texts use; empty where there is none to explain. */
export const explained = (texts: readonly string[]): string =>
  firstMet.find(([said]) => texts.some((text) => said.test(text)))?.[1] ?? '';
