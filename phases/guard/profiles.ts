import type { ClientBase } from 'pg';
import * as z from 'zod';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { plural } from '../../src/rollout/text.ts';
import { foreignProfiles } from '../1-database/existing-users/foreign-profiles.ts';
import type { Survey } from '../1-database/survey.ts';
import type { Target } from '../target.ts';
import { finding, type Since } from './changed.ts';

const keptSchema = z.object({ foreignProfiles: z.array(z.string()) });

/** Profiles that came to name an organization which their user is no member of: its members see them as one of theirs. */
export async function fromProfiles(
  client: ClientBase,
  target: Target,
  found: Survey,
  look: unknown,
  since: Since,
): Promise<readonly GuardFinding[]> {
  const kept = keptSchema.safeParse(look);
  // What the rollout was made with was looked at then; without a word of it, nobody can tell what is new.
  if (!kept.success || found.profiles === null) return [];
  const before = new Set(kept.data.foreignProfiles);
  const fresh = ((await foreignProfiles(client, target, found)) ?? []).filter((id) => !before.has(id));
  if (fresh.length === 0) return [];
  const name = `${found.profiles.schema}.${found.profiles.name}`;
  return [
    finding(since, {
      kind: 'profile',
      object: name,
      key: fresh.join(' '),
      reason: `${plural(fresh.length, 'profile names', 'profiles name')} an organization that the user is not a member of, and did not at the time of the rollout: ${fresh.slice(0, 3).join(', ')}.`,
      instruction: `Give the user that membership, or set ${name}.${found.profileOrg} to an organization of theirs or to NULL.`,
    }),
  ];
}
