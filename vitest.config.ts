import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    reporters: ['default', './scripts/tally.js'],
    pool: 'forks',
    // A worker keeps its modules from file to file: loading them anew for each of two hundred files costs more than most
    // of their tests. What a file changes of the process or of a module it puts back.
    isolate: false,
    globalSetup: './test/helpers/global-setup.ts',
    sequence: { sequencer: LongestFirst },
    // One more than the two cores of the smallest machine: many tests wait for a server, a lock or a screen.
    maxWorkers: 3,
  },
});
