import * as z from 'zod';

/** How a setting is written as a flag, and, under the same kind, as an exported variable. */
export type Flag = {
  /**
   * `text` is taken as it is; `list` is split at commas; of `names`, which may hold commas, each is given by a flag of
   * its own, or on a line of its own in a variable; a `boolean` has no argument on the command line.
   */
  readonly kind: 'text' | 'boolean' | 'number' | 'list' | 'names';
  /** What stands for the argument in the help: `<how>`. */
  readonly argument?: string;
  /** A few words for the help. */
  readonly help: string;
  /** True: every command that looks at a target has it, not only those that decide. */
  readonly common?: boolean;
  /** Words that are taken as they are where a list or nothing is expected. */
  readonly words?: readonly string[];
  /**
   * Whether a value makes a run less safe. Such a value is taken from a flag or an exported variable alone: the file
   * lies in the checkout, and comes from whoever may commit there.
   */
  readonly weakens?: (value: unknown) => boolean;
};

export type Setting<S extends z.ZodType = z.ZodType> = { readonly schema: S; readonly flag: Flag | null };

/** One definition of a setting: its type, default and description, and how it is given outside the file. */
export const setting = <S extends z.ZodType>(schema: S, flag: Flag | null = null): Setting<S> => ({ schema, flag });

/** A path inside the workspace, relative to it. */
export const insidePath = z
  .string()
  .min(1)
  .refine(
    (path) => !/^(?:[/\\]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..'),
    'expected a path inside the workspace, relative to it',
  );

/** The zod shape of a group. */
export const shapeOf = <T extends Readonly<Record<string, Setting>>>(
  group: T,
): { readonly [K in keyof T]: T[K]['schema'] } =>
  Object.fromEntries(Object.entries(group).map(([name, one]) => [name, one.schema])) as {
    readonly [K in keyof T]: T[K]['schema'];
  };
