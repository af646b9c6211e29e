import type { Policy } from '../../../src/database/catalog/types.ts';
import { asksParents } from './by-parent.ts';
import { type Alternative, checkOf, type Guarded, meaningsOf, usingOf } from './classify.ts';
import type { Rule } from './rules.ts';
import type { Judging } from './scope.ts';

/**
 * Whether a policy that stands beside the rule lets through nothing outside of the caller's organizations and their own
 * rows: each of its alternatives binds the row to a membership that counts, whatever else it asks. `strict` takes
 * neither a claim of the token nor a membership that does not count for one.
 *
 * A row that hangs on others may be shown with them.
 *
 * Where rows name an organization, one's own row is not enough for what is written: it could name another.
 */
export async function isContained(policy: Policy, rule: Rule, guarded: Guarded, strict: Judging): Promise<boolean> {
  const visitors = policy.roles.includes('anon');
  const side = async (expression: string | null, passes: (one: Alternative) => boolean): Promise<boolean> => {
    if (expression === null) return true;
    const all = await meaningsOf(expression, guarded, strict, visitors);
    for (const one of all) {
      if (one.meaning === 'never' || passes(one)) continue;
      if (rule.kind !== 'child' || visitors || !(await asksParents(one.text, rule.table, strict.guards))) return false;
    }
    return all.length > 0;
  };
  const commands = policy.command === 'ALL' ? (['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const) : [policy.command];
  for (const command of commands) {
    const bound = (one: Alternative): boolean => one.bound && (command === 'SELECT' || limits(one, rule));
    const using = await side(usingOf(policy, command), (one) => bound(one) || one.meaning === 'own');
    const check = await side(
      checkOf(policy, command),
      (one) => bound(one) || (one.meaning === 'own' && stays(rule, command)),
    );
    if (!using || !check) return false;
  }
  return true;
}

/** Who belongs where, and as what, is not for every member to write. */
const limits = (one: Alternative, { kind }: Rule): boolean =>
  kind !== 'memberships' && kind !== 'profiles' ? true : one.meaning === 'within';

/** The row names no organization, or a trigger keeps API roles from changing which. */
const stays = ({ kind, keys }: Rule, command: string): boolean =>
  kind === 'organizations' || (kind === 'profiles' && (keys.length === 0 || command === 'UPDATE'));
