import { expect, it } from 'vitest';
import { codeGuard } from './code.ts';
import { codeWeaknesses } from './seeds/code.ts';
import { databaseWeaknesses } from './seeds/database.ts';
import { harmlessChanges } from './seeds/harmless.ts';
import { kinds, placedWeaknesses, siblings } from './seeds/kinds.ts';

it('catches what a pull request adds to the code, but for what says why not', async () => {
  const look = await codeGuard();
  const missed: string[] = [];
  for (const weakness of codeWeaknesses) {
    if ((await look(weakness)).length === 0) missed.push(weakness.name);
  }
  expect(missed).toEqual(codeWeaknesses.filter((one) => one.missed !== undefined).map(({ name }) => name));
}, 60_000);

it('is tried on enough weaknesses, each once', () => {
  const all = [...codeWeaknesses, ...databaseWeaknesses, ...placedWeaknesses, ...harmlessChanges, ...siblings];
  const names = all.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect([codeWeaknesses.length >= 30, databaseWeaknesses.length >= 30]).toEqual([true, true]);
  // What looks alike and weakens nothing has to stay quiet.
  expect(kinds.filter((one) => one.weak.length === 0 || one.harmless.length === 0)).toEqual([]);
});
