#!/usr/bin/env node
// Before anything else is imported: React's development build leaks performance entries, and chalk, which Ink uses,
// reads FORCE_COLOR once and knows no NO_COLOR.
process.env.NODE_ENV = 'production';
if (process.env.NO_COLOR || process.env.TERM === 'dumb' || process.argv.includes('--no-color')) {
  process.env.NO_COLOR = '1';
  process.env.FORCE_COLOR = '0';
}
const { main, tellCrashes } = await import('../dist/cli.js');
tellCrashes();
process.exitCode = await main(process.argv);
