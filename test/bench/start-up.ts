import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { type BenchContext, type BenchResult, median, ms, runNode, timed, times } from './setup.ts';

/** From the start of the process to its end, against a node that does nothing. */
export async function startUp({ server, cli }: BenchContext): Promise<BenchResult> {
  await loadDatabase(server, 'tiny', 'start_up');
  const nothing = join(cli.folder('bench'), 'nothing.mjs');
  writeFileSync(nothing, '');
  const measured: Record<'node' | '--help' | 'status', number[]> = { node: [], '--help': [], status: [] };
  for (let round = 0; round < 12; round++) {
    measured.node.push((await timed(() => runNode([nothing]))).ms);
    measured['--help'].push((await timed(() => runNode([cli.bin, '--help']))).ms);
    measured.status.push(
      (await timed(() => runNode([cli.bin, 'status'], { SUPABASE_DB_URL: server.url('start_up') }))).ms,
    );
  }
  const bare = median(measured.node);
  const help = median(measured['--help']);
  const status = median(measured.status);
  return {
    title: 'e. start-up',
    lines: [
      `bare node  ${ms(bare)}`,
      `--help     ${ms(help)}   ${times(help / bare)}`,
      `status     ${ms(status)}   ${times(status / bare)}, four connections and a look at the database included`,
    ],
    goals: [{ goal: '--help within twice a bare node', met: help <= 2 * bare }],
  };
}
