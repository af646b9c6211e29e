import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { makeApp, membershipsAlone, org, profilesAlone, signUp, user } from './schemas.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const trigger = (body: string, name = 'on_auth_user_created', event = 'after insert'): string =>
  `create function handle_new_user() returns trigger language plpgsql security definer set search_path = public as $$ ${body} $$;
   create trigger ${name} ${event} on auth.users for each row execute function handle_new_user();
   insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');`;

const triggers = `select string_agg(tgname, ',' order by tgname) from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal and (tgtype & 4) <> 0`;

const invitations = `create table invitations (organization_id uuid not null references organizations, email text, role text not null, accepted_at timestamptz);`;

const redeems = `declare i invitations; begin
  update invitations set accepted_at = now() where email = new.email and accepted_at is null returning * into i;
  insert into profiles (id, email, organization_id, role) values (new.id, new.email, i.organization_id, coalesce(i.role, 'member'));
  return new; end`;

describe('a trigger of the app at sign-up', () => {
  it.each(['on_auth_user_created', 'zz_create', 'a_first'])(
    '%s redeems invitations: it stays and fires first',
    async (name) => {
      await using app = await makeApp(
        server,
        `${profilesAlone} ${invitations} ${trigger(redeems, name)}
       insert into invitations (organization_id, email, role) values ('${org(2)}', 'guest@example.test', 'admin');`,
      );
      const { failed, blockers, notes } = await app.apply('1.2', '1.4');
      expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
      expect(notes.join('\n')).toMatch(/does more than sign-up needs: it writes public\.invitations/);
      await app.all(...signUp(user(1), 'guest@example.test'), ...signUp(user(2), 'other@example.test'));
      expect(await app.all(`select org_id, role from profiles where id = '${user(1)}'`)).toEqual([
        { org_id: org(2), role: 'admin' },
      ]);
      expect(await app.one(`select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(1)}'`)).toBe(
        org(2),
      );
      expect(await app.one(`select accepted_at is not null from invitations`)).toBe(true);
      expect(
        await app.one(`select org_id is not null and org_id <> '${org(2)}' from profiles where id = '${user(2)}'`),
      ).toBe(true);
      const again = await app.at
        .rollout((await import('../../../../phases/1-database/phase.ts')).phase.steps.filter((one) => one.id === '1.4'))
        .plan('1.4');
      expect(again.plan.changes.map((one) => one.title)).toEqual([]);
      expect(await app.one(triggers)).toMatch(/on_auth_user_created$/);
    },
  );

  it('comes back under its own name', async () => {
    await using app = await makeApp(
      server,
      `${profilesAlone} ${invitations} ${trigger(redeems)} alter table profiles rename organization_id to org_id;
      create or replace function handle_new_user() returns trigger language plpgsql security definer set search_path = public as $$ begin
        update invitations set accepted_at = now() where email = new.email; insert into profiles (id) values (new.id); return new; end $$;`,
    );
    const before = await app.all(
      `select pg_get_triggerdef(oid) as d from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal`,
    );
    const { phase } = await import('../../../../phases/1-database/phase.ts');
    const rollout = app.at.rollout(phase.steps.filter((one) => one.id === '1.4'));
    const { signal } = new AbortController();
    await rollout.apply('1.4', signal);
    await rollout.rollback('1.4', signal);
    expect(
      await app.all(
        `select pg_get_triggerdef(oid) as d from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal`,
      ),
    ).toEqual(before);
  });

  it('an invitation in the memberships decides, without an organization of their own', async () => {
    await using app = await makeApp(
      server,
      `${membershipsAlone} ${invitations} ${trigger(`begin
         insert into org_members (organization_id, user_id, role) select i.organization_id, new.id, i.role from invitations i where i.email = new.email;
         update invitations set accepted_at = now() where email = new.email; insert into profiles (id) values (new.id); return new; end`)}
       insert into invitations (organization_id, email, role) values ('${org(2)}', 'guest@example.test', 'admin');`,
    );
    expect(await app.apply('1.2', '1.4')).toMatchObject({ failed: [], blockers: [] });
    await app.all(...signUp(user(1), 'guest@example.test'));
    expect(await app.all(`select org_id, role from org_members`)).toEqual([{ org_id: org(2), role: 'admin' }]);
    expect(await app.one('select count(*)::int from organizations')).toBe(2);
    expect(await app.one(`select raw_app_meta_data ->> 'org_id' from auth.users where id = '${user(1)}'`)).toBe(org(2));
  });

  it.each([
    [
      'reads it at once',
      `(new.raw_user_meta_data ->> 'organization_id')::uuid, coalesce(new.raw_user_meta_data ->> 'role', 'member')`,
    ],
    ['keeps it in a variable', `(m ->> 'organization_id')::uuid, 'member'`],
  ])('that believes user metadata and does no more is replaced: %s', async (_, values) => {
    const body = `declare m jsonb := new.raw_user_meta_data; begin insert into profiles (id, email, organization_id, role) values (new.id, new.email, ${values}); return new; end`;
    await using app = await makeApp(server, `${profilesAlone} ${trigger(body, 'a_make')}`);
    const { failed, blockers, notes } = await app.apply('1.2', '1.4');
    expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
    expect(notes.join()).toMatch(/from user-editable metadata/);
    await app.all(...signUp(user(1), 'evil@example.test', '{}', `{"organization_id": "${org(2)}", "role": "owner"}`));
    expect(await app.one(`select org_id <> '${org(2)}' from profiles`)).toBe(true);
  });

  it('that believes it and does more stops the step', async () => {
    const body = `begin insert into invitations values ((new.raw_user_meta_data ->> 'tenant_id')::uuid, new.email, 'x', now());
      insert into profiles (id, organization_id) values (new.id, (new.raw_user_meta_data ->> 'tenant_id')::uuid); return new; end`;
    await using app = await makeApp(server, `${profilesAlone} ${invitations} ${trigger(body)}`);
    const { blockers } = await app.apply('1.2', '1.4');
    expect(blockers.join()).toMatch(
      /does more than.*writes public\.invitations.*takes tenant_id from user-editable metadata.*--read-app-metadata 'public\.handle_new_user\(\)'.*It finds nothing there while a user is made/s,
    );
  });

  it.each([
    ['directly', `new.raw_user_meta_data`, ''],
    ['from a variable', 'm', 'declare m jsonb := new.raw_user_meta_data; '],
  ])(
    'that believes it %s and does more reads the server’s map by decision, and comes back',
    async (_, from, declare) => {
      const body = `${declare}begin insert into arrivals values ((${from} ->> 'tenant_id')::uuid, new.email, ${from} ->> 'full_name');
      insert into profiles (id, organization_id, role) values (new.id, (${from} ->> 'tenant_id')::uuid, coalesce(${from} ->> 'role', 'member')); return new; end`;
      await using app = await makeApp(
        server,
        `${profilesAlone} create table arrivals (organization_id uuid, email text, name text); ${trigger(body)}`,
        {
          decisions: { readAppMetadata: ['public.handle_new_user()'] },
        },
      );
      const text = `select prosrc from pg_proc where proname = 'handle_new_user'`;
      const { failed, blockers } = await app.apply('1.2', '1.4');
      expect({ failed, blockers }).toEqual({ failed: [], blockers: [] });
      const chosen = `{"tenant_id": "${org(1)}", "role": "owner", "full_name": "Eve"}`;
      await app.all(...signUp(user(1), 'evil@example.test', '{}', chosen));
      await app.all(...signUp(user(2), 'guest@example.test', `{"tenant_id": "${org(1)}"}`, '{"full_name": "Guest"}'));
      expect(await app.all(`select org_id = '${org(1)}' as there, role from profiles order by id`)).toEqual([
        { there: false, role: 'member' },
        { there: true, role: 'member' },
      ]);
      expect(await app.all('select name from arrivals order by email')).toEqual([{ name: 'Eve' }, { name: 'Guest' }]);
      const { phase } = await import('../../../../phases/1-database/phase.ts');
      const rollout = app.at.rollout(phase.steps.filter((one) => one.id === '1.2' || one.id === '1.4'));
      await rollout.rollback('1.4', new AbortController().signal);
      expect(await app.one(text)).toContain(`${from} ->> 'tenant_id'`);
    },
  );

  it.each([
    [
      'a called function writes',
      'create table audit (e text); create function log_it(e text) returns void language sql as $$ insert into audit values (e) $$;',
      'perform log_it(new.email);',
      /writes public\.audit/,
    ],
    [
      'it refuses some',
      '',
      `if new.email not like '%@example.test' then raise exception 'no'; end if;`,
      /refuses some sign-ups/,
    ],
    ['it builds SQL', '', `execute 'select 1';`, /builds SQL/],
    [
      'it stamps a role',
      '',
      `update auth.users set raw_app_meta_data = raw_app_meta_data || '{"plan": "pro"}' where id = new.id;`,
      /stamps plan/,
    ],
  ])('does more: %s', async (_, more, line, pattern) => {
    await using app = await makeApp(
      server,
      `${profilesAlone} ${more} ${trigger(`begin ${line} insert into profiles (id) values (new.id); return new; end`)}`,
    );
    const { failed, blockers, notes } = await app.apply('1.2', '1.4');
    expect({ blockers, failed: failed.filter((one) => !/not checked/.test(one)) }).toEqual({
      blockers: [],
      failed: [],
    });
    expect(notes.join('\n')).toMatch(pattern);
  });
});
