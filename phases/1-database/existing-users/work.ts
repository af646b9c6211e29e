import { identifier, literal } from '../../../src/database/quote.ts';
import type { BatchChange } from '../../../src/rollout/change.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Target } from '../../target.ts';
import { profileKey } from '../sign-up/parts.ts';
import { allowedValues, isText, type Survey } from '../survey.ts';
import { type Assignment, memberRole, ownerRole, type UserFacts } from '../values.ts';
import type { Belongs } from './belongs.ts';
import type { Judged } from './judge.ts';
import { orphansDecision } from './nowhere.ts';

/** What the batches of step 1.5 are planned from, and what several of them are made of. */
export type Work = {
  readonly found: Survey;
  readonly target: Target;
  readonly now: Belongs;
  readonly then: Belongs;
  readonly quiet: boolean;
  readonly judged: Judged;
  readonly blockers: Blocker[];
};

export type Planned = { readonly change: BatchChange; readonly todo: string };

/** Each orphan gets an organization, where the operator said so. */
export const ownOrganizations = ({ target }: Work): boolean => orphansDecision(target) === 'own-organization';

export const factsOf = (work: Work): UserFacts => ({
  user: 'u.id',
  organization: 'b.org',
  name: `coalesce(nullif(trim(u.raw_user_meta_data ->> 'organization_name'), ''), nullif(split_part(u.email, '@', 1), ''), nullif(u.phone, ''), 'Organization')`,
  email: 'u.email',
  phone: 'u.phone',
  metadata: 'u.raw_user_meta_data',
  given: (expression) => `(select (${expression}) from auth.users as new where new.id = u.id)`,
  many: true,
  ...profileKey(work.found, work.then.names, 'u.id'),
});

/** The user and where they belong: OFFSET 0, so that it is worked out once per user and not once per column. */
export const users = (belongs: Belongs, own: boolean, from = `auth.users u${belongs.each}`): string =>
  `${from} cross join lateral (select ${belongs.org(own)} as org offset 0) b`;

/** The owner of an organization made for them; else what their profile says; else a plain member. */
export function roleFor(
  work: Work,
  table: NonNullable<Survey['profiles']>,
  name: string,
  list: readonly Assignment[],
  owns = `b.org = ${work.then.own}`,
): string {
  const { found, then } = work;
  const column = table.columns.find((one) => one.name === name);
  if (column === undefined) return list.find((one) => one.column === name)?.expression ?? 'null';
  const allowed = allowedValues(table, column, found.enums);
  const cast = isText(column.type) ? '' : `::${column.type}`;
  const p = then.names.profiles;
  const said =
    table === found.profiles || p === null || p.role === null || p.org === null
      ? ''
      : `(select p.role::text from ${p.sql} p where ${p.of('p', 'u.id')} and p.${p.org} = b.org limit 1)`;
  const accepted = allowed.length === 0 ? 'is not null' : `in (${allowed.map(literal).join(', ')})`;
  const fromProfile = said === '' ? '' : ` when ${said} ${accepted} then ${said}`;
  const configured = list.find((one) => one.column === name && one.reason === 'as configured')?.expression;
  const owner = configured === undefined ? literal(ownerRole(allowed)) : `(${configured})::text`;
  return `(case when ${owns} then ${owner}${fromProfile} else ${literal(memberRole(allowed))} end)${cast}`;
}

export const columns = (list: readonly Assignment[]): string =>
  list.map((one) => `${one.expression} as ${identifier(one.column)}`).join(', ');

export const first = <T extends { readonly column: string }>(list: readonly T[], column: string): readonly T[] => [
  ...list.filter((one) => one.column === column),
  ...list.filter((one) => one.column !== column),
];
