import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    reporters: ['default', './scripts/tally.js'],
    pool: 'forks',
    globalSetup: './test/helpers/global-setup.ts',
    sequence: { sequencer: LongestFirst },
    // One more than the two cores of the smallest machine: many tests wait for a server, a lock or a screen.
    maxWorkers: 3,
  },
});
