// Draws the README's pictures from a real run: the built command line in a pseudo-terminal against the sample clinic.
// Run: node --import tsx scripts/pictures.ts
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { configFileName } from '../src/config/index.ts';
import { packageRoot } from '../src/package-root.ts';
import { applyShown, keys, openStage, openStep, overview, verified } from '../test/e2e/stage.ts';
import type { RealTerminal } from '../test/wizard/terminal.ts';
import { cellsToSvg } from './cells-to-svg.ts';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), '../docs/pictures');
mkdirSync(folder, { recursive: true });

const draw = (terminal: RealTerminal, name: string, title: string): void => {
  writeFileSync(path.join(folder, `${name}.svg`), cellsToSvg(terminal.emulator, title));
  console.log(`docs/pictures/${name}.svg`);
};

const stage = await openStage('clinic');
try {
  const place = await stage.place({}, 'clinic');
  // A checkout of the sample app in a home folder: a picture tells nothing of the machine that drew it.
  const app = path.join(place.folder, 'clinic-app');
  cpSync(path.join(packageRoot(), 'src/demo/app'), app, { recursive: true });
  renameSync(path.join(place.folder, configFileName), path.join(app, configFileName));
  writeFileSync(path.join(app, '.gitignore'), 'node_modules\n.voxanne-rollout\n');
  const git = (...args: readonly string[]): void => {
    execFileSync('git', ['-c', 'user.name=Demo', '-c', 'user.email=demo@example.test', ...args], { cwd: app });
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '--message=Sample app');
  const terminal = place.start([], {
    columns: 100,
    rows: 30,
    cwd: app,
    env: { HOME: place.folder },
    patience: 300_000,
  });

  await terminal.wait('Nothing is changed without a question');
  await terminal.wait('Locks of policy statements');
  draw(terminal, 'start', 'The first screen: the target, and what doctor found');

  await overview(terminal);
  for (const step of ['1.1', '1.2']) {
    await openStep(terminal, step);
    await applyShown(terminal);
    await verified(terminal, step);
    await terminal.press(keys.escape);
    await terminal.wait(/ 1 {2}Database/);
  }
  await terminal.wait(/○ pending +1\.3/);
  draw(terminal, 'overview', 'The overview: phases and steps, and what each is waiting for');

  await openStep(terminal, '1.3');
  draw(
    terminal,
    'impact',
    'A preview begins with its impact: risk, what is touched, locks as measured, what was tested',
  );
  // To a change that was tried: its SQL, how long it ran, and the locks it took.
  await terminal.press(']');
  await terminal.wait(/hidden above/);
  await terminal.press('z');
  await terminal.wait('Tested in');
  draw(terminal, 'preview', 'Every statement of a step: tested and rolled back, with the locks it takes');

  // The app goes on working meanwhile: one of its transactions holds a table that the next change needs.
  const other = await place.session();
  await other.query('begin');
  await other.query('lock table public.campaign_contacts in row exclusive mode');
  await applyShown(terminal);
  await terminal.wait(/blocked by nightly-report/);
  draw(terminal, 'running', 'A change that waits for a lock steps back, tries again, and says who holds it');
  await other.query('rollback');
  await verified(terminal, '1.3');

  await terminal.press('u');
  await terminal.wait('to roll back, newest first');
  await terminal.press('u');
  await terminal.wait('on this target?');
  draw(terminal, 'rollback', 'A rollback has its own preview and its own question');
  await terminal.press('n');
  await terminal.press(keys.escape);
  await terminal.wait(/ 1\.3 .*✓ verified/);
  await terminal.press(keys.escape);
  await terminal.wait(/ 1 {2}Database/);

  await terminal.press(keys.down);
  for (const step of ['1.4', '1.5', '1.6']) {
    await openStep(terminal, step);
    await applyShown(terminal);
    await verified(terminal, step);
    await terminal.press(keys.escape);
    await terminal.wait(/ 1 {2}Database/);
  }
  await openStep(terminal, '1.7');
  draw(terminal, 'access', 'What real users reach, compared before and after the step, before it is applied');
  await terminal.press(']');
  await terminal.wait(/hidden above/);
  draw(terminal, 'groups', 'Hundreds of statements as groups by kind, with their risk and longest lock');
  await terminal.press('q');
  await terminal.exit;
} finally {
  await stage.close();
}
