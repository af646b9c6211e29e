import type { Column, Policy, Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { mentions } from '../../../src/database/words.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Ask } from './ask.ts';
import {
  type ByValues,
  type Candidate,
  type Directory,
  generalNames,
  isUsual,
  joins,
  policyWords,
  type Renamed,
  reason,
  referencesOf,
} from './candidates.ts';
import { keptElsewhere, ofOwners, ofPeople } from './rare-directories.ts';
import { asFlag, foreignKeyOf, isPeople, isText, nameOf, plainName, primaryColumn, userColumns } from './shape.ts';

/** Finds the table that rows, users and policies call their organization. */
export async function findDirectory(
  tables: readonly Table[],
  policies: readonly Policy[],
  renamed: Renamed,
  ask: Ask,
): Promise<Directory> {
  const people = new Set(tables.filter(isPeople).map(nameOf));
  const roots = tables.filter((table) => !table.isPartition && table.kind !== 'foreign');
  const possible = roots.filter((table) => primaryColumn(table) !== null && !people.has(nameOf(table)));
  const named = policyWords(policies);
  const values = await byValues(possible, roots, renamed.to, ask);
  const references = referencesOf(roots, renamed);
  const all = possible.map((table) => describe(table, references(table), people, named, values));
  const likely = choose(all.filter((one) => one.users || one.usual || one.valued));
  const byPeople = ofPeople(all, people, references);
  const { table } = likely;
  // Projects with members of their own, which name what their people name, lie below it.
  const below =
    table !== null && !isUsual(table) && all.some((one) => one.table === byPeople?.table && one.tables.has(table));
  const found =
    likely.question !== null
      ? likely
      : table === null
        ? (ofOwners(all, roots, people, named) ?? byPeople ?? likely)
        : below
          ? (byPeople ?? likely)
          : likely;
  const kept = found.question === null ? keptElsewhere(roots, found.table, people, values) : null;
  return kept === null ? found : { table: null, because: 'no table holds the organizations', question: kept };
}

function choose(all: readonly Candidate[]): Directory {
  const none = { table: null, because: 'no table is referred to as the organization of rows or users', question: null };
  const above = (low: Candidate, high: Candidate): boolean => high.tables.has(low.table);
  const left = all.filter((one) => {
    const others = all.filter((other) => other !== one);
    // Projects of an organization have members too, and a company that an organization sells to has a usual name.
    if (
      !(one.usual && one.users) &&
      others.some((other) => other.users && (other.usual || !one.usual) && above(one, other) && !above(other, one))
    )
      return false;
    return one.tables.size > 0 || others.every((other) => other.tables.size === 0);
  });
  const ranked = [...left].sort(
    (one, other) =>
      Number(other.users) - Number(one.users) ||
      other.tables.size - one.tables.size ||
      Number(other.usual) - Number(one.usual),
  );
  const [first, second] = ranked;
  if (first === undefined) return none;
  const found = (one: Candidate): Directory => {
    // Users are in teams alone, and rows are kept by the organization that owns the teams: one of the two isolates.
    const over = all.filter(
      (high) =>
        high.usual &&
        !high.users &&
        above(one, high) &&
        !above(high, one) &&
        [...high.tables].some((table) => table !== one.table && !one.tables.has(table)),
    );
    return over.length === 0
      ? { table: one.table, because: reason(one), question: null }
      : { table: null, because: 'several tables could be it', question: whichOf([one, ...over]) };
  };
  if (second === undefined) return first.usual || first.tables.size > 0 ? found(first) : none;
  const related = above(first, second) || above(second, first);
  if (!first.users && !second.users && first.usual !== second.usual && first.tables.size === second.tables.size)
    return found(first.usual ? first : second);
  const clear = first.users && !second.users ? true : first.tables.size >= 2 * Math.max(1, second.tables.size);
  const rivals = ranked.filter(
    (one) => one.users === first.users && (related || 2 * one.tables.size > first.tables.size),
  );
  // Teams within organizations are asked for by fewer tables; clinics of an agency by more than the agency.
  if (clear && (!(related && second.users) || (above(second, first) && !above(first, second)))) return found(first);
  const isolating = rivals.filter((one) => one.isolates > 0);
  if (isolating.length === 1 && isolating[0] !== undefined) return found(isolating[0]);
  const oneUsual = rivals.filter((one) => one.usual);
  if (!related && oneUsual.length === 1 && oneUsual[0] !== undefined) return found(oneUsual[0]);
  return { table: null, because: 'several tables could be it', question: whichOf(rivals) };
}

function whichOf(rivals: readonly Candidate[]): Blocker {
  const [first] = rivals;
  return {
    problem: `${rivals.length} tables could be the directory of organizations: ${rivals.map((one) => nameOf(one.table)).join(', ')}.`,
    remedy: `Name the one whose users may see nothing of the others: ${first === undefined ? '' : `--organizations ${asFlag(first.table)}, or `}names.organizations in the configuration file.`,
    detail: rivals.map((one) => `${nameOf(one.table)}: ${reason(one)}`).join('\n'),
  };
}

function describe(
  table: Table,
  references: ReadonlyMap<Table, readonly Column[]>,
  people: ReadonlySet<string>,
  named: ReadonlyMap<string, string>,
  values: ByValues,
): Candidate {
  const held = values.get(table) ?? [];
  const tables = new Set<Table>();
  let users = false;
  let isolates = 0;
  const ofPeople = new Set<string>();
  const asked: string[] = [];
  const guarded = new Set<string>();
  for (const other of new Set([...references.keys(), ...held.map((one) => one.table)])) {
    if (other === table) continue;
    const columns = [
      ...(references.get(other) ?? []),
      ...held.filter((one) => one.table === other).map((one) => one.column),
    ];
    tables.add(other);
    const person = people.has(nameOf(other));
    const members = userColumns(other, people);
    // A plan or a country of a person says nothing; only a usual name or rows beyond it make that column a key.
    if (person) for (const one of columns) ofPeople.add(one.name);
    if (person ? isUsual(table) || held.length > 0 : joins(other, columns, members)) users = true;
    const words = named.get(nameOf(other)) ?? '';
    const inPolicies = person ? [] : columns.filter((one) => mentions(words, one.name)).map((one) => one.name);
    asked.push(...new Set(inPolicies));
    if (inPolicies.length > 0 && members.length === 0) {
      isolates += 1;
      for (const one of inPolicies) guarded.add(one);
    }
  }
  // Whatever it is called: a person's column of a name that says "the organization", or that policies of other tables
  // ask for; where rows name users too, of more than one.
  const isKey = (name: string): boolean =>
    generalNames.includes(plainName(name)) || guarded.has(name) || asked.filter((one) => one === name).length > 1;
  if ([...ofPeople].some(isKey)) users = true;
  return { table, usual: isUsual(table), tables, users, valued: held.length > 0, isolates };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Looks a few values of each such column up in every table that could be meant; by their primary keys, so by index. */
async function byValues(possible: readonly Table[], roots: readonly Table[], to: string, ask: Ask): Promise<ByValues> {
  const names = new Set([to, ...generalNames]);
  const columns = roots
    .flatMap((table) => table.columns.map((column) => ({ table, column })))
    .filter(
      ({ table, column }) =>
        names.has(plainName(column.name)) &&
        foreignKeyOf(table, column.name) === null &&
        (column.base === 'uuid' || isText(column.base)),
    )
    .slice(0, 40);
  const found = new Map<Table, { table: Table; column: Table['columns'][number] }[]>();
  if (columns.length === 0) return found;
  const samples = await ask<{ at: number; v: string }>(
    columns
      .map(({ table, column }, at) => {
        const value = identifier(column.name);
        return `select ${at} as at, s.v from (select distinct t.v from (select t.${value}::text as v from ${qualified(table.schema, table.name)} t where t.${value} is not null limit 50) t limit 10) s`;
      })
      .join('\nunion all\n'),
  );
  if (samples === null || samples.length === 0) return found;
  const all = [...new Set(samples.map((row) => row.v))];
  const questions = possible.flatMap((table, at) => {
    const key = primaryColumn(table);
    const typed = key?.base === 'uuid' ? all.filter((value) => uuid.test(value)) : all;
    if (key === null || typed.length === 0 || !(key.base === 'uuid' || isText(key.base))) return [];
    const type = key.base === 'uuid' ? 'uuid' : 'text';
    return [
      `select ${at} as at, o.${identifier(key.name)}::text as v from ${qualified(table.schema, table.name)} o where o.${identifier(key.name)} = any (array[${typed.map(literal).join(', ')}]::${type}[])`,
    ];
  });
  if (questions.length === 0) return found;
  const known = await ask<{ at: number; v: string }>(questions.join('\nunion all\n'));
  for (const row of known ?? []) {
    const directory = possible[row.at];
    if (directory === undefined) continue;
    const list = found.get(directory) ?? [];
    for (const sample of samples.filter((one) => one.v === row.v)) {
      const one = columns[sample.at];
      if (one !== undefined && one.table !== directory && !list.includes(one)) list.push(one);
    }
    found.set(directory, list);
  }
  return found;
}
