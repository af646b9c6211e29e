import { singularOf } from '../../src/workspace/scan/vocabulary.ts';

/** What the people of an app call an organization, by the table of them: `workspaces` -> workspace, `orgs` -> organization. */
export function nounOf(table: string): string {
  const singular = singularOf(table).replaceAll('_', ' ');
  return /^(?:org|organi[sz]ation|tenant|)$/.test(singular) ? 'organization' : singular;
}

export const titled = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
