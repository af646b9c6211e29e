import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyDatabase, tell, tinyDecisions } from '../helpers/cli.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

const linux = process.platform === 'linux';
if (!linux) tell('skipped: command lines of processes are looked at on Linux only (no /proc here)');

/** The command lines of all processes of this machine, as any user sees them. */
function commandLines(): readonly string[] {
  if (!linux) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ');
      } catch {
        return ''; // ended meanwhile
      }
    });
}

test('a password appears in no output, file, journal row, activity or process list', async () => {
  const secret = 'Correct-Horse 7&ß'.normalize();
  const encoded = encodeURIComponent(secret);
  const shapes = [secret, encoded, encoded.toLowerCase(), 'Correct-Horse'];
  await stage.tiny('secret');
  await stage.sql(
    stage.server.adminUrl(),
    `create role keeper login bypassrls createrole password '${secret}' in role postgres`,
  );
  const plain = new URL(stage.server.url('secret'));
  plain.password = encoded;
  const url = plain.href;
  const cwd = stage.cli.folder('secrets');

  const runs = [
    ['doctor'],
    ['plan', '--sql', ...tinyDecisions],
    [...applyDatabase, '--verbose', '--debug', ...tinyDecisions],
    ['verify', '--json'],
    ['status', '--debug'],
    ['report'],
    ['rollback', '--all', '--yes', '--json'],
    ['plan', '--debug', '--config', 'absent.json'],
  ];
  // The password of postgres itself, so that every command gets in.
  await stage.sql(stage.server.adminUrl(), `alter role postgres password '${secret}'`);
  const seen: string[] = [];
  for (const args of runs) {
    const run = stage.cli.start(args, { url, cwd });
    const looking = setInterval(() => seen.push(...commandLines()), 400);
    const { stdout, stderr, code } = await run.ended;
    clearInterval(looking);
    expect(code, args.join(' ') + stderr).toBe(args[0] === 'doctor' ? code : args.includes('absent.json') ? 2 : 0);
    seen.push(stdout, stderr);
  }
  for (const wrong of [`${url}x`, url.replace('127.0.0.1', 'db.example.invalid'), url.replace(/:\d+\//, ':9/')]) {
    const { stdout, stderr, code } = await stage.cli.run(['plan', '--debug'], { url: wrong, cwd });
    expect([2, 4]).toContain(code);
    seen.push(stdout, stderr);
  }
  const kept = await stage.sql(
    stage.server.adminUrl('secret'),
    `select to_jsonb(e)::text as text from voxanne_rollout.entries e union all select to_jsonb(r)::text from voxanne_rollout.records r
     union all select to_jsonb(k)::text from voxanne_rollout.kept k`,
  );
  seen.push(JSON.stringify(kept));
  for (const file of readdirSync(cwd, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) seen.push(readFileSync(join(file.parentPath, file.name), 'utf8'));
  }
  const leaks = seen.filter((text) => shapes.some((shape) => text.includes(shape)));
  expect(leaks.map((text) => text.slice(0, 300))).toEqual([]);
});
