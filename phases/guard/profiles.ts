import type { ClientBase } from 'pg';
import { identifier, qualified } from '../../src/database/quote.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { belongsOf } from '../1-database/existing-users/belongs.ts';
import { portalsOf } from '../1-database/existing-users/judge.ts';
import { profileUser, type Survey } from '../1-database/survey.ts';
import type { Target } from '../target.ts';
import { finding, type Since } from './changed.ts';

/** Profiles that name an organization which their user is no member of: its members see them as one of theirs. */
export async function fromProfiles(
  client: ClientBase,
  target: Target,
  found: Survey,
  since: Since,
): Promise<readonly GuardFinding[]> {
  const { profiles, profileOrg } = found;
  const at = belongsOf(found, 'now', target, false, await portalsOf(client, found));
  if (profiles === null || profileOrg === null || at === null || at.member === null) return [];
  const org = `p.${identifier(profileOrg)}`;
  const from = at.whole.includes(' join ') ? `(${at.whole})` : at.whole;
  const { rows } = await client.query<{ count: string; sample: string[] | null }>(
    `select count(*)::text as count, (array_agg(u.id::text))[1:3] as sample
     from ${qualified(profiles.schema, profiles.name)} p join ${from} on p.${identifier(profileUser(found))}::text = u.id::text
     where ${org} is not null and u.deleted_at is null and not ${at.member.in(org)}`,
  );
  const [row] = rows;
  if (row === undefined || row.count === '0') return [];
  const name = `${profiles.schema}.${profiles.name}`;
  return [
    finding(since, {
      kind: 'profile',
      object: name,
      key: (row.sample ?? []).join(' '),
      reason: `${row.count} ${row.count === '1' ? 'profile names' : 'profiles name'} an organization that the user is no member of: ${(row.sample ?? []).join(', ')}.`,
      instruction: `Give the user that membership, or set ${name}.${profileOrg} to an organization of theirs or to NULL.`,
    }),
  ];
}
