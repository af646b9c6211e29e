import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Target } from '../../target.ts';
import { idFrom } from '../sign-up/names.ts';
import type { Survey } from '../survey.ts';
import { makesIds } from '../values.ts';
import { type Belongs, oncePerUser, type Portal, portalCandidates, realUser } from './belongs.ts';
import { orphansDecision } from './nowhere.ts';
import { profilesAreSelfWritable } from './self-writable.ts';

/** What has to be known of the database before anybody's organization can be said. */
export type Look = { readonly selfWritable: boolean; readonly portals: readonly Portal[] };

export const lookAtUsers = async (client: ClientBase, found: Survey): Promise<Look> => ({
  portals: await portalsOf(client, found),
  selfWritable: await profilesAreSelfWritable(client, found),
});

/** Tables of people who are nobody's members: each user stands there once at most. */
export async function portalsOf(client: ClientBase, found: Survey): Promise<readonly Portal[]> {
  const portals: Portal[] = [];
  for (const one of portalCandidates(found)) {
    const { rows } = one.joins ? { rows: [] } : await client.query<{ once: boolean }>(oncePerUser(one));
    if (one.joins || rows[0]?.once === true) portals.push(one);
  }
  return portals;
}

export type Judged = {
  /** Users whom nothing connects to an organization and who get one of their own. */
  readonly orphans: number;
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

const ownOrganization = decide(
  'orphans',
  'own-organization',
  'Each gets a new organization of their own and becomes its owner.',
);
export const noOrganization = decide(
  'orphans',
  'leave',
  'They stay without one and reach nothing of any organization until somebody makes them a member.',
);

/** How many users a list names; the rest is counted. */
const named = 50;

/** Finds the users about whom only the operator can decide, and those who stay without an organization on purpose. */
export async function judgeUsers(
  client: ClientBase,
  found: Survey,
  target: Target,
  at: Belongs,
  look: Look,
): Promise<Judged> {
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const { decisions } = target.config;
  const { profiles: p, memberships: m, organizations: o, idType } = at.names;
  const real = realUser(target);
  const ask = async (where: string, says = `''`): Promise<Found> => {
    const { rows } = await client.query<{ id: string; says: string | null; n: string }>(
      `select u.id::text as id, ${says} as says, count(*) over () as n from ${at.whole} where ${where} order by u.created_at, u.id limit ${named}`,
    );
    const count = Number(rows[0]?.n ?? 0);
    const lines = rows.map((row) => `user ${row.id}${row.says ? `: ${row.says}` : ''}`);
    return {
      count,
      detail: [...lines, ...(count > rows.length ? [`and ${count - rows.length} more`] : [])].join('\n'),
    };
  };
  const orphan = `${real} and ${at.org(false)} is null`;
  const outsiders =
    at.outsider === 'false' ? none : await ask(`${orphan} and ${at.outsider} and not ${at.closedProfile}`);
  if (outsiders.count > 0) {
    notes.push({
      text: `${plural(outsiders.count, 'user is a member of no organization and has', 'users are members of no organization and have')} a row in ${tables(look)} (guests, portal users, customers): no organization is made for them, and they keep what that table gives them.`,
      detail: outsiders.detail,
    });
  }
  const rest = `${orphan} and (not ${at.outsider} or ${at.closedProfile})${at.selfWritten === 'false' ? '' : ` and not (${at.selfWritten})`}`;
  const ended = at.ended === 'false' ? none : await ask(`${rest} and ${at.ended}`);
  const why = found.evidence
    .filter((one) => /count/.test(one.what))
    .map((one) => one.because)
    .join('; ');
  if (ended.count > 0) {
    notes.push({
      text: `${plural(ended.count, 'user has', 'users have')} only memberships that ended or organizations that are closed, which do not count${why === '' ? '' : ` (${why})`}: no stamp, profile or membership is made from them.`,
      detail: ended.detail,
    });
  }
  const becomes = orphansDecision(target);
  const orphans = await ask(becomes === 'own-organization' ? `${rest} and not ${at.closedProfile}` : rest);
  if (orphans.count > 0 && becomes === null) {
    blockers.push({
      problem: `${plural(orphans.count, 'user belongs', 'users belong')} to no organization: no profile, membership or stamp names one${ended.count === 0 ? '' : ` that counts${why === '' ? '' : ` (${why})`}`}.`,
      remedy:
        'Connect them by hand, let each get an organization of its own with --orphans own-organization, or let them stay without one with --orphans leave.',
      detail: orphans.detail,
      answers: [ownOrganization, noOrganization],
    });
  } else if (orphans.count > 0 && becomes === 'leave') {
    notes.push({
      text: `${plural(orphans.count, 'user stays', 'users stay')} without an organization, as decided: they reach nothing of any organization until somebody makes them a member.`,
      detail: orphans.detail,
    });
  } else if (orphans.count > 0 && !makesIds(o.table)) {
    blockers.push({
      problem: `${plural(orphans.count, 'user belongs', 'users belong')} to no organization, and only the database can give out ids of type ${idType}.`,
      remedy:
        'Create their organizations by hand and connect them, then rerun; or let them stay without one with --orphans leave.',
      detail: orphans.detail,
      answers: [noOrganization],
    });
  }
  const written = at.selfWritten === 'false' ? none : await ask(`${real} and ${at.selfWritten}`, profileSays(at));
  if (written.count > 0) {
    blockers.push({
      problem: `For ${plural(written.count, 'user')} only a profile names an organization, and its own user may write it: anybody could have chosen it.`,
      remedy: `${m === null ? 'Correct the profiles' : 'Add the memberships that are true'}, or believe the profiles with --trust-profiles.`,
      detail: written.detail,
      answers: [
        decide(
          'trustProfiles',
          true,
          'Each of them becomes a member of the organization that their profile names, whoever wrote it there.',
        ),
      ],
    });
  }
  if (at.ambiguous !== 'false' && decisions.ambiguousMemberships === null) {
    const several = await ask(`${real} and ${at.ambiguous}`);
    if (several.count > 0) {
      blockers.push({
        problem: `${plural(several.count, 'user is a member', 'users are members')} of several organizations, and no profile says which one is theirs.`,
        remedy: 'Set it in their profile, or choose with --ambiguous-memberships owned or oldest.',
        detail: several.detail,
        answers: [
          decide(
            'ambiguousMemberships',
            'owned',
            'Each starts in the single organization that they own; who owns none or several still stops the step.',
          ),
          decide('ambiguousMemberships', 'oldest', 'Each starts in the organization that they joined first.'),
        ],
      });
    }
  }
  const torn = at.torn === 'false' ? none : await ask(`${real} and ${at.torn}`);
  if (torn.count > 0) {
    blockers.push({
      problem: `${plural(torn.count, 'user carries', 'users carry')} the stamp of one organization while their profile names another, and both exist.`,
      remedy: 'Decide for each which is right, and correct the profile or raw_app_meta_data by hand.',
      detail: torn.detail,
    });
  }
  const stamp = `(u.raw_app_meta_data ->> 'org_id')`;
  const foreign = await ask(
    `u.deleted_at is null and ${stamp} is not null and not exists (select from ${o.sql} o where o.${o.key} = ${idFrom(stamp, idType)})`,
    stamp,
  );
  if (foreign.count > 0) {
    notes.push({
      text: `${plural(foreign.count, 'user carries', 'users carry')} an org_id in app metadata that no organization has: others put it there (a directory's id, for instance), and it is left as it is.`,
      detail: foreign.detail,
    });
  }
  if (m !== null && p !== null && p.org !== null) {
    const other = await ask(`${real} and ${at.org(false)} <> ${at.profileId}`);
    if (other.count > 0) {
      notes.push({
        text: `${plural(other.count, 'user has a profile', 'users have profiles')} in one organization and the membership in another: the membership decides, and the profile is left as it is.`,
        detail: other.detail,
      });
    }
  }
  if (p !== null && p.table !== null && p.org !== null) {
    const { rows } = await client.query<{ n: string; sample: string | null }>(
      `select count(*) as n, (array_agg(p.${p.user}::text))[1:5]::text as sample from ${p.sql} p
       where p.${p.org} is null and not exists (select from auth.users u where ${p.of('p', 'u.id')})`,
    );
    const n = Number(rows[0]?.n ?? 0);
    if (n > 0)
      notes.push({
        text: `${plural(n, 'profile belongs to no user and names', 'profiles belong to no user and name')} no organization: ${n === 1 ? 'it is left as it is' : 'they are left as they are'}.`,
        ...(rows[0]?.sample == null ? {} : { detail: rows[0].sample }),
      });
  }
  return { orphans: becomes === 'own-organization' ? orphans.count : 0, blockers, notes };
}

type Found = { readonly count: number; readonly detail: string };

const none: Found = { count: 0, detail: '' };

const tables = (look: Look): string => look.portals.map((one) => one.name).join(' or ');

const profileSays = (at: Belongs): string => `'profile names ' || (${at.profileId})::text`;
