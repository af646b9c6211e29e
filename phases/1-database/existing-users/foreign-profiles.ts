import type { ClientBase } from 'pg';
import { identifier, qualified } from '../../../src/database/quote.ts';
import type { Target } from '../../target.ts';
import { asker } from '../survey/ask.ts';
import { profileUser, type Survey } from '../survey.ts';
import { belongsOf } from './belongs.ts';
import { portalsOf } from './judge.ts';

/** More than these are not named one by one. */
const most = 1000;

/** Users whose profile names an organization that they are no member of; null where profiles or memberships do not say. */
export async function foreignProfiles(
  client: ClientBase,
  target: Target,
  found: Survey,
): Promise<readonly string[] | null> {
  const { profiles, profileOrg } = found;
  if (profiles === null || profileOrg === null || found.memberships === null) return null;
  const at = belongsOf(found, 'now', target, false, await portalsOf(client, found));
  if (at === null || at.member === null) return null;
  const org = `p.${identifier(profileOrg)}`;
  const from = at.whole.includes(' join ') ? `(${at.whole})` : at.whole;
  const user = profileUser(found);
  const uuid = profiles.columns.some((one) => one.name === user && one.base === 'uuid');
  // As they are where that can be: no index answers to their texts.
  const own = uuid ? `p.${identifier(user)} = u.id` : `p.${identifier(user)}::text = u.id::text`;
  // A question of its own limits: with many users it may go without an answer.
  const rows = await asker(client)<{ id: string }>(
    `select u.id::text as id
     from ${qualified(profiles.schema, profiles.name)} p join ${from} on ${own}
     where ${org} is not null and u.deleted_at is null and not ${at.member.in(org)} order by u.id limit ${most}`,
  );
  return rows?.map((row) => row.id) ?? null;
}
