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

/** What the service cannot ask of the database: conditions that the operator wrote in SQL. */
export function unaskedNotes({ facts }: Code): readonly Note[] {
  return unasked(facts).map((setting) => ({
    text: `${setting} is SQL, which the service cannot ask through the data API: it takes every row for one that counts. Add the condition to its query where the module asks for it.`,
  }));
}

const unasked = ({ memberships, organizations }: DatabaseFacts): readonly string[] => [
  ...(memberships?.active === null ? ['names.activeMembership'] : []),
  ...(organizations.living === null ? ['names.livingOrganization'] : []),
];
