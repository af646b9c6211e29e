import * as z from 'zod';
import { decisions } from './decisions.ts';
import { general } from './general.ts';
import type { Flag, Setting } from './setting.ts';

/** A setting that can be given outside the file. */
export type SettingRow = Flag & {
  /** Where it stands in the file: `decisions.orphans`. */
  readonly path: string;
  /** Its own name, as commander knows the flag: `orphans`. */
  readonly name: string;
  /** What an enum accepts; empty for everything else. */
  readonly choices: readonly string[];
};

const rows = (prefix: string, group: Readonly<Record<string, Setting>>): readonly SettingRow[] =>
  Object.entries(group).flatMap(([name, { schema, flag }]) =>
    flag === null ? [] : [{ ...flag, path: `${prefix}${name}`, name, choices: choicesOf(schema) }],
  );

function choicesOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) return choicesOf(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodEnum ? schema.options.map(String) : [];
}

/** Every setting that a flag or an exported variable may give: flags, help, variables and docs/settings.md are made from this. */
export const settingRows: readonly SettingRow[] = [
  {
    path: 'names.organizations',
    name: 'organizations',
    kind: 'text',
    argument: '<table>',
    help: 'the table of organizations',
    choices: [],
  },
  {
    path: 'names.profiles',
    name: 'profiles',
    kind: 'text',
    argument: '<table>',
    help: 'the table with one row per user, or none',
    choices: [],
  },
  {
    path: 'names.memberships',
    name: 'memberships',
    kind: 'text',
    argument: '<table>',
    help: 'the table that joins users and organizations, or none',
    choices: [],
  },
  ...rows('decisions.', decisions),
  ...rows('', general),
];

/** `decisions.wrongForeignKeys` is `VOXANNE_ROLLOUT_WRONG_FOREIGN_KEYS`. */
export const variableName = (path: string): string =>
  `VOXANNE_ROLLOUT_${(path.split('.').at(-1) ?? path).replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** What a text given as a flag or a variable means; a text of the wrong form stays as it is, for the check to name. */
export function readSetting(row: SettingRow, value: string): unknown {
  if (row.words?.includes(value) === true) return value;
  // The arguments of a function are part of its name.
  if (row.kind === 'list') return value.split(/\s*,\s*(?![^()]*\))/).filter((part) => part !== '');
  if (row.kind === 'names') return value.split('\n').filter((part) => part !== '');
  if (row.kind === 'number') return /^\d+$/.test(value) ? Number(value) : value;
  if (row.kind === 'boolean') return { true: true, '1': true, false: false, '0': false }[value.toLowerCase()] ?? value;
  return value;
}

/** Settings in the shape of the file. */
export function nested(values: Iterable<readonly [path: string, value: unknown]>): Readonly<Record<string, unknown>> {
  const root: Record<string, Record<string, unknown> | unknown> = {};
  for (const [path, value] of values) {
    const [first = path, second] = path.split('.');
    if (second === undefined) root[first] = value;
    else root[first] = { ...(root[first] as Record<string, unknown> | undefined), [second]: value };
  }
  return root;
}
