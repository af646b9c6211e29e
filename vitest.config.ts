import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';

/**
 * Files that leave the process as they found it: a worker keeps its modules from one of them to the next, since loading
 * them anew for each of a hundred files costs more than most of their tests.
 */
const tidy = [
  'test/{app,cases,code,config,database,isolation,report,rollout,workspace}/**/*.test.ts',
  'test/phases/{1-database,4-settings}/**/*.test.ts',
  'test/phases/*.test.ts',
  // Chalk decides about colours when it is loaded, and the screens are drawn with them.
  'test/wizard/**/!(screens).test.{ts,tsx}',
];

export default defineConfig({
  test: {
    testTimeout: 240_000,
    hookTimeout: 240_000,
    reporters: ['default', './scripts/tally.js'],
    pool: 'forks',
    globalSetup: './test/helpers/global-setup.ts',
    sequence: { sequencer: LongestFirst },
    // One more than the two cores of the smallest machine: many tests wait for a server, a lock or a screen.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'tidy', include: tidy, isolate: false } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.{ts,tsx}'], exclude: tidy } },
    ],
  },
});
