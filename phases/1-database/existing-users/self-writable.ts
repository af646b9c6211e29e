import type { ClientBase } from 'pg';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import { rolledBack } from '../../../src/database/rolled-back.ts';
import { escapeRegExp, mentions } from '../../../src/database/words.ts';
import { profileUser, type Survey } from '../survey.ts';

/** How many users of each kind are tried. */
const tries = 5;

/**
 * Whether a user may write which organization their own profile names: then it proves nothing. Grants, policies and
 * guards together decide that, so it is tried, as the user, in a transaction that is rolled back. Making a profile of
 * one's own is judged by grants and policies alone: a profile that sign-up made cannot be made again.
 */
export async function profilesAreSelfWritable(client: ClientBase, found: Survey): Promise<boolean> {
  const { profiles, profileOrg, organizations } = found;
  if (profiles === null || profileOrg === null || organizations === null) return false;
  const sql = qualified(profiles.schema, profiles.name);
  const user = identifier(profileUser(found));
  const org = identifier(profileOrg);
  const { rows: rights } = await client.query<{ update: boolean; insert: boolean; usage: boolean }>(
    `select pg_catalog.has_column_privilege('authenticated', ${literal(sql)}, ${literal(profileOrg)}, 'UPDATE') as update,
       pg_catalog.has_column_privilege('authenticated', ${literal(sql)}, ${literal(profileOrg)}, 'INSERT') as insert,
       pg_catalog.has_schema_privilege('authenticated', ${literal(profiles.schema)}, 'USAGE') as usage`,
  );
  const [may] = rights;
  if (may?.usage !== true) return false;
  const policies = (command: string) =>
    found.catalog.policies.filter(
      (one) =>
        one.schema === profiles.schema &&
        one.table === profiles.name &&
        one.permissive &&
        ['ALL', command].includes(one.command) &&
        one.roles.some((role) => ['public', 'authenticated'].includes(role)),
    );
  if (
    may.insert &&
    (!profiles.rowSecurity || policies('INSERT').some((one) => !mentions(one.check ?? one.using ?? '', profileOrg))) &&
    !madeAtSignUp(found)
  )
    return true;
  if (!may.update || (profiles.rowSecurity && policies('UPDATE').length === 0)) return false;
  const role = profiles.columns.some((one) => one.name === 'role') ? ', p.role' : '';
  const { rows: people } = await client.query<{ id: string }>(
    `select id from (select distinct on (p.${org} is null${role}) p.${user}::text as id from ${sql} p
       where p.${user} is not null order by p.${org} is null${role}, p.${user}) x limit ${tries}`,
  );
  const { rows: targets } = await client.query<{ id: string }>(
    `select p.${org}::text as id from ${sql} p where p.${org} is not null group by 1 order by 1 limit 2`,
  );
  for (const { id } of people) {
    for (const target of targets) {
      if (
        await wrote(
          client,
          `update ${sql} set ${org} = ${literal(target.id)} where ${user}::text = ${literal(id)} and ${org}::text is distinct from ${literal(target.id)}`,
          id,
        )
      )
        return true;
    }
  }
  return false;
}

/** Whether a trigger on `auth.users` makes the profile, so that its user finds it there already. */
const madeAtSignUp = (found: Survey): boolean =>
  found.catalog.triggers.some((one) => {
    if (one.schema !== 'auth' || one.table !== 'users') return false;
    const body = found.catalog.functions.find((each) => each.signature === one.function)?.body ?? '';
    return new RegExp(
      `insert\\s+into\\s+("?\\w+"?\\.)?"?${escapeRegExp(found.profiles?.name ?? '')}(?![\\w$])`,
      'i',
    ).test(body);
  });

/** Whether a statement of this user changes a row; whatever it did is rolled back. */
async function wrote(client: ClientBase, statement: string, user: string): Promise<boolean> {
  const claims = JSON.stringify({ sub: user, role: 'authenticated', aal: 'aal2', app_metadata: {}, user_metadata: {} });
  try {
    return await rolledBack(client, async () => {
      await client.query(`set local lock_timeout = '50ms'; set local statement_timeout = '2s'`);
      await client.query(
        `select pg_catalog.set_config('request.jwt.claims', $1, true), pg_catalog.set_config('request.jwt.claim.sub', $2, true)`,
        [claims, user],
      );
      await client.query('set local search_path = public, extensions; set local role authenticated');
      const { rowCount } = await client.query(statement);
      return (rowCount ?? 0) > 0;
    });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    // Refused by a grant, a policy, a guard or a constraint. A lock that others hold says nothing: then it is no proof.
    return error.code === '55P03' || error.code === '57014';
  }
}
