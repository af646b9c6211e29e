import { identifier, literal } from '../../../src/database/quote.ts';
import type { Survey } from '../survey.ts';
import { idFrom, isMember, membershipOf, type Names } from './names.ts';

/** The parts of `follow_membership`, which stands on the table whose word counts. */
export function followParts(names: Names, stamped: (text: string) => string): Readonly<Record<string, string>> {
  const { organizations: o, profiles: p, memberships: m, idType } = names;
  const org = p?.org ?? null;
  const from =
    m ?? (p !== null && org !== null ? { sql: p.sql, user: p.user, org, userOf: (one: string) => one } : null);
  if (from === null) return { membership_trigger: '' };
  const stamp = idFrom('v_stamp', idType);
  const next =
    m !== null
      ? `      v_org := ${membershipOf(names, 'v_user')};`
      : `      select p.${org} into v_org from ${p?.sql} p join ${o.sql} o on o.${o.key} = p.${org} where ${p?.of('p', 'v_user')} and ${p?.active('p')} and ${o.living('o')} limit 1;`;
  const userText = p?.table?.columns.find((one) => identifier(one.name) === p.user);
  const id = (row: string): string =>
    m !== null
      ? from.userOf(`${row}.${from.user}`)
      : userText !== undefined && userText.base !== 'uuid'
        ? idFrom(`${row}.${from.user}::text`, 'uuid')
        : `${row}.${from.user}`;
  return {
    users: `    select distinct x.id from unnest(array[case when tg_op <> 'INSERT' then ${id('old')} end, case when tg_op <> 'DELETE' then ${id('new')} end]) x (id)`,
    ended: `    v_old := case when tg_op <> 'INSERT' then old.${from.org} end;`,
    still: `    v_org := null;
    if ${isMember(names, 'v_user', stamp)} then
      v_org := ${stamp};
    end if;`,
    theirs: `      -- A value that others put there and that names no organization is theirs.
      if v_stamp is not null and v_stamp is distinct from v_old::text and not exists (select from ${stamped('v_stamp')}) then
        continue;
      end if;`,
    next,
    emptied:
      m === null || p === null || org === null
        ? ''
        : `    -- The profile names no organization that its user left; one that is being deleted keeps the rows that forbid it.
    if v_old is distinct from v_org and exists (select from ${o.sql} o where o.${o.key} = v_old) and not ${isMember(names, 'v_user', 'v_old')} then
      begin
        update ${p.sql} p set ${org} = v_org where ${p.of('p', 'v_user')} and p.${org} = v_old;
      exception when not_null_violation or check_violation then
        -- A profile that has to name an organization keeps the last one: the membership alone decides.
        null;
      end;
    end if;`,
    membership_trigger:
      m !== null
        ? `create or replace trigger on_membership_changed after insert or delete or update on ${m.sql}
  for each row execute function public.follow_membership();`
        : `create or replace trigger on_membership_changed after insert or delete or update${p?.active('p') === 'true' ? ` of ${p.user}, ${org}` : ''} on ${p?.sql}
  for each row when (current_user <> all (array['anon', 'authenticated'])) execute function public.follow_membership();`,
  };
}

export const chosenSql = (names: Names): string =>
  `  if not ${isMember(names, 'auth.uid()', 'switch_organization.organization')} then`;

/**
 * What else says which organization is open, for whatever of the app still asks it: a claim under an old name, where the
 * user has one, and the profile.
 */
export function alsoSql(found: Survey, names: Names): string {
  const { profiles: p } = names;
  const chosen = 'switch_organization.organization';
  const claims = found.from.map(
    (
      name,
    ) => `  update auth.users u set raw_app_meta_data = u.raw_app_meta_data || jsonb_build_object(${literal(name)}, ${chosen})
    where u.id = auth.uid() and u.raw_app_meta_data ->> ${literal(name)} is distinct from ${chosen}::text and u.raw_app_meta_data ? ${literal(name)};`,
  );
  const profile =
    p === null || p.org === null
      ? []
      : [
          `  update ${p.sql} p set ${p.org} = ${chosen} where ${p.of('p', 'auth.uid()')} and p.${p.org} is distinct from ${chosen};`,
        ];
  return [...claims, ...profile].join('\n');
}
