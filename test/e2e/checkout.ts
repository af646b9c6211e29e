import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { type AppCopy, copyApp } from '../helpers/backend.ts';

const copies: AppCopy[] = [];

export const removeCheckouts = (): void => {
  for (const copy of copies.splice(0)) copy.remove();
};

/** The sample app as somebody's checkout before `npm install`: type checks have tests of their own, and take long. */
export const checkout = (): string => {
  const copy = copyApp();
  copies.push(copy);
  const git = (...args: readonly string[]) => execFileSync('git', ['-C', copy.directory, ...args], { stdio: 'pipe' });
  rmSync(path.join(copy.directory, 'node_modules'));
  git('init', '--quiet');
  git('add', '.');
  git('-c', 'user.name=tester', '-c', 'user.email=tester@example.test', 'commit', '--quiet', '-m', 'as it was');
  return copy.directory;
};

/** As `git status` names them. */
export const changedFiles = (workspace: string): readonly string[] =>
  execFileSync('git', ['-C', workspace, 'status', '--porcelain'], { encoding: 'utf8' })
    .split('\n')
    .filter((row) => row !== '');

/** A run on a checkout, with the decisions that the sample databases need. */
export const flags = (workspace: string): readonly string[] => [
  ...['--workspace', workspace, '--environment', 'staging'],
  ...[
    '--orphans',
    'own-organization',
    '--ambiguous-memberships',
    'owned',
    '--wrong-foreign-keys',
    'repair',
    '--isolation',
    'one',
  ],
  '--trust-profiles',
  '--revoke-execute',
];
