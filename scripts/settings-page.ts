import { configFileName, configJsonSchema, flagName, settingRows } from '../src/config/index.ts';
import { variableName } from '../src/config/settings.ts';

type Schema = {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
};

const flags = new Map(settingRows.map((row) => [row.path, row]));

/** Every key of the file that holds a value, by its path. */
const leaves = (schema: Schema, path = ''): readonly (readonly [string, Schema])[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, one]) =>
    one.properties === undefined ? [[`${path}${name}`, one] as const] : leaves(one, `${path}${name}.`),
  );

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const choices = (one: Schema): readonly string[] =>
  one.enum ?? (typeof one.const === 'string' ? [one.const] : (one.anyOf ?? []).flatMap(choices));

const flagText = (path: string, one: Schema): string => {
  const row = flags.get(path);
  if (row === undefined) return '';
  const words = choices(one);
  const argument =
    row.argument === undefined
      ? ''
      : ` ${words.length > 0 && row.words === undefined ? words.join('|') : row.argument}`;
  return `\`${flagName(row.name)}${argument}\``;
};

const nothing = ['null', '[]', '{}'];

const defaultText = (one: Schema): string => {
  const value = JSON.stringify(one.default ?? null);
  return nothing.includes(value) ? '' : `\`${value}\``;
};

type Row = readonly [path: string, one: Schema];

const columns = {
  flag: ([path, one]: Row) => flagText(path, one),
  'key in the file': ([path]: Row) => `\`${path}\``,
  default: ([, one]: Row) => defaultText(one),
  'what it is': ([, one]: Row) => one.description ?? '',
} as const;

const table = (rows: readonly Row[], names: readonly (keyof typeof columns)[]): readonly string[] => [
  `| ${names.join(' | ')} |`,
  `|${'---|'.repeat(names.length)}`,
  ...rows.map((row) => `| ${names.map((name) => cell(columns[name](row))).join(' | ')} |`),
];

/** docs/settings.md, made from the one table of settings: `npm run schema` writes it. */
export const settingsPage = (): string => {
  const all = leaves(configJsonSchema() as Schema).filter(([path]) => path !== '$schema');
  const isDecision = ([path]: Row): boolean => path.startsWith('decisions.');
  const decisions = all.filter(isDecision);
  const settings = all.filter((row) => !isDecision(row) && flags.has(row[0]));
  const inFile = all.filter((row) => !isDecision(row) && !flags.has(row[0]));
  return `${[
    '# Settings and decisions',
    '',
    `<!-- Written by npm run schema from src/config: change it there. -->`,
    '',
    `A setting is given by a flag, by an exported variable, or in \`${configFileName}\` in the workspace, in this order of precedence. The variable of \`decisions.orphans\` is \`${variableName('decisions.orphans')}\`. What makes a run less safe is not taken from the file. \`voxanne-rollout init\` writes the file with what it finds; [\`voxanne-rollout.schema.json\`](../voxanne-rollout.schema.json) lets an editor complete and check it. It holds no secret: commit it.`,
    '',
    '## Decisions',
    '',
    'A step that needs one stops before it changes anything, and names each answer with its consequence. `--yes` alone grants none. The wizard asks on the spot; the answer holds for the session, and `W` writes it into the file. What takes a list of names may be given more than once.',
    '',
    ...table(decisions, ['flag', 'key in the file', 'default', 'what it is']),
    '',
    '## Settings',
    '',
    ...table(settings, ['flag', 'key in the file', 'default', 'what it is']),
    '',
    '## In the file alone',
    '',
    ...table(inFile, ['key in the file', 'default', 'what it is']),
    '',
  ].join('\n')}`;
};
