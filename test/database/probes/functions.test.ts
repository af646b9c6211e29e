import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkIsolation } from '../../../phases/1-database/checks.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { makeDatabase } from '../../helpers/databases.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const reads = (signature: string, body: string): string =>
  `create function ${signature} language plpgsql stable security definer set search_path = '' as $$ begin ${body} end $$;`;

it('owner’s rights are found behind lists of ids, views, functions inside and statements put together', async () => {
  await loadDatabase(server, 'tiny', 'doors_of_functions');
  await using at = await makeTarget(server, 'doors_of_functions', {});
  await at.sql(`
    create table public.notes (id uuid primary key default gen_random_uuid(), organization_id uuid not null references public.organizations, body text);
    alter table public.notes enable row level security;
    create policy p on public.notes to authenticated using (organization_id = (select p.organization_id from public.profiles p where p.id = auth.uid()));
    create view public.note_view with (security_invoker = on) as select * from public.notes;
    create schema inside; grant usage on schema inside to authenticated;
    create function inside.is_mine(org uuid) returns boolean language sql stable security definer as $$ select exists (select 1 from public.profiles p join public.notes n on true where p.id = auth.uid() and p.organization_id = org) $$;
    create policy helped on public.notes for select to authenticated using (inside.is_mine(organization_id));
    ${reads('inside.get(note_id uuid) returns text', 'return (select body from public.notes where id = note_id);')}
    ${reads('public.by_ids(ids uuid[]) returns setof text', 'return query select n.body from unnest(ids) x(id), public.notes n where n.id = x.id;')}
    ${reads('public.of_orgs(org_ids uuid[]) returns setof text', 'return query select n.body from public.notes n where n.organization_id = any (org_ids);')}
    create table public.cash_sessions (id uuid primary key default gen_random_uuid(), organization_id uuid not null references public.organizations, body text);
    create type public.how as enum ('whole', 'part');
    ${reads('public.session_of(p_session_id uuid, p_how public.how) returns text', `if not exists (select 1 from public.notes) then raise 'none'; end if; return (select s.body from public.cash_sessions s join public.notes n on true where s.id = p_session_id limit 1);`)}
    ${reads('public.closing(org uuid, p_counts jsonb) returns setof text', `return query select n.body from public.notes n, jsonb_array_elements(p_counts) x where n.organization_id = org and (x ->> 'amount')::numeric > 0;`)}
    ${reads('public.correcting(org uuid, p_reason text) returns setof text', `if length(trim(coalesce(p_reason, ''))) < 10 then raise 'too short'; end if; return query select n.body from public.notes n where n.organization_id = org;`)}
    ${reads('public.moving(org uuid, p_from public.how, p_to public.how) returns setof text', `if p_from = p_to then raise 'no move'; end if; return query select n.body from public.notes n where n.organization_id = org;`)}
    ${reads('public.posing(org uuid, p_user_id uuid) returns setof text', `if p_user_id <> auth.uid() then raise 'not you'; end if; return query select n.body from public.notes n where n.organization_id = org;`)}
    ${reads('public.done_by(org uuid, p_closed_by uuid) returns setof text', `if p_closed_by <> auth.uid() or not exists (select 1 from public.profiles p where p.id = auth.uid() and p.organization_id = org) then raise 'not you'; end if; return query select n.body from public.notes n where n.organization_id = org;`)}
    ${reads('public.through_view(nid uuid) returns text', 'return (select body from public.note_view where id = nid);')}
    ${reads('public.any_table(name text) returns setof jsonb', `return query execute format('select to_jsonb(t) from public.%I t', name);`)}
    create function public.wrapped(note_id uuid) returns text language sql stable as $$ select inside.get(note_id) $$;
    create function public.mine(note_id uuid) returns text language sql stable as $$ select body from public.notes where id = note_id and inside.is_mine(organization_id) $$;
    create function public.one_of_mine(search text) returns text language sql stable as $$ select body from public.notes where inside.is_mine(organization_id) and body like search $$;`);
  const said: Record<string, string> = {};
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal)) {
    const [, name] = /public\.(\w+)\(.*\)\/call$/.exec(one.id) ?? [];
    if (name !== undefined) said[name] = `${one.verdict}${one.matters === true ? ', matters' : ''}`;
  }
  expect(said).toEqual({
    any_table: 'skipped, matters',
    by_ids: 'failed',
    closing: 'failed',
    correcting: 'failed',
    done_by: 'passed',
    moving: 'failed',
    of_orgs: 'failed',
    posing: 'failed',
    session_of: 'failed',
    through_view: 'failed',
    wrapped: 'failed',
  });
});

it('numbers over rows of others are told apart from numbers over one’s own, and a search is tried', async () => {
  await loadDatabase(server, 'tiny', 'numbers_of_functions');
  await using at = await makeTarget(server, 'numbers_of_functions', {
    decisions: {
      acceptFunction: [
        'public.how_many()',
        'public.longest(date)',
        'public.search(text)',
        'public.mine()',
        'public.total()',
        'public.counted()',
        'public.counted_as_somebody()',
      ],
    },
  });
  await at.sql(`
    create table public.notes (id uuid primary key default gen_random_uuid(), organization_id uuid not null references public.organizations, body text not null, made date not null default '2001-01-01');
    alter table public.notes enable row level security;
    create policy p on public.notes to authenticated using (organization_id = (select p.organization_id from public.profiles p where p.id = auth.uid()));
    ${reads('public.how_many() returns table (n bigint)', 'return query select count(*) from public.notes;')}
    ${reads('public.counted() returns bigint', 'return (select count(*) from public.notes);')}
    ${reads('public.counted_as_somebody() returns bigint', `if auth.uid() is null then raise exception 'sign in'; end if; return (select count(*) from public.notes);`)}
    ${reads('public.total() returns table (n bigint)', `if auth.uid() is null then raise exception 'sign in'; end if; return query select count(*) from public.notes n where n.organization_id = (select p.organization_id from public.profiles p where p.id = auth.uid());`)}
    ${reads('public.longest(since date) returns table (n int)', 'return query select max(length(n.body)) from public.notes n where n.made >= since;')}
    ${reads('public.search(q text) returns setof text', `return query select n.body from public.notes n where n.body ilike '%' || q || '%';`)}
    alter table public.profiles add column must_change boolean not null default false;
    create function public.changed_password() returns void language plpgsql security definer set search_path = '' as $$ begin update public.profiles set must_change = false where id = auth.uid(); end $$;
    create function public.calm(note_id uuid) returns void language plpgsql security definer set search_path = '' as $$ begin update public.notes set made = made where id = note_id; end $$;
    ${reads('public.mine() returns table (n bigint)', 'return query select count(*) from public.profiles p where p.id = auth.uid();')}`);
  const said: Record<string, string> = {};
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal)) {
    const [, name] = /public\.(\w+)\(.*\)\/call$/.exec(one.id) ?? [];
    if (name !== undefined) said[name] = `${one.verdict}: ${one.observed}`;
  }
  expect(said).toEqual({
    calm: 'failed: rows of another organization changed',
    changed_password: 'passed: nothing of another organization',
    counted: 'skipped: not checked',
    counted_as_somebody: 'failed: what it returns depends on rows of another organization',
    how_many: 'failed: what it returns depends on rows of another organization',
    longest: 'failed: what it returns depends on rows of another organization',
    mine: 'passed: what it returns does not depend on rows of another organization',
    search: 'failed: 1 row of another organization came back',
    total: 'passed: what it returns does not depend on rows of another organization',
  });
});

it('a function that lets in whoever has a membership, also one that is over, is found in an app that keeps such', async () => {
  await makeDatabase(server, 'agency', 'former_of_functions');
  await using at = await makeTarget(server, 'former_of_functions', {});
  const asks = (more: string): string =>
    `return query select p.name from public.projects p join public.organization_members m on m.organization_id = p.organization_id where m.user_id = auth.uid()${more};`;
  await at.sql(`
    ${reads('public.projects_of_everybody() returns setof text', asks(''))}
    ${reads('public.projects_of_the_present() returns setof text', asks(` and m.status = 'active' and m.removed_at is null and exists (select from public.organizations o where o.id = m.organization_id and o.deleted_at is null)`))}`);
  const said: Record<string, string> = {};
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal)) {
    const [, name] = /public\.(projects_of_\w+)\(.*\)\/call$/.exec(one.id) ?? [];
    if (name !== undefined) said[name] = `${one.verdict}: ${one.observed}`;
  }
  expect(said).toEqual({
    projects_of_everybody:
      'failed: 1 row of another organization came back, to a former member, whatever their token says',
    projects_of_the_present: 'passed: nothing of another organization',
  });
});
