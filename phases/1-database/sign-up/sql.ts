import { literal } from '../../../src/database/quote.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import type { Target } from '../../target.ts';
import { signUpMakesOrganization } from '../existing-users/nowhere.ts';
import { loadMigration } from '../migration.ts';
import type { Survey } from '../survey.ts';
import type { Assignment, Assignments, UserFacts } from '../values.ts';
import { alsoSql, chosenSql, followParts } from './follow-sql.ts';
import { early, existingSql, profileMakes } from './made-by-app.ts';
import { membershipSql } from './membership-sql.ts';
import { idFrom, isMember, type Names, namesOf } from './names.ts';
import { organizationSql } from './organization-sql.ts';
import { profileKey } from './parts.ts';
import { profileSql } from './profile-sql.ts';

export type SignUpSql = {
  readonly text: string;
  readonly names: Names;
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/** Fills `migrations/sign_up.sql` for the columns that organizations, profiles and memberships really have. */
export function signUpText(found: Survey, target: Target): SignUpSql | null {
  const names = namesOf(found, 'then', target);
  if (names === null) return null;
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const { organizations: o, profiles: p, memberships: m, idType } = names;
  const facts: UserFacts = {
    user: 'new.id',
    organization: 'v_org',
    name: 'v_name',
    email: 'new.email',
    phone: 'new.phone',
    metadata: 'new.raw_user_meta_data',
    ...profileKey(found, names, 'new.id'),
  };
  const take = (made: Assignments, what: string): readonly Assignment[] => {
    blockers.push(...made.blockers.filter((one) => !blockers.some((each) => each.problem === one.problem)));
    for (const one of made.list.filter((each) => /^required|^as configured/.test(each.reason))) {
      notes.push({ text: `A new ${what} gets ${one.expression} in ${one.column}: ${one.reason}.` });
    }
    return made.list;
  };

  const organization = signUpMakesOrganization(target)
    ? organizationSql(found, target, names, facts, take)
    : '    -- The app makes organizations when somebody asks for one; the stamp comes with the membership.\n    return new;';
  const profile = profileSql(found, target, names, facts, take);
  const membership = membershipSql(found, target, names, facts, take);
  const org = p?.org ?? null;
  const stamped = (text: string): string => `${o.sql} o
    where o.${o.key} = ${idFrom(text, idType)}`;
  const text = loadMigration('sign_up.sql', {
    type: `  v_org ${idType};`,
    anonymous:
      target.config.decisions.anonymousUsers === 'no-organization'
        ? '  if new.is_anonymous then\n    return new;\n  end if;'
        : '',
    stamped: `  select o.${o.key} into v_org from ${stamped('v_stamp')} and ${o.living('o')};`,
    existing: `${profileMakes(found, names) ? `${early(found, target, names, facts)}\n` : ''}${existingSql(names)}`,
    organization,
    profile: profile.text,
    membership: membership.text,
    stamp: `  update auth.users u
    set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}'::jsonb) || jsonb_build_object('org_id', v_org::text)
    where u.id = new.id and u.raw_app_meta_data ->> 'org_id' is distinct from v_org::text
      and (v_stamp is null or exists (select from ${stamped('v_stamp')}));`,
    known: `  if exists (select from ${stamped('v_stamp')} and ${o.living('o')}) then
    return new;
  end if;`,
    stands: `  if ${isMember(names, 'new.id', idFrom('v_before', idType))} then`,
    types: `  v_org ${idType};\n  v_left ${idType};`,
    followed_to: `  select o.${o.key} into v_org from ${stamped('v_stamp')} and ${o.living('o')};`,
    left:
      p === null || org === null
        ? `  select o.${o.key} into v_left from ${stamped('v_before')};`
        : `  select p.${org} into v_left from ${p.sql} p where ${p.of('p', 'new.id')} limit 1 for update;
  if v_left is null then
    select o.${o.key} into v_left from ${stamped('v_before')};
  end if;`,
    joined: `${profile.first}${membership.joined}`,
    followed: profile.followed,
    next_type: `  v_org ${idType};\n  v_old ${idType};`,
    ...followParts(names, stamped),
    ...(found.model === 'active' ? { chosen: chosenSql(names), also: alsoSql(found, names) } : { switch: '' }),
  })
    .replaceAll(`'public.organizations'::regclass`, () => `${literal(o.sql)}::regclass`)
    .replace('from public.organizations o where o.id = v_left;', () => `from ${o.sql} o where o.${o.key} = v_left;`)
    .replace('where o.id = $1)', () => `where o.${o.key} = $1)`)
    .replace(
      `a.attname = 'org_id' and a.atttypid = 'uuid'`,
      () => `a.attname = ${literal(found.to)} and a.atttypid = ${literal(idType)}`,
    )
    .replaceAll(
      'switch_organization(organization uuid) returns uuid',
      () => `switch_organization(organization ${idType}) returns ${idType}`,
    )
    .replaceAll('switch_organization(uuid)', () => `switch_organization(${idType})`);
  if (m === null) {
    notes.push({
      text:
        org === null
          ? 'Neither memberships nor profiles say who belongs to which organization: the stamp alone does.'
          : 'No membership table was found: a user belongs to the organization of their profile alone.',
    });
  }
  return { text, names, blockers, notes };
}
