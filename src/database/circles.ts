import type { ApiRole } from './probes/facts.ts';
import { identifier } from './quote.ts';
import { escapeRegExp } from './words.ts';

/** Policies that ask in a circle: found while planning (42P17), or, through functions, when the stack is full (54001). */
export const isCircle = (code: string | null): boolean => code === '42P17' || code === '54001';

/** How a query ended whose policies ask in a circle. */
export type Circle = { readonly code: string; readonly message: string };

/** What a role may read is decided by the conditions of these policies. */
export type Guarding = {
  readonly columns: readonly string[];
  readonly policies: readonly {
    readonly command: string;
    readonly using: string | null;
    readonly roles: readonly string[];
  }[];
};

/**
 * Remembers conditions that ended in a circle. To find one costs seconds, since the server fills its stack first, and
 * a schema of many tables often has the same condition on each: it is asked once. `over`: a statement limit met.
 */
export type Circles = {
  readonly known: (role: ApiRole, guarding: Guarding) => Circle | null;
  readonly learn: (role: ApiRole, guarding: Guarding, circle: Circle) => void;
};

export function rememberCircles(): Circles {
  const found = new Map<string, Circle>();
  return {
    known: (role, guarding) => {
      const texts = conditionsOf(role, guarding);
      for (const text of [texts.join('\n'), ...texts]) {
        const circle = found.get(`${role} ${text}`);
        if (circle !== undefined) return circle;
      }
      return null;
    },
    learn: (role, guarding, circle) => {
      const texts = conditionsOf(role, guarding);
      if (texts.length > 0) found.set(`${role} ${texts.join('\n')}`, circle);
    },
  };
}

/** Conditions on reading, with columns left out: `is_member(org_id)` here is `is_member(id)` there. */
const conditionsOf = (role: ApiRole, { columns, policies }: Guarding): readonly string[] =>
  [
    ...new Set(
      policies
        .filter((one) => one.roles.includes(role) || one.roles.includes('public'))
        .filter((one) => one.command === 'SELECT' || one.command === 'ALL')
        .flatMap(({ using }) => (using === null ? [] : [withoutColumns(using, columns)])),
    ),
  ].sort();

function withoutColumns(text: string, columns: readonly string[]): string {
  const names = [...new Set(columns.flatMap((name) => [name, identifier(name)]))]
    .sort((one, other) => other.length - one.length)
    .map(escapeRegExp);
  if (names.length === 0) return text;
  return text.replace(new RegExp(`(?<![\\w"'.])(?:\\w+\\.)?(?:${names.join('|')})(?![\\w"'(])`, 'g'), '?');
}
