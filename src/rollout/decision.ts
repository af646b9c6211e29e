/**
 * An answer that gets past what stops a step: a setting of the configuration file and the value that it takes. It is
 * made where the question is, so that every reader of it (wizard, plan, NDJSON, an error) offers the same.
 */
export type Answer = {
  /** Where the setting stands in the file: `decisions.orphans`. */
  readonly setting: string;
  /** The value it takes; of a list, the entries that are added to it. */
  readonly value: string | boolean | readonly string[];
  /** The same for a command line, quoted for a shell: `--orphans leave`. */
  readonly flag: string;
  /** What happens with this answer, in one sentence. */
  readonly consequence: string;
};

/** `wrongForeignKeys` is `--wrong-foreign-keys`. */
export const flagName = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

export const answer = (setting: string, value: Answer['value'], consequence: string): Answer => {
  const flag = flagName(setting.split('.').at(-1) ?? setting);
  const given = typeof value === 'boolean' ? [flag] : [value].flat().map((one) => `${flag} ${quoted(one)}`);
  return { setting, value, flag: given.join(' '), consequence };
};

/** True for answers that set the same setting to the same value. */
export const sameAnswer = (a: Answer, b: Answer): boolean => a.flag === b.flag;

const quoted = (text: string): string => (/^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
