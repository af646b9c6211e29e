import { describe, expect, test } from 'vitest';
import { requireSameTarget } from '../../src/cli/commands/apply-plan.ts';
import { requireSameServer, unrehearsed } from '../../src/cli/environment.ts';
import { type Config, configSchema, environmentOf } from '../../src/config/index.ts';
import {
  fingerprintOf,
  type PlanIdentity,
  type Rehearsal,
  readsOf,
  type SavedPlan,
  savedPlanFormat,
  sealed,
} from '../../src/rollout/saved-plan.ts';

const { $schema: _, ...settings } = configSchema.parse({
  environments: {
    preview: { is: ['preview.example.test/app'] },
    staging: { is: ['stagingref'] },
    production: { is: ['prodref', 'tunnel.example.test:5433'], after: ['preview', 'staging'] },
  },
});
const config: Config = { ...settings, workspace: '/nowhere', file: null };

const place = (project: string | null, host = 'db.example.test', port = 5432, database = 'app'): PlanIdentity => ({
  project,
  host,
  port,
  database,
  environment: 'as somebody said',
});
const production = place('prodref');
const preview = place(null, 'preview.example.test');

const content = {
  kind: 'voxanne-rollout plan',
  format: savedPlanFormat,
  code: null,
  uncovered: [],
  made: { at: '2026-01-01T00:00:00.000Z', tool: '1.0.0', server: '15.8' },
  target: production,
  settings: {},
  applied: [],
  state: { 'public.calls': { 'table public.calls': 'a' } },
  steps: [],
  carriedOut: [],
} satisfies Omit<SavedPlan, 'hash'>;

const done = (on: PlanIdentity, over: Partial<Rehearsal> = {}): Rehearsal => ({
  kind: 'rehearsal',
  on,
  at: '2026-01-02T00:00:00.000Z',
  tool: '1.0.0',
  server: '15.9',
  fingerprint: fingerprintOf(content.state, readsOf(content)),
  steps: [],
  changes: [],
  code: null,
  reader: null,
  load: null,
  ...over,
});
const plan = (...carriedOut: readonly Rehearsal[]): SavedPlan => sealed({ ...content, carriedOut: [...carriedOut] });

describe('an environment', () => {
  test.each([
    ['the project, through whichever door', place('prodref', 'aws-0-eu.pooler.supabase.com'), 'production'],
    ['host and port', place(null, 'Tunnel.example.test', 5433), 'production'],
    ['another port of that host', place(null, 'tunnel.example.test', 5432), null],
    ['host and database', preview, 'preview'],
    ['another database of that host', place(null, 'preview.example.test', 5432, 'other'), null],
  ])('is recognised by %s', (_what, target, name) => {
    expect(environmentOf(config.environments, target)?.name ?? null).toBe(name);
  });
});

describe('what has to come before production', () => {
  test.each([
    ['no plan', undefined],
    ['a plan that was never carried out', plan()],
    ['one of two', plan(done(preview))],
    ['another definition', plan(done(preview), done(place('stagingref'), { fingerprint: 'b'.repeat(64) }))],
    ['another version of the tool', plan(done(preview), done(place('stagingref'), { tool: '0.9.0' }))],
    [
      'a database that only calls itself staging',
      plan(done(preview), done({ ...place('other'), environment: 'staging' })),
    ],
  ])('%s is refused', (_what, given) => {
    expect(unrehearsed(config, production, given)?.exitCode).toBe(2);
    // Where nothing is asked for, nothing is refused.
    expect(unrehearsed(config, place('stagingref'), given)).toBeNull();
    expect(unrehearsed(config, place(null, '127.0.0.1'), given)).toBeNull();
  });

  test('a rehearsal on one and a rollout on the other are enough, on the same major version of the server', () => {
    const given = plan(done(preview), done(place('stagingref'), { kind: 'rollout' }));
    expect(unrehearsed(config, production, given)).toBeNull();
    expect(() => requireSameServer(config, production, given, '15.1')).not.toThrow();
    expect(() => requireSameServer(config, production, given, '17.2')).toThrow(
      /PostgreSQL 15\.9, and this is PostgreSQL 17\.2/,
    );
  });
});

test('a plan is taken by its own database and by the environment right after that one', () => {
  const takes = (made: PlanIdentity, target: PlanIdentity) => () =>
    requireSameTarget({ ...plan(), target: made }, { connection: target, config }, 'plan.json');
  expect(takes(production, place('prodref', 'elsewhere.example.test'))).not.toThrow();
  expect(takes(place('stagingref'), production)).not.toThrow();
  expect(takes(production, place('stagingref'))).toThrow(/made for project prodref, and this is project stagingref/);
  expect(takes(place('other'), production)).toThrow(/made for project other/);
  expect(takes(place(null), production)).toThrow();
  expect(takes(place(null), place(null, 'db.example.test', 5433))).toThrow();
});
