import { identifier, literal, qualified } from '../quote.ts';
import type { ColumnFacts, TableFacts } from './facts.ts';
import { addRow, type Family, findFilter } from './rows.ts';
import { scopeOf } from './scope.ts';
import { quietly } from './script.ts';
import { isText } from './values.ts';
import type { World } from './world.ts';

/**
 * Somebody whom B has invited and who has not accepted is no member of B. The invitation itself they may read, and which
 * organization it is of: who invited them, what it is called. No other row of B is theirs.
 */

const isInvitation = (world: World, table: TableFacts): boolean =>
  /invit/i.test(table.name) && !castOf(world).includes(table) && scopeOf(world, table).kind !== 'none';

const castOf = ({ users, organizations, profiles, memberships }: World): readonly (TableFacts | null)[] => [
  users,
  organizations,
  profiles,
  memberships,
];

const inviters = /^(sender|inviter|invited_by|created_by|from|owner)/;

/** Columns that say who is invited: by an address, else by a user. */
function inviteesOf(table: TableFacts): { readonly emails: readonly string[]; readonly users: readonly string[] } {
  const names = (is: (column: ColumnFacts) => boolean): readonly string[] =>
    table.columns.filter((one) => !one.generated && !inviters.test(one.name) && is(one)).map(({ name }) => name);
  const emails = names(({ name, base }) => isText(base) && /(^|_)e?mail(_address)?$/.test(name));
  const users = names(
    ({ name, base }) => base === 'uuid' && /^(invitee|invited|recipient|target)(_user|_profile)?(_id)?$/.test(name),
  );
  const plain = names(({ name, base }) => base === 'uuid' && /^(user|profile)(_id)?$/.test(name));
  return { emails, users: emails.length + users.length > 0 ? users : plain };
}

/** Tables of invitations that say whom B invites. */
const invitationsOf = (world: World): readonly TableFacts[] =>
  [...world.facts.values()].filter((table) => {
    if (!isInvitation(world, table) || table.isPartition) return false;
    const { emails, users } = inviteesOf(table);
    return emails.length + users.length > 0;
  });

/** Those that SQL asks: by name, or through functions and views that it names. */
export function invitationsIn(world: World, text: string): readonly TableFacts[] {
  const tables = invitationsOf(world);
  if (tables.length === 0) return [];
  const words = new Set(text.match(/[\w$]+/g));
  // A set takes what is added while it is walked.
  for (const word of words) {
    for (const view of world.catalog.views) if (view.name === word) addWords(words, view.definition);
    for (const fn of world.catalog.functions) if (fn.name === word) addWords(words, fn.body);
  }
  return tables.filter((table) => words.has(table.name));
}

function addWords(words: Set<string>, text: string): void {
  for (const word of text.match(/[\w$]+/g) ?? []) words.add(word);
}

/** What makes invitations of B to A that are open; with B's rows of them in the family. */
export async function invite(
  world: World,
  family: Family,
  tables: readonly TableFacts[],
  quiet: boolean,
): Promise<readonly string[]> {
  const statements: string[] = [];
  for (const table of tables) {
    const row = await addRow(world, family, table, 'b');
    const filter = findFilter(world, row);
    if (filter === null) continue;
    const { emails, users } = inviteesOf(table);
    const whom: readonly Change[] = [
      ...emails.map((name): Change => [name, literal(family.ids.email.a)]),
      ...users.map((name): Change => [name, literal(family.ids.user.a)]),
    ];
    const target = qualified(table.schema, table.name);
    const attempt = (changes: readonly Change[]): string =>
      `update ${target} set ${changes.map(([name, sql]) => `${identifier(name)} = ${sql}`).join(', ')} where ${filter};`;
    const refused = 'exception when integrity_constraint_violation or data_exception or raise_exception then';
    statements.push(
      `do $voxanne$ begin ${attempt([...whom, ...table.columns.flatMap((column) => openedBy(table, column))])} ${refused} ${attempt(whom)} end $voxanne$`,
    );
  }
  return quiet ? quietly(statements) : statements;
}

type Change = readonly [column: string, sql: string];

const ended =
  /^(is_)?(accepted|redeemed|used|consumed|claimed|declined|rejected|revoked|cancell?ed|deleted|responded|joined|expired)(_at|_on|_by|_date|_time)?$/;
const waiting = ['pending', 'open', 'sent', 'invited', 'waiting', 'new', 'created'];

/** What a column of an invitation holds as long as nobody has accepted it and it may still be accepted. */
function openedBy(table: TableFacts, column: ColumnFacts): readonly Change[] {
  const { name, base, generated, notNull } = column;
  if (generated) return [];
  if (ended.test(name)) return base === 'boolean' ? [[name, 'false']] : notNull ? [] : [[name, 'null']];
  if (/expir|valid_(until|to)/.test(name) && /^(timestamp|date)/.test(base))
    return [[name, `now() + interval '7 days'`]];
  if (!/^((invite|invitation)_)?(status|state)$/.test(name)) return [];
  const known = wordsOf(table, column);
  const word = waiting.flatMap((one) => known.filter((each) => each.toLowerCase() === one))[0];
  return word === undefined ? [] : [[name, `${literal(word)}::${column.type}`]];
}

/** What a status may be: labels of its type, words of its CHECK, else any word that is usual. */
function wordsOf(table: TableFacts, column: ColumnFacts): readonly string[] {
  if (column.labels.length > 0) return column.labels;
  const checked = table.checks
    .filter(({ columns }) => columns.includes(column.name))
    .flatMap(({ expression }) => [...expression.matchAll(/'([^']*)'/g)].map(([, text = '']) => text));
  return checked.length > 0 || !isText(column.base) ? checked : waiting;
}

/** Patterns that only B's own rows match: neither the invitation nor what says which organization, and who, it is of. */
export function tenantMarks(world: World, family: Family, given: readonly string[] = []): readonly string[] {
  const cast = castOf(world);
  const isMeant = (table: TableFacts): boolean =>
    cast.includes(table) ||
    isInvitation(world, table) ||
    scopeOf(world, table).kind === 'none' ||
    /role/i.test(table.name);
  const rows = family.rows.filter((row) => row.person === 'b');
  const known = rows
    .filter(({ table }) => isMeant(table))
    .flatMap(({ marker, values }) => [marker, ...values.values()]);
  return rows
    .filter(({ table }) => !isMeant(table))
    .flatMap((row) => [
      row.marker,
      ...row.table.primary.flatMap((name) =>
        [...(row.values.get(name)?.matchAll(/'([^']{8,})'/g) ?? [])].map(([, id = '']) => id),
      ),
    ])
    .filter((mark) => ![...known, ...given].some((one) => one.includes(mark)))
    .map((mark) => literal(`%${mark}%`));
}

/** The tables of B whose change by somebody invited is none of accepting or declining. */
export const beyondInvitations = (world: World, tables: readonly TableFacts[]): readonly TableFacts[] =>
  tables.filter((table) => !castOf(world).includes(table) && !isInvitation(world, table));
