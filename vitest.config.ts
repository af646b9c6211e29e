import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', './scripts/tally.js'],
    pool: 'forks',
    // One more than the two cores of the smallest machine: many tests wait for a server, a lock or a screen.
    maxWorkers: 3,
  },
});
