import { afterAll, beforeAll, expect, test } from 'vitest';
import { phase } from '../../phases/1-database/phase.ts';
import { plainListener } from '../../src/report/plain.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import { makeDatabase, settingsOf } from '../helpers/databases.ts';
import { type EmbeddedServer, startServer } from '../helpers/server.ts';
import { makeTarget } from '../helpers/target.ts';

let server: EmbeddedServer;
const { signal } = new AbortController();
beforeAll(async () => {
  server = await startServer();
  await makeDatabase(server, 'tiny', 'rolled_out');
  await using at = await makeTarget(server, 'rolled_out', settingsOf('tiny'));
  const rollout = at.rollout(phase.steps);
  for (const step of phase.steps) {
    await rollout.apply(step.id, signal);
    await rollout.verify(step.id, signal);
  }
});
afterAll(() => server.stop());

const after = async (name: string, made: string) => {
  await server.createDatabase(name, 'rolled_out');
  const at = await makeTarget(server, name, settingsOf('tiny'));
  await at.sql(made);
  return { at, rollout: at.rollout(phase.steps), [Symbol.asyncDispose]: () => at[Symbol.asyncDispose]() };
};

test('a function that others wrote since is found in its text, and needs a yes', async () => {
  await using made = await after(
    'with_function',
    `create function public.mine() returns uuid language plpgsql as $$ begin return public.CURRENT_ORG_ID(); end $$;
     create function public.other() returns int language plpgsql as $$ begin -- current_org_id
       return 1; end $$;`,
  );
  const { dependants } = await made.rollout.rollbackPlan('1.7');
  expect(dependants).toEqual([{ object: 'function public.mine()', uses: ['function current_org_id'], blocks: false }]);
  await expect(made.rollout.rollback('1.7', signal)).rejects.toThrow(/will break/);
  const lines: string[] = [];
  made.rollout.listen(
    plainListener({
      write: (text) => lines.push(text),
      paint: (_, text) => text,
      live: false,
      columns: 80,
      verbose: false,
    }),
  );
  expect((await made.rollout.rollback('1.7', signal, true)).proven).toBe(true);
  // What "proven" covers is counted.
  expect(lines.join('')).toMatch(
    /proven: the target is as it was before 1\.7 \([\d,]{2,} objects and [\d,]+ rows? of \d+ tables? compared, /,
  );
});

test.each([
  ['policy', `create policy mine on public.calls for select using (org_id = public.current_org_id())`],
  ['view', `create view public.mine as select public.current_org_id() as org`],
  ['column', `create table public.mine (id int primary key, org uuid default public.current_org_id())`],
])('a %s that holds what would go stops the rollback before anything is taken back', async (kind, sql) => {
  await using made = await after(`with_${kind}`, sql);
  const before = await made.rollout.rollbackPlan('1.7');
  expect(before.dependants.map((one) => [one.blocks, one.object.split(' ')[0]])).toEqual([[true, kind]]);
  const error = await made.rollout.rollback('1.7', signal, true).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RolloutError);
  expect((await made.rollout.rollbackPlan('1.7')).entries).toHaveLength(before.entries.length);
});

test('nobody made anything since: nothing will break, in any step', async () => {
  await using made = await after('alone', 'select 1');
  for (const step of phase.steps) expect((await made.rollout.rollbackPlan(step.id)).dependants, step.id).toEqual([]);
});
