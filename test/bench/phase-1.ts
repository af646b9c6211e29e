import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, clinicDecisions } from '../helpers/cli.ts';
import {
  type BenchContext,
  type BenchResult,
  expectDone,
  median,
  ms,
  rowsOf,
  runScript,
  sql,
  timed,
  times,
} from './setup.ts';

/** Phase 1 of the clinic with empty tables, against the same statements run as a script. */
export async function phaseOne({ server, cli }: BenchContext): Promise<BenchResult> {
  await loadDatabase(server, 'clinic', 'phase_base');
  await sql(
    server.adminUrl('phase_base'),
    `do $$ begin execute (select 'truncate ' || string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables where schemaname = 'public') || ', auth.users cascade'; end $$`,
  );
  const { ms: making, value: script } = await timed(() =>
    expectDone(cli, server.url('phase_base'), ['plan', '--sql', ...clinicDecisions]),
  );
  const tool: number[] = [];
  const applying: number[] = [];
  const changes: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < 3; round++) {
    const [ours, theirs] = [`phase_tool_${round}`, `phase_script_${round}`];
    await server.createDatabase(ours, 'phase_base');
    await server.createDatabase(theirs, 'phase_base');
    const { ms: whole } = await timed(() => expectDone(cli, server.url(ours), [...applyDatabase, ...clinicDecisions]));
    tool.push(whole);
    // The journal keeps how long each step and each of its changes took.
    const [took] = await rowsOf<{ changes: number; steps: number }>(
      server.url(ours),
      `select (select sum(milliseconds) from voxanne_rollout.entries)::float8 as changes,
         (select sum(milliseconds) from voxanne_rollout.records where state = 'applied')::float8 as steps`,
    );
    changes.push(took?.changes ?? 0);
    applying.push(took?.steps ?? 0);
    plain.push((await timed(() => runScript(server.url(theirs), script))).ms);
    await server.dropDatabase(ours);
    await server.dropDatabase(theirs);
  }
  const ratio = median(applying) / median(plain);
  return {
    title: 'b. phase 1 of the clinic, empty tables',
    lines: [
      `script of plan --sql        ${ms(median(plain))}, and ${ms(making)} to make it`,
      `voxanne, the changes with their journal      ${ms(median(changes))}   ${times(median(changes) / median(plain))}`,
      `voxanne, planning, applying and journalling  ${ms(median(applying))}   ${times(ratio)}, ${times(median(applying) / (making + median(plain)))} of making and running the script`,
      `voxanne, whole run with every check          ${ms(median(tool))}   ${times(median(tool) / median(plain))}`,
    ],
    goals: [{ goal: 'applying takes no more than 1.5 times the script', met: ratio <= 1.5 }],
  };
}
