import { checkAccess, lookAtAccess } from '../../phases/1-database/isolation/access.ts';
import { survey } from '../../phases/1-database/survey.ts';
import { makeDatabase, settingsOf } from '../helpers/databases.ts';
import { makeTarget } from '../helpers/target.ts';
import { type BenchContext, type BenchResult, ms, sql, timed } from './setup.ts';

const budget = 3000;

/** Users of every organization with a profile, a membership and a patient of their own. */
const more = (users: number): string => `
  set statement_timeout = 0; set session_replication_role = replica;
  create temporary table added as select gen_random_uuid() as id, n, (select o.id from public.organizations o order by o.id offset n % (select count(*) from public.organizations) limit 1) as org from generate_series(1, ${users}) n;
  insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
    select id, 'authenticated', 'authenticated', 'more' || n || '@example.test', '{"provider": "email"}', '{}', now(), now() from added;
  insert into public.profiles (id, organization_id, email) select id, org, 'more' || n || '@example.test' from added;
  insert into public.user_org_roles (user_id, org_id) select id, org from added;`;

/** What looking at the access of users and comparing it costs step 1.7, as users become many. */
export async function access({ server }: BenchContext): Promise<BenchResult> {
  const lines: string[] = [];
  const goals: { goal: string; met: boolean }[] = [];
  let first: number | null = null;
  for (const users of [200, 20_000]) {
    const name = `access_${users}`;
    await makeDatabase(server, 'clinic', name);
    await sql(server.adminUrl(name), `${more(users)} analyze;`);
    await using at = await makeTarget(server, name, settingsOf('clinic'));
    const { signal } = new AbortController();
    const { ms: looked, value: before } = await timed(() => lookAtAccess(at.target, signal));
    const found = await survey(at.target);
    const { ms: compared } = await timed(async () => {
      for await (const one of checkAccess(at.target, found, signal, before)) void one;
    });
    const took = looked + compared;
    lines.push(
      `${users.toLocaleString('en').padStart(6)} users: looked before in ${ms(looked)}, looked again and compared in ${ms(compared)}, together ${ms(took)}`,
    );
    if (first === null)
      goals.push({ goal: `${users} users: no more than ${budget / 1000} s in all`, met: took <= budget });
    else
      goals.push({
        goal: `${users.toLocaleString('en')} users: no more than twice the time of 200`,
        met: took <= 2 * first,
      });
    first ??= took;
  }
  return { title: 'o. the access of users, compared before and after, on clinic', lines, goals };
}
