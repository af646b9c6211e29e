import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkIsolation } from '../../../phases/1-database/checks.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { appOf } from '../../helpers/phase-one.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

const asks = `exists (select from public.seats s where s.user_id = auth.uid() and s.org_id =`;
const definer = (name: string, args: string, returns: string, body: string, language = 'sql'): string =>
  `create function public.${name}(${args}) returns ${returns} language ${language} security definer set search_path = '' as $$ ${body} $$;`;
const refuses = (argument: string, then: string): string =>
  `begin if not ${asks} ${argument}) then raise exception 'no' using errcode = '42501'; end if; ${then} end`;

it('a function that answers B and refuses A, or says yes to B alone, was tried; one that answers both alike was not', async () => {
  await using at = await appOf(
    server,
    'functions',
    `create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);
     create table public.profiles (id uuid primary key references auth.users, full_name text);
     create table public.seats (org_id uuid not null references public.organizations, user_id uuid not null references auth.users,
       role text not null default 'member', primary key (org_id, user_id));
     create table public.papers (id bigint generated always as identity primary key, org_id uuid not null references public.organizations, body text);
     alter table public.papers enable row level security;
     create policy ours on public.papers to authenticated using (org_id in (select s.org_id from public.seats s where s.user_id = auth.uid()));
     ${definer('sits', 'org uuid', 'boolean', `select ${asks} org)`)}
     ${definer('sits_as', 'org uuid, variadic roles text[]', 'boolean', `select ${asks} org and s.role = any (roles))`)}
     ${definer('is_known', 'org uuid', 'boolean', 'select exists (select from public.seats s where s.org_id = org)')}
     ${definer('counted', 'org uuid', 'bigint', refuses('counted.org', 'return (select count(*) from public.papers p where p.org_id = org);'), 'plpgsql')}
     ${definer('open_other', 'other uuid', 'void', refuses('open_other.other', ''), 'plpgsql')}
     ${definer('counted_by_all', 'org uuid', 'bigint', 'select count(*) from public.papers p where p.org_id = org')}
     ${definer('emptied', 'org uuid', 'boolean', 'delete from public.papers p where p.org_id = org; select true')}`,
    { names: { memberships: 'public.seats' } },
  );
  const said: Record<string, string> = {};
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal)) {
    const name = /public\.(\w+)\([^)]*\)\/call$/.exec(one.id)?.[1];
    if (name !== undefined) said[name] = `${one.verdict}${one.matters === true ? ', matters' : ''}`;
  }
  expect(said).toEqual({
    sits: 'passed',
    sits_as: 'passed',
    is_known: 'skipped',
    counted: 'passed',
    open_other: 'passed',
    counted_by_all: 'skipped, matters',
    emptied: 'failed',
  });
});

const seats = (
  columns: string,
): string => `create table public.seats (org_id uuid not null references public.organizations,
  user_id uuid not null references auth.users, ${columns}, primary key (org_id, user_id));`;
const profiles = 'create table public.profiles (id uuid primary key references auth.users, full_name text);';

it.each([
  [
    'a role that says who is out',
    profiles + seats(`role text not null check (role in ('owner', 'member', 'removed'))`),
    `s.role <> 'removed'`,
    {},
  ],
  [
    'what the operator says of a status',
    profiles + seats(`stage text not null default 'working' check (stage in ('asked', 'working', 'resting', 'over'))`),
    `s.stage = 'working'`,
    { activeMembership: `m.stage = 'working'` },
  ],
  [
    'what the operator says of a number and a time',
    profiles + seats('rank int not null default 1, gone timestamptz'),
    `s.rank > 0 and s.gone is null`,
    { activeMembership: 'm.rank > 0 and m.gone is null' },
  ],
  [
    'the only row that a user may have there',
    `create table public.seats (user_id uuid primary key references auth.users, org_id uuid references public.organizations,
       full_name text, is_active boolean not null default true);`,
    's.is_active',
    {},
  ],
])('%s is tried as the end of a membership', async (_, tables, counts, names) => {
  await using at = await appOf(
    server,
    'ends_of_functions',
    `create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);
     ${tables}
     create table public.papers (id uuid primary key default gen_random_uuid(), org_id uuid not null references public.organizations, body text not null);
     alter table public.papers enable row level security;
     create policy ours on public.papers to authenticated using (org_id in (select s.org_id from public.seats s where s.user_id = auth.uid() and ${counts}));
     ${definer('papers_of_all', '', 'setof public.papers', `select p.* from public.papers p where ${asks} p.org_id)`)}
     ${definer('papers_of_the_present', '', 'setof public.papers', `select p.* from public.papers p where ${asks} p.org_id and ${counts})`)}`,
    { names: { memberships: 'public.seats', ...names } },
  );
  const said: Record<string, string> = {};
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal)) {
    const name = /public\.(papers_of_\w+)\([^)]*\)\/call$/.exec(one.id)?.[1];
    if (name !== undefined) said[name] = one.verdict;
  }
  expect(said).toEqual({ papers_of_all: 'failed', papers_of_the_present: 'passed' });
});
