import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkIsolation } from '../../../phases/1-database/checks.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { type EmbeddedServer, startServer } from '../../../src/demo/server.ts';
import { answersTo, type CheckResult } from '../../../src/rollout/check.ts';
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
    ${definer('everybody', 'update totals set calls = calls + 1;')}
    ${definer('accepted', 'update totals set calls = calls + 1;')}
    ${definer('own', 'update totals t set calls = calls + 1 where t.organization_id = new.organization_id;')}
    ${definer('instead', 'insert into calls (organization_id, caller) values (new.organization_id, new.caller);')}
    ${definer('instead_own', 'insert into calls (organization_id, caller) select p.organization_id, new.caller from profiles p where p.id = auth.uid();')}
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
    ['public.asked_view/triggers', 'skipped', false, null],
    ['public.call_view/triggers', 'skipped', true, 'decisions.acceptNotChecked'],
    ['public.calls/triggers', 'failed', false, 'decisions.acceptAccess'],
    ['public.close_calls(uuid)', 'skipped', true, 'decisions.acceptFunction'],
    ['public.contacts/triggers', 'skipped', false, null],
    ['public.notes/triggers', 'passed', false, null],
  ]);
});
