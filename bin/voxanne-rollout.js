#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Before anything else is imported: React's development build leaks performance entries, and chalk, which Ink uses,
// reads FORCE_COLOR once and knows no NO_COLOR.
process.env.NODE_ENV = 'production';
if (process.env.NO_COLOR || process.env.TERM === 'dumb' || process.argv.includes('--no-color')) {
  process.env.NO_COLOR = '1';
  process.env.FORCE_COLOR = '0';
}
// A clone has no build until it is first used; a package has one, and no sources to make it from.
if (
  !existsSync(new URL('../dist/cli.js', import.meta.url)) &&
  existsSync(new URL('../scripts/build.js', import.meta.url))
) {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const built = spawnSync(process.execPath, ['scripts/build.js'], {
    cwd,
    stdio: ['ignore', 2, 2],
    env: { ...process.env },
  });
  if (built.status !== 0) {
    process.stderr.write(
      'Error: The build of this clone failed.\nRun npm ci, then npm run build, and look at what it says.\n',
    );
    process.exit(1);
  }
}
const { main, tellCrashes } = await import('../dist/cli.js');
tellCrashes();
process.exitCode = await main(process.argv);
