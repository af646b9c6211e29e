import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkIsolation } from '../../../phases/1-database/checks.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { answersTo, type CheckResult } from '../../../src/rollout/check.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const definer = (name: string, body: string): string =>
  `create function public.${name}() returns trigger language plpgsql security definer set search_path = public as $$ begin ${body} return new; end $$;`;

it('what triggers and procedures write with the rights of their owner is tried, or named with its decision', async () => {
  await loadDatabase(server, 'tiny', 'definer_triggers');
  await using at = await makeTarget(server, 'definer_triggers', {
    decisions: { acceptAccess: ['1.7/two-org/public.contacts/triggers'] },
  });
  await at.sql(`
    create policy all_calls on public.calls to authenticated using (organization_id = (select p.organization_id from public.profiles p where p.id = auth.uid()));
    create table public.totals (organization_id uuid primary key references public.organizations, calls int not null default 0);
    create table public.notes (id int primary key, organization_id uuid references public.organizations);
    create view public.asked_view as select id, organization_id, caller from public.calls;
    create view public.call_view as select id, organization_id, caller from public.calls;
    create view public.kept_view with (security_invoker = true) as select id, caller from public.calls;
    create view public.taken_view with (security_invoker = true) as select id, caller from public.calls;
    alter table public.calls enable row level security;
    ${definer('everybody', 'update totals set calls = calls + 1;')}
    ${definer('accepted', 'update totals set calls = calls + 1;')}
    ${definer('own', 'update totals t set calls = calls + 1 where t.organization_id = new.organization_id;')}
    ${definer('instead', 'insert into calls (organization_id, caller) values (new.organization_id, new.caller);')}
    ${definer('instead_own', 'insert into calls (organization_id, caller) select p.organization_id, new.caller from profiles p where p.id = auth.uid();')}
    ${definer('instead_kept', 'update calls set caller = new.caller where id = old.id;')}
    ${definer('instead_taken', 'update calls set caller = new.caller where id = new.id;')}
    create trigger instead_kept instead of update on public.kept_view for each row execute function public.instead_kept();
    create trigger instead_taken instead of update on public.taken_view for each row execute function public.instead_taken();
    create trigger everybody after insert or update on public.calls for each row execute function public.everybody();
    create trigger accepted after insert on public.contacts for each row execute function public.accepted();
    create trigger own after insert or update or delete on public.notes for each row execute function public.own();
    create trigger instead instead of insert on public.call_view for each row execute function public.instead();
    create trigger instead_own instead of update on public.asked_view for each row execute function public.instead_own();
    create procedure public.close_calls(org uuid) language sql security definer as $$ delete from public.calls where organization_id = org $$;`);
  const results: CheckResult[] = [];
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal))
    results.push(one);
  const said = results
    .filter((one) => /\/triggers$|close_calls/.test(one.id))
    .map((one) => [
      one.id.replace('1.7/two-org/', ''),
      one.verdict,
      one.matters === true,
      answersTo(one)[0]?.setting ?? null,
    ]);
  expect(said.sort()).toEqual([
    ['public.asked_view/triggers', 'passed', false, null],
    ['public.call_view/triggers', 'failed', false, 'decisions.acceptAccess'],
    ['public.calls/triggers', 'failed', false, 'decisions.acceptAccess'],
    ['public.close_calls(uuid)', 'skipped', true, 'decisions.acceptFunction'],
    ['public.contacts/triggers', 'skipped', false, null],
    ['public.kept_view/triggers', 'passed', false, null],
    ['public.notes/triggers', 'passed', false, null],
    ['public.taken_view/triggers', 'failed', false, 'decisions.acceptAccess'],
  ]);
});

it('a trigger is given the rows that it waits for, pointing at rows of another organization', async () => {
  await loadDatabase(server, 'tiny', 'aimed_triggers');
  await using at = await makeTarget(server, 'aimed_triggers', {});
  const organization = 'organization_id uuid not null references public.organizations';
  const tables = ['accounts', 'transfers', 'jobs', 'notes', 'silent', 'stamped', 'logged', 'priced', 'charged'];
  await at.sql(`
    create table public.accounts (id uuid primary key default gen_random_uuid(), ${organization}, iban text, balance int not null default 0);
    create table public.transfers (id uuid primary key default gen_random_uuid(), ${organization}, to_iban text, amount int not null default 1, status text not null default 'draft');
    create table public.jobs (id uuid primary key default gen_random_uuid(), ${organization}, kind text not null default 'noop', params jsonb not null default '{}');
    create table public.notes (id uuid primary key default gen_random_uuid(), ${organization}, body text);
    create table public.silent (id uuid primary key default gen_random_uuid(), ${organization}, kind text);
    create table public.stamped (id uuid primary key default gen_random_uuid(), ${organization}, iban text, label text);
    create table public.logged (id uuid primary key default gen_random_uuid(), ${organization}, done boolean not null default false);
    create table public.priced (id uuid primary key default gen_random_uuid(), ${organization}, label text, price numeric(14, 2) not null);
    create table public.charged (id uuid primary key default gen_random_uuid(), ${organization}, label text, discount numeric not null default 0);
    create table public.seen (id bigserial, what text);
    ${tables.map((name) => `create policy p on public.${name} to authenticated using (organization_id = (select p.organization_id from public.profiles p where p.id = auth.uid())); alter table public.${name} enable row level security;`).join('\n')}
    ${definer('transfer', `if new.status = 'sent' then update accounts set balance = balance - new.amount where iban = new.to_iban; end if;`)}
    ${definer('run_job', `if new.kind = 'copy' then insert into notes (organization_id, body) select new.organization_id, body from notes where id = (new.params ->> 'note_id')::uuid; end if;`)}
    ${definer('never', `if length(new.kind) > 100 then delete from notes; end if;`)}
    ${definer('stamp', `new.label := (select n.body from notes n where n.organization_id = new.organization_id limit 1); -- update nothing\n`)}
    ${definer('log', `if new.done then insert into seen (what) select 'done' from notes limit 1; insert into seen (what) values ('x'); end if;`)}
    ${definer('price', `if new.price is distinct from old.price then update accounts set balance = balance + 1; end if;`)}
    ${definer('charge', `if new.discount > 0 then insert into seen (what) select 'discount' from notes limit 1; insert into seen (what) values ('x'); end if;`)}
    create trigger t after update of price on public.priced for each row execute function public.price();
    create trigger t after insert on public.charged for each row execute function public.charge();
    create trigger t after insert or update on public.transfers for each row execute function public.transfer();
    ${definer('founded', `insert into boards (organization_id) values (new.id);`)}
    create table public.boards (organization_id uuid primary key references public.organizations);
    create policy founders on public.organizations for all to authenticated using (true) with check (true);
    create trigger t after insert on public.organizations for each row execute function public.founded();
    create trigger t after insert on public.jobs for each row execute function public.run_job();
    create trigger t after insert on public.silent for each row execute function public.never();
    create trigger t before insert on public.stamped for each row execute function public.stamp();
    create trigger t after update on public.logged for each row execute function public.log();`);
  const said: Record<string, string> = {};
  for await (const one of checkIsolation(at.target, await survey(at.target), new AbortController().signal))
    if (one.id.endsWith('/triggers'))
      said[one.id.split(/[./]/).at(-2) ?? ''] =
        `${one.verdict}${one.matters === true ? ', matters' : ''}: ${one.observed}`;
  expect(said).toEqual({
    transfers: 'failed: rows of another organization changed',
    jobs: 'failed: what belongs to another organization was copied into its own rows',
    organizations: 'passed: nothing of another organization changed',
    silent: 'skipped, matters: not checked',
    stamped: 'passed: nothing of another organization changed',
    logged: 'passed: nothing of another organization changed',
    priced: 'failed: rows of another organization changed',
    charged: 'passed: nothing of another organization changed',
  });
});
