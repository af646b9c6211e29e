import { loadParser } from '../../../src/database/rename/parser.ts';
import type { Target } from '../../target.ts';
import { signUpMakesOrganization } from '../existing-users/nowhere.ts';
import { nameOf } from '../survey/shape.ts';
import type { Survey } from '../survey.ts';
import { type AppTrigger, appTriggers } from './app-triggers.ts';

/** A trigger of the app on `auth.users` that does what sign-up does; it stays where ours does less, or other things. */
export type TakingPart = AppTrigger & { readonly stays: boolean };

export function takingPart(found: Survey, target: Target): readonly TakingPart[] {
  const own = ['handle_new_user_setup', 'keep_org_id', 'follow_org_id', 'follow_membership'];
  return appTriggers(
    found.catalog,
    [found.organizations, found.profiles, found.memberships?.table ?? null],
    keyNames(found),
    own.map((name) => `public.${name}()`),
  ).map((one) => ({ ...one, stays: one.beyond.length > 0 || !signUpMakesOrganization(target) }));
}

/** What the organization is called, today and afterwards. */
export const keyNames = (found: Survey): readonly string[] => [
  found.to,
  ...found.from,
  ...(found.profileOrg === null ? [] : [found.profileOrg]),
];

/** The app's own trigger stays and makes the profile first; which organization it names is written a moment later. */
export async function profileComesFirst(found: Survey, target: Target): Promise<boolean> {
  const { profiles } = found;
  if (profiles === null) return false;
  await loadParser();
  return takingPart(found, target).some((one) => one.stays && one.tables.has(nameOf(profiles)));
}
