import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkIsolation } from '../../../phases/1-database/checks.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
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
    of_orgs: 'failed',
    through_view: 'failed',
    wrapped: 'failed',
  });
});
