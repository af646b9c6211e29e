import { startServer } from '../../src/demo/server.ts';
import { buildCli } from '../helpers/cli.ts';
import { full } from '../helpers/seeded.ts';
import { access } from './access.ts';
import { backfill } from './backfill.ts';
import { isolation } from './isolation.ts';
import { phaseOne } from './phase-1.ts';
import { scale } from './scale.ts';
import { scanBench } from './scan.ts';
import { stall } from './stall.ts';
import { startUp } from './start-up.ts';
import { weaknesses } from './weaknesses.ts';
import { wizardBench } from './wizard.ts';

/**
 * `npm run bench`: ratios, each side by side in one run on one embedded server. `npm run bench -- a d` runs these two.
 * All load stays on the loopback address and ends by itself. FULL=1 takes a million users for the
 * backfill, a million rows for the protected query, and 1,600 tables.
 */
const benches = {
  a: stall,
  b: phaseOne,
  c: backfill,
  d: isolation,
  e: startUp,
  f: scanBench,
  g: wizardBench,
  m: weaknesses,
  n: scale,
  o: access,
} as const;

const wanted = process.argv.slice(2);
const cli = await buildCli();
const server = await startServer({ settings: { shared_buffers: '256MB' } });
let missed = 0;
try {
  for (const [letter, bench] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(letter)) continue;
    const { title, lines, goals } = await bench({ server, cli, full });
    console.log(title);
    for (const line of lines) console.log(`   ${line}`);
    for (const { goal, met } of goals) console.log(`   ${met ? 'met   ' : 'MISSED'} ${goal}`);
    console.log('');
    missed += goals.filter((one) => !one.met).length;
  }
  console.log(missed === 0 ? 'Every goal was met.' : `${missed} goals were missed.`);
} finally {
  await server.stop();
  await cli[Symbol.asyncDispose]();
}
