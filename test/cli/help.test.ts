import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { meant } from '../../src/cli/help.ts';
import { main } from '../../src/cli/main.ts';

afterEach(() => vi.restoreAllMocks());

async function said(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const keep = (part: unknown): boolean => {
    text += String(part);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(keep);
  vi.spyOn(process.stderr, 'write').mockImplementation(keep);
  const code = await main(['node', 'voxanne-rollout', ...args]);
  vi.restoreAllMocks();
  return { code, text };
}

describe('help', () => {
  test('of a command: its own options before those that it shares, then examples', async () => {
    const { code, text } = await said('help', 'rollback');
    expect(code).toBe(0);
    expect(text.indexOf('--break-dependants')).toBeLessThan(text.indexOf('--db-url'));
    expect(text.indexOf('--db-url')).toBeLessThan(text.indexOf('--orphans'));
    expect(text).toMatch(/Decisions \(--yes grants none of them\):[\s\S]*Examples:\n {2}voxanne-rollout rollback$/m);
  });

  test('a misspelt command is answered with the one that was meant, or with all', async () => {
    const { code, text } = await said('rolback');
    expect({ code, text }).toEqual({
      code: 2,
      text: 'Error: There is no command "rolback".\nDid you mean rollback?\n',
    });
    expect(await said('help', 'rolback')).toEqual({ code, text });
    const names = ['plan', 'verify', 'rollback', 'status'];
    expect(['stauts', 'verfiy', 'pln'].map((word) => meant(word, names))).toEqual([
      'Did you mean status?',
      'Did you mean verify?',
      'Did you mean plan?',
    ]);
    expect(meant('frobnicate', names)).toBe('The commands are plan, verify, rollback, status.');
  });
});

test.each([
  [
    ['rollback', '--to', '9.9x'],
    /^Error: Option '--to <step>' argument '9\.9x' is invalid: expected a step such as 1\.4\.\n"voxanne-rollout help rollback" says/,
  ],
  [['status', '--al'], /^Error: Unknown option '--al'\.\nDid you mean --all\?\n$/],
  [['--to', '1.4'], /^Error: --to 1\.4 says where --yes stops, and --yes was not given\.\nGive --yes --to 1\.4;/],
  [['demo', '--yes', '--to', '1.7'], /^Error: "demo" takes no --to\.\n"voxanne-rollout help demo" says/],

  [['doctor', '--no-interactive'], /^Error: "doctor" takes no --no-interactive\.\n/],
  [['--on-failure', 'stop', 'verify'], /^Error: "verify" takes no --on-failure\.\n/],
  [['completion'], /^Error: completion needs bash, zsh or fish\.\n"voxanne-rollout help completion" says/],
  [
    ['plan', '--orphans', 'x'],
    /^Error: Option '--orphans <how>' argument 'x' is invalid: the choices are own-organization, leave\.\n/,
  ],
])('%j is answered like any other error: what is wrong, then what to do', async (args, expected) => {
  const { code, text } = await said(...args);
  expect(code).toBe(2);
  expect(text).toMatch(expected);
});

describe('completion', () => {
  test('bash completes commands, the options of a command, and the values of an option', async () => {
    const { code, text } = await said('completion', 'bash');
    expect(code).toBe(0);
    const complete = (...words: readonly string[]): readonly string[] =>
      execFileSync(
        'bash',
        [
          '--norc',
          '-c',
          `eval "$1"; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _voxanne_rollout; printf '%s\n' "\${COMPREPLY[@]}"`,
          'bash',
          text,
        ],
        { encoding: 'utf8' },
      )
        .split('\n')
        .filter((one) => one !== '');
    expect(complete('voxanne-rollout', 'rollb')).toEqual(['rollback']);
    expect(complete('voxanne-rollout', 'rollback', '--pha')).toEqual(['--phase']);
    expect(complete('voxanne-rollout', 'plan', '--pha')).toEqual([]);
    expect(complete('voxanne-rollout', '--orphans', '')).toEqual(['own-organization', 'leave']);
    expect(complete('voxanne-rollout', 'plan', '--orphans', '')).toEqual(['own-organization', 'leave']);
    expect(complete('voxanne-rollout', 'report', '--format', '')).toEqual(['markdown', 'html']);
    expect(complete('voxanne-rollout', 'guard', '--format', '')).toContain('junit');
  });

  test.each(['zsh', 'fish'])('%s knows every command and the choices of an option', async (shell) => {
    const { code, text } = await said('completion', shell);
    expect(code).toBe(0);
    for (const one of ['plan', 'waive', 'completion', 'own-organization leave', 'with-fix'])
      expect(text).toContain(one);
  });

  test('of another shell says which there are', async () => {
    expect(await said('completion', 'csh')).toMatchObject({
      code: 2,
      text: expect.stringContaining('bash, zsh and fish'),
    });
  });
});
