import { withoutComments } from '../catalog/calls.ts';
import { literal } from '../quote.ts';
import { idFor } from './arguments.ts';
import type { ColumnFacts, TableFacts } from './facts.ts';
import { type Family, findRow } from './rows.ts';
import { nameOf, type World } from './world.ts';

/** Values, as SQL, that a row is given so that a trigger does more with it than it does with any row. */
export type Aim = ReadonlyMap<string, string>;

/** Whether anything in the text of a function can write. */
export const canWrite = (body: string): boolean =>
  /\b(insert|delete|merge|truncate|execute|call|(?<!\bfor\s+(no\s+key\s+)?)update)\b/i.test(
    withoutComments(body).replace(/'[^']*'/g, `''`),
  );

/**
 * What the functions of a trigger wait for in the row that fires them (`new.kind = 'rename'`, `new.published`), each
 * with what makes the row point at B where they look rows up by it (`where iban = new.to_iban`,
 * `new.params ->> 'patient'`). The first is the pointing alone. Nothing, where they ask for nothing. `left`: cases beyond
 * those that fit into one probe.
 */
export function aims(
  world: World,
  family: Family,
  table: TableFacts,
  tables: readonly TableFacts[],
  bodies: readonly string[],
): { readonly tried: readonly Aim[]; readonly left: number } {
  const text = bodies.map(withoutComments).join('\n');
  const open = (name: string): ColumnFacts | undefined =>
    name === world.tenantColumns.get(nameOf(table)) || table.primary.includes(name)
      ? undefined
      : table.columns.find((column) => column.name === name && !column.generated);
  const pointing = pointed(world, family, tables, text, open);
  const cases = waited(text).flatMap(([name, value]): readonly Aim[] => {
    const column = open(name);
    return column === undefined ? [] : [new Map([...pointing, [name, `${literal(value)}::${column.type}`]])];
  });
  const flags = [...text.matchAll(/\bnew\.(\w+)/gi)].flatMap(([, name = '']): readonly Aim[] =>
    open(name)?.base === 'boolean' ? [new Map([...pointing, [name, 'true']])] : [],
  );
  const changed = together(changedIn(text), pointing, open, (column) => other(column));
  const beyond = together(beyondIn(text), pointing, open, (column, bound) =>
    bound === null ? other(column) : numbers.test(column.base) ? `${literal(bound)}::${column.type}` : null,
  );
  const all = [...(pointing.size === 0 ? [] : [pointing]), ...changed, ...beyond, ...cases, ...flags];
  const distinct = new Map(all.map((aim) => [JSON.stringify([...aim]), aim]));
  return { tried: [...distinct.values()].slice(0, most), left: Math.max(0, distinct.size - most) };
}

/** Each aim is one write more inside the transaction of the probe. */
const most = 18;

/** Columns with what they have to hold; null: anything else than before. */
type Waited = ReadonlyMap<string, string | null>;

/** Columns that a trigger compares with what they held before. */
function changedIn(text: string): Waited {
  const differs = String.raw`\s*(?:is\s+distinct\s+from|<>|!=)\s*`;
  const found = text.matchAll(new RegExp(`\\b(?:new\\.(\\w+)${differs}old\\.|old\\.(\\w+)${differs}new\\.)`, 'gi'));
  return new Map([...found].map(([, first, second]) => [first ?? second ?? '', null]));
}

/** Columns that it wants above or below a number, or to hold anything at all. */
function beyondIn(text: string): Waited {
  const bounds = [...text.matchAll(/\bnew\.(\w+)\s*([<>]=?)\s*(-?\d+(?:\.\d+)?)\b/gi)].map(
    ([, name = '', operator = '', bound = '']) =>
      [name, String(Number(bound) + (operator.startsWith('>') ? 1 : -1))] as const,
  );
  const held = [...text.matchAll(/\bnew\.(\w+)\s+is\s+not\s+null\b/gi)].map(([, name = '']) => [name, null] as const);
  return new Map([...held, ...bounds]);
}

/** One aim for all of them: whoever waits for one does not mind the others. */
function together(
  waited: Waited,
  pointing: Aim,
  open: (name: string) => ColumnFacts | undefined,
  value: (column: ColumnFacts, bound: string | null) => string | null,
): readonly Aim[] {
  const found = [...waited].flatMap(([name, bound]): readonly (readonly [string, string])[] => {
    const column = pointing.has(name) ? undefined : open(name);
    const sql = column === undefined ? null : value(column, bound);
    return sql === null ? [] : [[name, sql]];
  });
  return found.length === 0 ? [] : [new Map([...pointing, ...found])];
}

const numbers = /^(numeric|integer|bigint|smallint|real|double precision)$/;

/** A value that no row of the probe has; null where it would have to be somebody's id. */
function other({ base, type, kind, labels }: ColumnFacts): string | null {
  const text = numbers.test(base)
    ? '7'
    : /^(text|character varying|citext)$/.test(base)
      ? 'another'
      : base === 'boolean'
        ? 'true'
        : /^(date|timestamp)/.test(base)
          ? '2002-02-02'
          : /^jsonb?$/.test(base)
            ? '{"another": true}'
            : kind === 'enum'
              ? (labels.at(-1) ?? null)
              : null;
  return text === null ? null : `${literal(text)}::${type}`;
}

/** Columns and the words that they are compared with. */
function waited(text: string): readonly (readonly [string, string])[] {
  const compared = [
    ...text.matchAll(/\bnew\.(\w+)(?:::\w+)?\s*(?:=|<>|!=|is\s+(?:not\s+)?distinct\s+from)\s*'([^']*)'/gi),
  ].map(([, name = '', value = '']) => [name, value] as const);
  const listed = [...text.matchAll(/\bnew\.(\w+)(?:::\w+)?\s+in\s*\(([^()]*)\)/gi)].flatMap(
    ([, name = '', list = '']) => [...list.matchAll(/'([^']*)'/g)].map(([, value = '']) => [name, value] as const),
  );
  const branched = [...text.matchAll(/\bcase\s+new\.(\w+)([\s\S]*?)\bend\s+case\b/gi)].flatMap(
    ([, name = '', branches = '']) =>
      [...branches.matchAll(/\bwhen\s+'([^']*)'/gi)].map(([, value = '']) => [name, value] as const),
  );
  return [...compared, ...listed, ...branched];
}

/** Columns that rows are looked up by, with what leads to B's row. */
function pointed(
  world: World,
  family: Family,
  tables: readonly TableFacts[],
  text: string,
  open: (name: string) => ColumnFacts | undefined,
): Aim {
  const found = new Map<string, string>();
  /** A value of B's row in a column of that name. */
  const ofB = (column: string): string | undefined =>
    tables.map((one) => findRow(family, one, 'b')?.values.get(column)).find((value) => value !== undefined);
  const compared = [
    ...[...text.matchAll(/\b(\w+)\s*=\s*new\.(\w+)\b(?!\s*->)/gi)].map(([, theirs = '', own = '']) => [theirs, own]),
    ...[...text.matchAll(/\bnew\.(\w+)\s*=\s*(?:\w+\.)?(\w+)\b(?!\s*\()/gi)].map(([, own = '', theirs = '']) => [
      theirs,
      own,
    ]),
  ];
  for (const [theirs = '', own = ''] of compared) {
    const column = open(own);
    const value = ofB(theirs);
    if (column !== undefined && value !== undefined) found.set(own, `(${value})::text::${column.type}`);
  }
  const keys = new Map<string, string[]>();
  for (const [, own = '', key = ''] of text.matchAll(/\bnew\.(\w+)\s*->>?\s*'([^']+)'/gi))
    if (/^jsonb?$/.test(open(own)?.base ?? '')) keys.set(own, [...(keys.get(own) ?? []), key]);
  for (const [own, names] of keys) {
    const object = names.map((name) => {
      return `${literal(name)}, ${literal(idFor(world, family, tables, name, 'text') ?? 'probe')}`;
    });
    found.set(own, `pg_catalog.jsonb_build_object(${object.join(', ')})::${open(own)?.type ?? 'jsonb'}`);
  }
  return found;
}
