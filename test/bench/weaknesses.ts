import { type GuardFinding, placeText } from '../../src/rollout/guard-finding.ts';
import { codeGuard } from '../guard/code.ts';
import { codeWeaknesses } from '../guard/seeds/code.ts';
import { databaseWeaknesses } from '../guard/seeds/database.ts';
import { harmlessChanges } from '../guard/seeds/harmless.ts';
import { type Placed, placedWeaknesses, siblings } from '../guard/seeds/kinds.ts';
import type { Happening } from '../guard/seeds/rows.ts';
import { rolledOut } from '../guard/stage.ts';
import { type BenchContext, type BenchResult, median, ms, timed } from './setup.ts';

/** The share of seeded weaknesses that the guard catches: one alone at a time, in the database and in the code. */
export async function weaknesses({ server }: BenchContext): Promise<BenchResult> {
  const missed: string[] = [];
  const took: number[] = [];
  await using guarded = await rolledOut(server, 'weaknesses');
  const known = new Set((await guarded.after('select 1')).findings.map((one) => one.id));
  const inDatabase: readonly (Happening & Partial<Placed>)[] = [...databaseWeaknesses, ...placedWeaknesses];
  for (const { name, sql, at = '' } of inDatabase) {
    const { ms: time, value } = await timed(() => guarded.after(sql));
    took.push(time);
    const isTold = (one: GuardFinding): boolean =>
      !known.has(one.id) && one.level !== 'note' && `${placeText(one.place)} ${one.reason}`.includes(at);
    if (!value.findings.some(isTold)) missed.push(name);
  }
  const harmless = [...harmlessChanges, ...siblings];
  const alarms: string[] = [];
  for (const { name, sql } of harmless) {
    const { findings, notLookedAt } = await guarded.after(sql);
    if (notLookedAt.length > 0 || findings.some((one) => !known.has(one.id) && one.level !== 'note')) alarms.push(name);
  }
  const look = await codeGuard();
  for (const weakness of codeWeaknesses) {
    if ((await look(weakness)).length === 0)
      missed.push(`${weakness.name}${weakness.missed === undefined ? '' : ` (${weakness.missed})`}`);
  }
  const all = inDatabase.length + codeWeaknesses.length;
  const share = (all - missed.length) / all;
  return {
    title: `m. the guard: ${inDatabase.length} seeded weaknesses of the database, ${codeWeaknesses.length} of the code`,
    lines: [
      `caught ${all - missed.length} of ${all}: ${(share * 100).toFixed(1)} %; a look at the database takes ${ms(median(took))}`,
      ...missed.map((name) => `missed: ${name}`),
      `false alarms: ${alarms.length} of ${harmless.length} harmless changes${alarms.map((name) => `, ${name}`).join('')}`,
    ],
    goals: [
      { goal: 'at least 95 % are caught', met: share >= 0.95 },
      { goal: 'no false alarm', met: alarms.length === 0 },
    ],
  };
}
