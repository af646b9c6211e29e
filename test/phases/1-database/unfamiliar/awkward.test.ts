import { afterAll, beforeAll, expect, it } from 'vitest';
import { phase } from '../../../../phases/1-database/phase.ts';
import { differences } from '../../../../src/rollout/fingerprint.ts';
import { throughPhaseOne } from '../../../helpers/phase-one.ts';
import { rowChecksums } from '../../../helpers/round-trip.ts';
import { inCi } from '../../../helpers/seeded.ts';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import type { TestTarget } from '../../../helpers/target.ts';
import { makeApp } from '../sign-up/schemas.ts';
import { type Awkward, awkward } from './awkward.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const user = (n: number): string => `b0000000-0000-4000-8000-00000000000${n}`;

/** What each user reads with the token that they would get now, in plain SQL. */
async function readsOf(at: TestTarget, { reads = [] }: Awkward): Promise<readonly string[]> {
  const said: string[] = [];
  for (const { query } of reads)
    for (const n of [1, 2]) {
      const [row] = await at.sql<{ meta: unknown }>('select raw_app_meta_data as meta from auth.users where id = $1', [
        user(n),
      ]);
      const rows = await at.as<{ body: string }>('authenticated', { sub: user(n), app_metadata: row?.meta }, query);
      said.push(
        `${n} ${query}: ${rows
          .map((one) => one.body)
          .sort()
          .join()}`,
      );
    }
  return said;
}

async function newcomerReads(at: TestTarget): Promise<string> {
  const id = 'b0000000-0000-4000-8000-000000000077';
  await at.sql('begin');
  try {
    await at.sql(
      `insert into auth.users (id, email, raw_app_meta_data) values ('${id}', 'new@example.test', '{"provider": "email"}')`,
    );
    await at.sql('set constraints all immediate');
    const [row] = await at.sql<{ meta: unknown }>('select raw_app_meta_data as meta from auth.users where id = $1', [
      id,
    ]);
    await at.sql(`select set_config('request.jwt.claims', $1, true)`, [
      JSON.stringify({ sub: id, role: 'authenticated', app_metadata: row?.meta }),
    ]);
    await at.sql('set local role authenticated');
    return (await at.sql<{ body: string }>('select body from public.notes')).map((one) => one.body).join();
  } finally {
    await at.sql('rollback');
  }
}

it.each(inCi(Object.entries(awkward), 5))(
  '%s: to 1.7 verified, everybody reads their own, and back to what was there',
  async (_, one) => {
    await using app = await makeApp(server, one.sql, { decisions: { ...one.decisions }, names: { ...one.names } });
    const { at } = app;
    const start = await at.executor.fingerprint();
    const rows = await rowChecksums(at);
    const own = (one.reads ?? []).flatMap(({ query, first, second }) => [
      `1 ${query}: ${first}`,
      `2 ${query}: ${second}`,
    ]);
    expect(await readsOf(at, one), 'the app itself').toEqual(own);
    const way = await throughPhaseOne(at);
    expect(way.said.filter((each) => /^(blocker|failed|error)/.test(each))).toEqual([]);
    expect(way.stopped).toBeNull();
    expect(await readsOf(at, one)).toEqual(own);
    if (one.newcomer !== undefined) expect(await newcomerReads(at)).toBe(one.newcomer);
    for (const { id } of [...phase.steps].reverse())
      expect((await way.rollout.rollback(id, new AbortController().signal)).differences, id).toEqual([]);
    expect(differences(start, await at.executor.fingerprint())).toEqual([]);
    expect(differences(rows, await rowChecksums(at))).toEqual([]);
  },
);

it('where the name that is to stay holds something else, 1.1 says so before anything changes, with SQL that gets past', async () => {
  const taken = awkward['an org_id that is there already and means a register number, where another name stays'];
  await using app = await makeApp(server, taken?.sql ?? '', {});
  const [first] = (await app.at.rollout([phase]).plan('1.1')).plan.blockers;
  expect(first?.problem).toContain('org_id is there already and holds something else');
  await app.at.sql(first?.detail ?? '');
  expect((await app.at.rollout([phase]).plan('1.1')).plan.blockers).toEqual([]);
});
