import type pg from 'pg';
import { expect } from 'vitest';
import type { EmbeddedServer } from '../../../src/demo/server.ts';
import type { OwnApp } from '../../helpers/databases.ts';
import { actAs, tokenOf, userId, within } from '../../helpers/oracles.ts';

const org = (n: number): string => `'a0000000-0000-4000-8000-00000000000${n}'`;
const user = (n: number): string => `'b0000000-0000-4000-8000-00000000000${n}'`;

/** Does as a user, with the token that they would get now; of several statements the value of the last one. */
type Does = (name: string, ...statements: readonly string[]) => Promise<unknown>;

/** What somebody else did meanwhile, with the rights of the server. */
const meanwhile = (sql: string): readonly string[] => ['reset role', sql, 'set local role authenticated'];

const projects = `select coalesce(string_agg(name, ', ' order by name), 'none') from public.projects`;
const products = `select coalesce(string_agg(distinct left(name, 9), ', '), 'none') from public.products`;

const lives: Readonly<Record<OwnApp, (does: Does, client: pg.Client) => Promise<void>>> = {
  agency: async (does) => {
    const set = (n: number, who: number, what: string): readonly string[] =>
      meanwhile(`update public.organization_members set ${what} where org_id = ${org(n)} and user_id = ${user(who)}`);
    expect(await does('ann', projects)).toBe('Project 1, Project 2');
    expect(await does('ann', ...set(2, 1, 'removed_at = now()'), projects)).toBe('Project 1');
    expect(await does('ann', ...set(1, 1, `status = 'suspended'`), projects)).toBe('Project 2');
    expect(await does('dan', ...set(1, 4, `status = 'active'`), projects)).toBe('Project 1, Project 3');
    expect(
      await does(
        'eve',
        ...meanwhile(`update public.organizations set deleted_at = null where id = ${org(4)}`),
        projects,
      ),
    ).toBe('Project 3, Project 4');
    // The invitation counts for whom it is, once.
    const accept = `select public.accept_invitation('token-for-finn')`;
    expect(await does('finn', projects)).toBe('none');
    expect(await does('finn', `select token from public.invitations`)).toBe('token-for-finn');
    expect(await does('finn', accept, projects)).toBe('Project 2');
    expect(await does('finn', accept, accept)).toMatch(/refused: invitation not found/);
    expect(await does('cleo', accept)).toMatch(/refused: invitation not found/);
    // An organization of one's own, and nobody makes themselves a member of another.
    expect(
      await does(
        'finn',
        `select public.create_organization('Elm', 'elm')`,
        'select string_agg(name, $$,$$) from public.organizations',
      ),
    ).toBe('Elm');
    const join = (n: number): string =>
      `insert into public.organization_members (org_id, user_id, role, status) values (${org(n)}, ${user(3)}, 'admin', 'active')`;
    expect(await does('cleo', join(3))).toMatch(/refused.*row-level security/);
    expect(
      await does(
        'bob',
        `insert into public.organization_members (org_id, user_id, status) values (${org(1)}, ${user(6)}, 'invited') returning status`,
      ),
    ).toBe('invited');
    expect(await does('bob', `insert into public.projects (org_id, name) values (${org(2)}, 'x')`)).toMatch(/refused/);
    // Functions and views go on as they were.
    expect(await does('gus', 'select count(*)::int from public.project_overview')).toBe(3);
    expect(await does('cleo', 'select string_agg(minutes::text, $$,$$) from public.project_minutes()')).toBe('120');
    expect(await does('ann', `select public.organization_summary(${org(1)}) ->> 'projects'`)).toBe('1');
    expect(await does('gus', `select public.organization_summary(${org(1)})`)).toBe('refused: forbidden');
  },
  switcher: async (does, client) => {
    const stays = `select public.switch_tenant(1)`;
    expect(await does('ann', products)).toBe('Product 2');
    // At once, with the token of before.
    expect(await does('ann', stays, products)).toBe('Product 1');
    expect(await does('ann', 'select public.switch_organization(1)', products)).toBe('Product 1');
    expect(await does('cleo', products)).toBe('Product 1');
    expect(await does('dan', products)).toBe('none');
    expect(await does('dan', 'select public.switch_tenant(3)', products)).toBe('Product 3');
    expect(await does('bob', 'select public.switch_tenant(2)')).toMatch(/refused: You do not belong to tenant 2/);
    expect(await does('bob', 'select public.switch_organization(2)')).toMatch(/refused: You are not a member/);
    expect(await does('dan', 'select public.switch_organization(2)')).toMatch(/refused: You are not a member/);
    // And with the token that comes next, whichever of the two functions was called.
    for (const [name, call, shown] of [
      ['ann', 'switch_tenant(1)', 'Product 1'],
      ['ann', 'switch_organization(1)', 'Product 1'],
      ['cleo', 'switch_tenant(2)', 'Product 2'],
      ['cleo', 'switch_organization(2)', 'Product 2'],
      ['dan', 'switch_organization(3)', 'Product 3'],
    ] as const) {
      expect(await nextToken(client, 'switcher', name, `select public.${call}`, products), `${name}: ${call}`).toBe(
        shown,
      );
    }
    expect(
      await does(
        'ann',
        `select public.place_order('c0000000-0000-4000-8000-000000000002', (select min(id) from public.products), 2)`,
        'select count(*)::int from public.orders',
      ),
    ).toBe(2);
    expect(await does('ann', `insert into public.orders (org_id) values (1)`)).toMatch(/refused/);
    // Whoever is put out of where they worked goes on in the next one that they belong to.
    expect(
      await does(
        'ann',
        ...meanwhile(`update public.tenant_users set is_active = false where org_id = 2 and user_id = ${user(1)}`),
        products,
      ),
    ).toBe('Product 1');
    expect(await does('ann', `update public.profiles set org_id = 3 where id = auth.uid()`)).toMatch(/refused/);
  },
  guarded: async (does) => {
    const pays = `select coalesce(string_agg(amount_cents::text, ','), 'none') from public.invoices`;
    expect(await does('paul', pays)).toBe('1000,1000');
    expect(await does('zoe', pays)).toBe('none');
    expect(await does('nobody', `select string_agg(body, ', ' order by body) from public.pages`)).toBe(
      'home of Aspen, home of Birch',
    );
    expect(await does('nobody', `select public.public_page(${org(2)}, 'home')`)).toBe('home of Birch');
    expect(await does('nobody', `select public.public_page(${org(2)}, 'draft')`)).toBe(null);
    // The invitation is accepted.
    const accept = meanwhile(`update public.memberships set accepted_at = now() where user_id = ${user(4)}`);
    expect(await does('dan', ...accept, `select count(*)::int from public.documents`)).toBe(2);
    // What is shared is shown until it is not shared any more.
    expect(await does('cleo', `select count(*)::int from public.documents`)).toBe(2);
    expect(await does('ann', `delete from public.document_shares returning with_organization_id::text`)).toBe(
      org(2).slice(1, -1),
    );
    expect(
      await does(
        'ann',
        `insert into public.document_shares values ('d0000000-0000-4000-8000-000000000002', ${org(2)}) returning 1`,
      ),
    ).toBe(1);
    expect(
      await does(
        'cleo',
        `insert into public.document_shares values ('d0000000-0000-4000-8000-000000000002', ${org(2)})`,
      ),
    ).toMatch(/refused/);
    // Through the view, whose trigger writes.
    const write = (n: number): string => `insert into public.inbox (org_id, body) values (${org(n)}, 'x') returning 1`;
    expect(await does('ann', write(1))).toBe(1);
    expect(await does('ann', write(2))).toMatch(/refused: not a member/);
    expect(await does('pia', write(1))).toMatch(/refused: not a member/);
    // Channels by topic.
    const topic = (n: number): string => `select set_config('realtime.topic', 'org:' || ${org(n)}, true)`;
    const send = (n: number): string =>
      `insert into realtime.messages (topic, extension) values ('org:' || ${org(n)}, 'broadcast')`;
    const listen = 'select count(*)::int from realtime.messages';
    expect(await does('ann', ...meanwhile(send(1)), topic(1), listen)).toBe(1);
    expect(await does('cleo', ...meanwhile(send(1)), topic(1), listen)).toBe(0);
    expect(await does('ann', topic(1), send(1), 'select 1')).toBe(1);
    expect(await does('ann', topic(2), send(2))).toMatch(/refused/);
    expect(await does('pia', topic(1), send(1))).toMatch(/refused/);
    // Files by path.
    const upload = (path: string): string =>
      `insert into storage.objects (bucket_id, name) values ('files', ${path}) returning 1`;
    expect(await does('bob', upload(`${org(2)} || '/new.pdf'`))).toBe(1);
    expect(await does('ann', upload(`${org(2)} || '/new.pdf'`))).toMatch(/refused/);
    expect(await does('pia', upload(`${org(1)} || '/customers/c0000000-0000-4000-8000-000000000001/new.pdf'`))).toMatch(
      /refused/,
    );
  },
};

/** The same session after it was refreshed: the claims that the call left are signed into the token. */
async function nextToken(client: pg.Client, app: OwnApp, name: string, call: string, sql: string): Promise<unknown> {
  const me = userId(app, name);
  const before = await tokenOf(client, me);
  const refreshed = `select set_config('request.jwt.claims', (current_setting('request.jwt.claims')::jsonb
    || jsonb_build_object('app_metadata', (select raw_app_meta_data from auth.users where id = '${me}')))::text, true)`;
  return actAs(client, before, call, ...meanwhile(refreshed), sql);
}

/** Life goes on in the app after the rollout: people come and go, switch, share, upload. */
export async function livesOn(server: EmbeddedServer, database: string, app: OwnApp): Promise<void> {
  await within(server, database, async (client) => {
    const does: Does = async (name, ...statements) =>
      actAs(client, await tokenOf(client, userId(app, name)), ...statements);
    await lives[app](does, client);
  });
}
