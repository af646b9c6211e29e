import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/3-keys.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { differences } from '../../../src/rollout/fingerprint.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const org = (number: number): string => `a0000000-0000-4000-8000-00000000000${number}`;
const user = (number: number): string => `b0000000-0000-4000-8000-00000000000${number}`;

async function tiny(name: string, more = '', config: Readonly<Record<string, unknown>> = {}): Promise<TestTarget> {
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name, config);
  await renamedKeys(at);
  if (more !== '') await at.sql(more);
  return at;
}

describe('on tiny', () => {
  it('makes the round trip', async () => {
    await using at = await tiny('keys_tiny');
    const { changes, checks } = await roundTrip(at, at.rollout([step]), '1.3');
    // An index on profiles and one on contacts; every foreign key is there.
    expect(changes).toBe(2);
    expect(checks.map((one) => one.verdict)).toEqual(['passed', 'passed', 'passed', 'passed']);
  });
});

describe('with text ids', () => {
  // A table as an old app has it: text in every writing, a default, policies and views over it, an immutability trigger.
  const notes = `
    create table public.notes (
      id bigint generated always as identity primary key,
      org_id varchar(64) not null default 'a0000000-0000-4000-8000-000000000001',
      body text
    );
    insert into public.notes (org_id, body) values
      ('a0000000-0000-4000-8000-000000000001', 'usual'), ('A0000000-0000-4000-8000-000000000002', 'capitals'),
      ('{a0000000-0000-4000-8000-000000000003}', 'brackets');
    create unique index notes_body on public.notes (org_id, body);
    create function public.keep_org() returns trigger language plpgsql as $$ begin
      if new.org_id is distinct from old.org_id then raise exception 'immutable'; end if; return new; end $$;
    create trigger keep_org before update of org_id on public.notes for each row execute function public.keep_org();
    create function public.seen() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger seen after update of org_id on public.notes for each row execute function public.seen();
    alter table public.notes enable always trigger seen;
    alter table public.notes enable row level security;
    create policy by_claim on public.notes for select to authenticated using (org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id'));
    create policy by_profile on public.notes for all using (
      org_id in (select p.org_id::text from public.profiles p where p.id = auth.uid() and notes.body <> ''));
    create policy calls_of_notes on public.calls for select using (org_id::text in (select n.org_id from public.notes n));
    create view public.note_counts with (security_barrier = true) as select org_id, count(*) as n from public.notes group by org_id;
    comment on view public.note_counts is 'How many';
    revoke all on public.note_counts from anon;
    create view public.note_orgs as select distinct org_id from public.note_counts;
    create materialized view public.note_copy as select org_id, body from public.notes;
    create index on public.note_copy (org_id);`;

  it('makes them uuid with all that stands on them, and brings back the very text', async () => {
    await using at = await tiny('keys_text', notes);
    await roundTrip(at, at.rollout([step]), '1.3');
    const [type] = await at.sql<{ type: string }>(
      `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'public.notes'::regclass and attname = 'org_id'`,
    );
    expect(type?.type).toBe('uuid');
    expect(
      await at.sql(
        `select tgname, tgenabled from pg_trigger where tgrelid = 'public.notes'::regclass and not tgisinternal order by 1`,
      ),
    ).toEqual([
      { tgname: 'keep_org', tgenabled: 'O' },
      { tgname: 'seen', tgenabled: 'A' },
    ]);
    const claims = { sub: user(1), app_metadata: { org_id: org(2) } };
    expect(await at.as('authenticated', claims, 'select body from public.notes order by 1')).toEqual([
      { body: 'capitals' },
      { body: 'usual' },
    ]);
  });

  it('stops on a value that is no uuid, and on a CHECK that was written for text', async () => {
    await using at = await tiny(
      'keys_text_bad',
      `${notes} create table public.tags (id int primary key, org_id text check (length(org_id) = 36));
       insert into public.notes (org_id) values ('default'), ('default'), ('');`,
    );
    const { plan } = await at.rollout([step]).plan('1.3');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers.map((one) => one.problem)).toEqual([
      '1 row of public.notes holds an empty text in org_id, which names no organization.',
      '2 values of public.notes.org_id are text that is not a uuid, so no organization can be meant.',
      expect.stringMatching(/^public\.tags\.org_id is text and cannot become uuid: constraint tags_org_id_check/),
    ]);
    expect(plan.blockers[1]?.detail).toBe('"default"');
  });
});

describe('with text ids in a large table', () => {
  const large = `
    create table public.entries (
      id bigint generated always as identity primary key,
      org_id text not null default 'a0000000-0000-4000-8000-000000000001',
      body text,
      unique (org_id, body)
    );
    comment on column public.entries.org_id is 'Whose';
    insert into public.entries (org_id, body)
      select case n % 3 when 0 then 'A0000000-0000-4000-8000-000000000002' else 'a0000000-0000-4000-8000-000000000001' end, 'entry ' || n
      from generate_series(1, 12000) n;
    create index entries_org on public.entries (org_id, id desc) where org_id is not null;
    alter table public.entries enable row level security;
    create policy by_claim on public.entries using (org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id'));
    create view public.entry_counts as select org_id, count(*) as n from public.entries group by org_id;`;

  it('makes them uuid while the table is in use', { timeout: 240_000 }, async () => {
    await using at = await tiny('keys_large', large);
    // Batches name no change that must come first, so that a preview knows nothing of their column.
    const { changes } = await roundTrip(at, at.rollout([step]), '1.3');
    expect(changes).toBe(2 + 1 + 1 + 1 + 2 + 2 + 1 + 2);
    const claims = { sub: user(1), app_metadata: { org_id: org(2) } };
    expect(await at.as('authenticated', claims, 'select count(*)::int as n from public.entries')).toEqual([
      { n: 4000 },
    ]);
  });

  it('goes on where it was stopped, after any change', { timeout: 240_000 }, async () => {
    await using whole = await tiny('keys_large_whole', large);
    const rollout = whole.rollout([step]);
    const { signal } = new AbortController();
    const { plan } = await rollout.plan('1.3');
    await rollout.apply('1.3', signal);
    const wanted = await whole.executor.fingerprint();
    const repair = plan.changes.flatMap((one, index) => (/ public\.calls/.test(one.id) ? [index + 1] : []));
    for (const stop of repair.filter((one) => one < plan.changes.length)) {
      await using at = await tiny(`keys_large_stop_${stop}`, large);
      const context = {
        run: '00000000-0000-4000-8000-000000000000',
        step: '1.3' as const,
        emit: () => undefined,
        signal,
      };
      for (const change of plan.changes.slice(0, stop)) await at.executor.apply(change, context);
      await at.rollout([step]).apply('1.3', signal);
      expect(
        differences(wanted, await at.executor.fingerprint()),
        `stopped after ${plan.changes[stop - 1]?.id}`,
      ).toEqual([]);
    }
  });

  it('loses nothing that was written between apply and rollback', { timeout: 240_000 }, async () => {
    await using at = await tiny('keys_large_back', large);
    const rollout = at.rollout([step]);
    const { signal } = new AbortController();
    await rollout.apply('1.3', signal);
    await at.sql(`insert into public.entries (org_id, body) values ('${org(3)}', 'new');
      update public.entries set org_id = '${org(3)}' where body = 'entry 1';
      set session_replication_role = replica; insert into public.entries (org_id, body) values ('${org(3)}', 'silent'); reset session_replication_role;`);
    await expect(at.sql(`insert into public.entries (org_id, body) values ('${org(3)}', 'new')`)).rejects.toThrow(
      /unique/,
    );
    await rollout.rollback('1.3', signal);
    expect(
      await at.sql(
        `select body, pg_typeof(org_id)::text as type from public.entries where org_id = '${org(3)}' order by 1`,
      ),
    ).toEqual(['entry 1', 'new', 'silent'].map((body) => ({ body, type: 'text' })));
  });
});

describe('with foreign keys', () => {
  it('adds, validates and takes back; NOT VALID ones are validated', async () => {
    await using at = await tiny(
      'keys_fk',
      `alter table public.calls drop constraint calls_organization_id_fkey;
       alter table public.contacts drop constraint contacts_tenant_id_fkey;
       alter table public.contacts add constraint contacts_fk foreign key (org_id) references public.organizations on delete cascade not valid;`,
    );
    await roundTrip(at, at.rollout([step]), '1.3');
    const rows = await at.sql(
      `select conname, confdeltype, convalidated from pg_constraint where contype = 'f' and conrelid::regclass::text in ('public.calls', 'public.contacts', 'calls', 'contacts') order by 1`,
    );
    expect(rows).toEqual([
      { conname: 'calls_org_id_fkey', confdeltype: 'a', convalidated: true },
      { conname: 'contacts_fk', confdeltype: 'c', convalidated: true },
    ]);
  });

  it('stops on rows of an organization that is not there, with count and sample', async () => {
    await using at = await tiny(
      'keys_orphan',
      `alter table public.calls drop constraint calls_organization_id_fkey;
       insert into public.calls (org_id, caller) values ('a0000000-0000-4000-8000-00000000dead', '+1');`,
    );
    const { plan } = await at.rollout([step]).plan('1.3');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers).toMatchObject([
      {
        problem: '1 row of public.calls names an organization that does not exist.',
        detail: 'a0000000-0000-4000-8000-00000000dead',
      },
    ]);
  });

  const wrong = `
    alter table public.calls drop constraint calls_organization_id_fkey;
    insert into public.calls (org_id, caller) values ('b0000000-0000-4000-8000-000000000003', 'by a profile of B');
    alter table public.calls add constraint calls_wrong foreign key (org_id) references public.profiles (id) not valid;
    create function public.keep_org() returns trigger language plpgsql as $$ begin
      if old.org_id is not null and new.org_id is distinct from old.org_id then raise exception 'immutable'; end if; return new; end $$;
    create trigger keep_org before update on public.calls for each row execute function public.keep_org();`;

  it('stops on a wrong one', async () => {
    await using at = await tiny('keys_wrong_stop', wrong);
    const { plan } = await at.rollout([step]).plan('1.3');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers).toMatchObject([
      {
        problem:
          'public.calls.org_id refers to public.profiles and not to organizations; 1 of its values names no organization.',
        remedy: expect.stringContaining('--wrong-foreign-keys repair'),
      },
    ]);
  });

  it('repairs a wrong one on consent, with its values', async () => {
    await using at = await tiny('keys_wrong', wrong, { decisions: { wrongForeignKeys: 'repair' } });
    await roundTrip(at, at.rollout([step]), '1.3');
    expect(await at.sql(`select org_id from public.calls where caller = 'by a profile of B'`)).toEqual([
      { org_id: org(2) },
    ]);
  });

  it.each(['not valid', 'valid'])('goes on after a stop anywhere in the repair of one that is %s', async (state) => {
    const valid = `update public.calls set org_id = null where org_id not in (select id from public.profiles);
      alter table public.calls validate constraint calls_wrong; create trigger keep_org before`;
    const prepared = state === 'valid' ? wrong.replace('create trigger keep_org before', valid) : wrong;
    await using whole = await tiny(`keys_wrong_${state.length}_whole`, prepared, {
      decisions: { wrongForeignKeys: 'repair' },
    });
    const { signal } = new AbortController();
    const rollout = whole.rollout([step]);
    const { plan } = await rollout.plan('1.3');
    await rollout.apply('1.3', signal);
    const wanted = await whole.executor.fingerprint();
    const repair = plan.changes.flatMap((one, index) => (/ public\.calls/.test(one.id) ? [index + 1] : []));
    for (const stop of repair.filter((one) => one < plan.changes.length)) {
      await using at = await tiny(`keys_wrong_${state.length}_${stop}`, prepared, {
        decisions: { wrongForeignKeys: 'repair' },
      });
      const start = await at.executor.fingerprint();
      const stopping = new AbortController();
      const stopped = at.rollout([step]);
      let done = 0;
      stopped.listen((event) => {
        if (event.type === 'change-applied' && ++done === stop) stopping.abort();
      });
      await expect(stopped.apply('1.3', stopping.signal)).rejects.toThrow('Stopped in step 1.3');
      await at.rollout([step]).apply('1.3', signal);
      expect(differences(wanted, await at.executor.fingerprint())).toEqual([]);
      await at.rollout([step]).rollback('1.3', signal);
      expect(differences(start, await at.executor.fingerprint())).toEqual([]);
    }
  });
});

describe('on a partitioned table', () => {
  const events = `
    create table public.events (org_id uuid, day date not null, n int) partition by range (day);
    create table public.events_a partition of public.events for values from ('2026-01-01') to ('2026-02-01');
    create table public.events_b partition of public.events for values from ('2026-02-01') to ('2026-03-01') partition by hash (n);
    create table public.events_b0 partition of public.events_b for values with (modulus 1, remainder 0);
    insert into public.events select 'a0000000-0000-4000-8000-000000000001', date '2026-01-01' + n, n from generate_series(0, 50) n;`;

  it('gives partitions their foreign keys and indexes first', async () => {
    await using at = await tiny('keys_partitions', events);
    const { changes } = await roundTrip(at, at.rollout([step]), '1.3');
    expect(changes).toBe(2 + 6 + 4);
  });

  it('gives back what a partition had of its own', async () => {
    await using at = await tiny(
      'keys_partitions_own',
      `${events} create index events_a_org on public.events_a (org_id);
       alter table public.events_b0 add foreign key (org_id) references public.organizations;`,
    );
    const { changes } = await roundTrip(at, at.rollout([step]), '1.3');
    // No index for the parents: it would swallow the partition's own.
    expect(changes).toBe(2 + 4 + 1);
  });
});

describe('on clinic', () => {
  it('makes the round trip', async () => {
    await loadDatabase(server, 'clinic', 'keys_clinic');
    await using at = await makeTarget(server, 'keys_clinic', { decisions: { wrongForeignKeys: 'repair' } });
    await renamedKeys(at);
    const { changes } = await roundTrip(at, at.rollout([step]), '1.3');
    expect(changes).toBeGreaterThan(80);
  });
});
