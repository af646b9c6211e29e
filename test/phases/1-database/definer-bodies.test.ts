import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { step } from '../../../phases/1-database/7-isolation.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { RolloutError } from '../../../src/rollout/errors.ts';
import { renamedKeys } from '../../helpers/renames.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const { signal } = new AbortController();

async function tiny(name: string, sql: string, config: Readonly<Record<string, unknown>> = {}): Promise<TestTarget> {
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name, config);
  await renamedKeys(at);
  await at.sql(sql);
  return at;
}

const leaking = `
  create function public.all_calls() returns setof public.calls language sql security definer as 'select * from public.calls';
  create function public.callers() returns table (who text) language plpgsql security definer set search_path = public as $$
    begin return query select c.caller from calls c order by c.id; end $$;
  create function public.empty_calls() returns void language sql security definer as 'delete from public.calls';`;

/** Each of these is legitimate somewhere, or is known to ask. */
const harmless = `
  create table public.plans (code text primary key);
  create function public.price_list() returns setof public.plans language sql security definer as 'select * from public.plans';
  create function public.my_org() returns uuid language sql stable security definer as 'select org_id from public.profiles where id = auth.uid()';
  create function public.my_calls() returns setof public.calls language sql security definer as 'select * from public.calls where org_id = public.my_org()';
  create function public.as_caller() returns setof public.calls language sql as 'select * from public.calls';
  create function public.for_jobs() returns setof public.calls language sql security definer as 'select * from public.calls';
  revoke execute on function public.for_jobs() from public, anon, authenticated;
  create function public.report(who text, what text) returns void language sql security definer as 'insert into public.calls (caller) values (who)';
  create schema inside;
  create function inside.all_calls() returns setof public.calls language sql security definer as 'select * from public.calls';`;

const unclear = `
  create function public.invitation(token text) returns setof public.contacts language sql security definer as 'select * from public.contacts where phone = token';
  create function public.how_many() returns setof bigint language sql security definer as 'select count(*) from public.calls';
  create function public.purge() returns void language plpgsql security definer as $$ begin delete from public.calls where seconds < 1; perform 1; end $$;
  create function public.atomic() returns setof bigint language sql security definer begin atomic select c.id from public.calls c; end;`;

describe('functions that run with their owner’s rights and take no organization', () => {
  it('stop the step where they show or change every organization’s rows', async () => {
    await using at = await tiny('bodies_leak', leaking + harmless);
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.changes).toEqual([]);
    expect(plan.blockers.map((one) => one.problem)).toEqual(
      ['all_calls()', 'callers()', 'empty_calls()'].map((name) =>
        expect.stringContaining(
          `public.${name} runs with its owner's rights on every organization's rows of public.calls`,
        ),
      ),
    );
    for (const one of plan.blockers) expect(one.remedy).toContain('--revoke-execute');
    expect(plan.blockers[0]?.detail).toContain('select * from public.calls');
    expect(plan.notes.map((one) => one.text).filter((text) => text.includes("owner's rights"))).toEqual([]);
  });

  it('are taken from API roles on consent, and come back', async () => {
    await using at = await tiny('bodies_revoke', leaking, { decisions: { revokeExecute: true } });
    const { checks } = await roundTrip(at, at.rollout([step]), '1.7');
    expect(checks.filter((one) => one.verdict === 'failed')).toEqual([]);
    for (const call of ['all_calls', 'callers', 'empty_calls'])
      await expect(at.as('authenticated', {}, `select public.${call}()`)).rejects.toMatchObject({ code: '42501' });
    expect(await at.as('service_role', {}, 'select public.all_calls()')).not.toEqual([]);
  });

  it('are a decision by name where an argument, a condition or a count may be all that is needed', async () => {
    await using at = await tiny('bodies_unclear', unclear + harmless);
    const { plan } = await at.rollout([step]).plan('1.7');
    const asked = plan.blockers.map((one) => /--accept-function '(public\.[^']+)'/.exec(one.remedy)?.[1] ?? '');
    expect(asked.sort()).toEqual(['public.atomic()', 'public.how_many()', 'public.invitation(text)', 'public.purge()']);
    expect(plan.blockers.find((one) => one.problem.includes('purge'))?.detail).toContain('delete from public.calls');
  });

  it('that were accepted by name are still probed: two of them are caught before anything is committed', async () => {
    const acceptFunction = ['public.atomic()', 'public.how_many()', 'public.invitation(text)', 'public.purge()'];
    await using at = await tiny('bodies_accepted', unclear + harmless, { decisions: { acceptFunction } });
    const { plan } = await at.rollout([step]).plan('1.7');
    expect(plan.blockers).toEqual([]);
    const refused = await at
      .rollout([step])
      .apply('1.7', signal)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      problem: expect.stringMatching(/of its checks would fail/),
      detail: expect.stringMatching(/It was left as it is by name .*--revoke-function.*--accept-access/),
    });
  });
});

describe('functions that ask who is calling and then do not care', () => {
  const careless = `
    create function public.search_calls(q jsonb) returns setof public.calls language plpgsql security definer set search_path = '' as
      $$ begin if auth.uid() is null then raise exception 'no'; end if; return query execute format('select * from public.calls where caller ilike %L', q->>'caller'); end $$;
    create function public.callers_by_letter(letter text) returns table (who text) language plpgsql security definer set search_path = '' as
      $$ begin if auth.uid() is null then raise exception 'no'; end if; return query select c.caller from public.calls c where c.caller like letter || '%'; end $$;`;
  const byId = `
    create function public.caller_of(p uuid) returns text language plpgsql security definer set search_path = '' as
      $$ declare found text; begin select full_name into found from public.profiles where id = p; if auth.uid() is null then raise exception 'no'; end if; return found; end $$;`;
  const names = ['public.callers_by_letter(text)', 'public.search_calls(jsonb)'];
  const applied = async (at: TestTarget): Promise<RolloutError | null> => {
    const rollout = at.rollout([step]);
    try {
      await rollout.apply('1.7', signal);
      expect(await rollout.verify('1.7', signal)).toMatchObject({ failed: 0 });
      return null;
    } catch (error) {
      if (error instanceof RolloutError) return error;
      throw error;
    }
  };

  it('are called with plain values, and keep the step shut where that proves nothing, until they are accepted or revoked by name', async () => {
    await using at = await tiny('bodies_careless', careless);
    const refused = await applied(at);
    expect(refused?.problem).toMatch(/1 of its checks would fail/);
    expect(refused?.detail).toMatch(/callers_by_letter\(text\)\/call: .*1 row of another organization came back/);
    for (const name of names.slice(1)) {
      expect(refused?.detail).toContain(`1.7/two-org/${name}/call`);
      expect(refused?.detail).toContain(`--accept-function '${name}'`);
      expect(refused?.detail).toContain(`--revoke-function '${name}'`);
    }
    await using accepted = await tiny('careless_accepted', careless, {
      decisions: { acceptFunction: names, acceptAccess: [`1.7/two-org/${names[0]}/call`] },
    });
    expect(await applied(accepted)).toBeNull();
    // Accepted first, and revoked once the checks said what they reach.
    await using revoked = await tiny('careless_revoked', careless, {
      decisions: { acceptFunction: names, revokeFunction: names },
    });
    expect(await applied(revoked)).toBeNull();
  });

  it('are tried with an id whatever the argument is called', async () => {
    await using at = await tiny('bodies_by_id', byId);
    const refused = await applied(at);
    expect(refused?.problem).toMatch(/1 of its checks would fail/);
    expect(refused?.detail).toContain('1.7/two-org/public.caller_of(uuid)/call');
  });
});
