import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note } from '../../src/rollout/step.ts';
import type { Filter } from '../1-database/survey/types.ts';
import type { Code } from '../code/code.ts';
import type { DatabaseFacts } from '../code/database-facts.ts';

/** The calls that a query of supabase-js takes for these filters, a line each, in front of the last call of the template. */
export function filterCalls(filters: readonly Filter[] | null | undefined, indent: string, quote: string): string {
  return (filters ?? []).map((filter) => `\n${indent}${callOf(filter, quote)}`).join('');
}

function callOf(filter: Filter, quote: string): string {
  const text = (value: string): string => `${quote}${value.replace(/[\\'"]/g, '\\$&')}${quote}`;
  const column = text(filter.column);
  switch (filter.test) {
    case 'null':
      return `.is(${column}, null)`;
    case 'not null':
      return `.not(${column}, ${text('is')}, null)`;
    case 'true':
      return `.is(${column}, true)`;
    case 'not true':
      return `.not(${column}, ${text('is')}, true)`;
    case 'not false':
      return `.not(${column}, ${text('is')}, false)`;
    case 'null or later':
      return `.or(\`${filter.column}.is.null,${filter.column}.gt.\${new Date().toISOString()}\`)`;
    case 'in':
      return `.in(${column}, [${filter.labels.map(text).join(', ')}])`;
    case 'null or in':
    case 'null or not in': {
      const word = filter.test === 'null or in' ? 'in' : 'not.in';
      return `.or(${text(`${filter.column}.is.null,${filter.column}.${word}.(${filter.labels.map(listed).join(',')})`)})`;
    }
  }
}

/** In a list of PostgREST what is no plain word stands in double quotes. */
const listed = (label: string): string => (/^\w+$/.test(label) ? label : `"${label.replace(/["\\]/g, '\\$&')}"`);

/** Conditions that the operator wrote in SQL: the module takes every row for one that counts, until somebody adds them. */
export const unaskedChecks = ({ facts }: Code): readonly CheckResult[] =>
  unasked(facts).map(([id, setting, table]) => ({
    id: `2.1/counts/${id}`,
    title: `The service asks which rows of ${table} count`,
    kind: 'scan',
    verdict: 'skipped',
    matters: true,
    expected: `the condition of ${setting} in its query`,
    observed: `not checked: ${setting} is SQL, which the data API does not take`,
    advice: `Add the condition to the query over ${table} in the module, as filters of supabase-js; then accept this check by its id.`,
    milliseconds: 0,
  }));

/** The same before the step is applied. */
export const unaskedNotes = ({ facts }: Code): readonly Note[] =>
  unasked(facts).map(([, setting, table]) => ({
    text: `${setting} is SQL, which the data API does not take: the module takes every row of ${table} for one that counts. Its query needs the condition, and the step asks for it.`,
  }));

const unasked = ({
  memberships,
  profiles,
  organizations,
}: DatabaseFacts): readonly (readonly [string, string, string])[] => [
  ...(memberships?.active === null ? [['memberships', 'names.activeMembership', memberships.table] as const] : []),
  ...(memberships === null && profiles?.active === null
    ? [['profiles', 'names.activeMembership', profiles.table] as const]
    : []),
  ...(organizations.living === null
    ? [['organizations', 'names.livingOrganization', organizations.table] as const]
    : []),
];
