import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { step as signUp } from '../../../phases/1-database/4-sign-up.ts';
import { checkAccessTokenHook, enableHook, planAccessTokenHook } from '../../../phases/1-database/access-token-hook.ts';
import { survey } from '../../../phases/1-database/survey.ts';
import type { Target } from '../../../phases/target.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import type { Step } from '../../../src/rollout/step.ts';
import { probeLive } from '../../../src/supabase/live/index.ts';
import { readClaims, signToken } from '../../helpers/jwt.ts';
import { roundTrip, rowChecksums } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';
import { isPath, openFront } from '../live/front.ts';
import { applyPhase, collect, jwtSecret, liveOptions, openProject } from '../live/setup.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterAll(() => server.stop());

/** The hook as a step of its own, as the sign-up step takes it in. */
const step: Step<Target> = {
  id: '1.4',
  title: 'Access-token hook',
  why: 'For projects whose first token must carry org_id on every path.',
  plan: async (target) => planAccessTokenHook(await survey(target), target),
  checks: async function* (target) {
    yield* checkAccessTokenHook(target, await survey(target));
  },
};

const rename = 'alter table public.profiles rename organization_id to org_id';
const tiny = async (name: string, sql = ''): Promise<TestTarget> => {
  await loadDatabase(server, 'tiny', name);
  const at = await makeTarget(server, name);
  await at.sql(`${rename}; ${sql}`);
  return at;
};
const ann = 'b0000000-0000-4000-8000-000000000001';
const eve = 'b0000000-0000-4000-8000-000000000005';
const acacia = 'a0000000-0000-4000-8000-000000000001';

test('is made, judged, taken back and made again', async () => {
  await using at = await tiny('hook_round');
  const { changes, checks } = await roundTrip(at, at.rollout([step]), '1.4');
  expect(changes).toBe(1);
  expect(checks.map(({ id, verdict }) => [id, verdict])).toEqual(
    expect.arrayContaining([
      ['1.4/hook/grants', 'passed'],
      ['1.4/hook/adds', 'passed'],
    ]),
  );
  expect((await planAccessTokenHook(await survey(at.target), at.target)).notes[0]?.detail).toBe(enableHook);
  expect(enableHook).toContain('uri = "pg-functions://postgres/public/custom_access_token_hook"');
});

test('adds what is absent and passes on everything else', async () => {
  await using at = await tiny('hook_events');
  await at.rollout([step]).apply('1.4', new AbortController().signal);
  const hook = async (event: unknown): Promise<unknown> =>
    (
      await at.sql<{ out: unknown }>('select public.custom_access_token_hook($1::jsonb) as out', [
        JSON.stringify(event),
      ])
    )[0]?.out;
  const event = (user_id: string, claims: unknown) => ({ user_id, claims, authentication_method: 'password' });
  expect(await hook(event(ann, { sub: ann, app_metadata: { provider: 'email' } }))).toEqual(
    event(ann, { sub: ann, app_metadata: { provider: 'email', org_id: acacia } }),
  );
  for (const odd of [{}, { app_metadata: null }, { app_metadata: 'text' }, { app_metadata: [] }]) {
    expect(await hook(event(ann, odd))).toEqual(event(ann, { app_metadata: { org_id: acacia } }));
  }
  for (const same of [
    event(ann, { app_metadata: { org_id: 'kept' } }),
    event(eve, { app_metadata: {} }),
    event('b0000000-0000-4000-8000-00000000dead', { app_metadata: {} }),
    event(ann, null),
    { user_id: ann },
  ]) {
    expect(await hook(same)).toEqual(same);
  }
});

test('only the auth server may execute it', async () => {
  await using at = await tiny('hook_rights');
  await at.rollout([step]).apply('1.4', new AbortController().signal);
  for (const role of ['anon', 'authenticated', 'service_role'] as const) {
    await expect(at.as(role, {}, `select public.custom_access_token_hook('{}')`)).rejects.toMatchObject({
      code: '42501',
    });
  }
});

const own = (name: string): string => `
  create function public.${name}(event jsonb) returns jsonb language sql stable as 'select event';
  revoke execute on function public.${name} from public;
  grant execute on function public.${name} to supabase_auth_admin;`;

test.each(['custom_access_token_hook', 'add_plan_to_token'])(
  'a hook of the app, %s, is shown and not replaced',
  async (name) => {
    await using at = await tiny(`hook_${name}`, own(name));
    const plan = planAccessTokenHook(await survey(at.target), at.target);
    expect(plan.changes).toEqual([]);
    expect(plan.notes[0]?.text).toContain(`public.${name}(jsonb)`);
    expect(plan.notes[0]?.detail).toContain('select event');
  },
);

test('is verified by a sign-in of a user whose row has no stamp: enabled, and not', async () => {
  await using project = await openProject(server, 'tiny', 'hook_live');
  await applyPhase(project);
  await project.at.rollout([{ ...step, id: '1.9' }]).apply('1.9', new AbortController().signal);
  const all = await liveOptions(project, { serviceKey: project.gateway.serviceKey, hook: true });
  const tables = all.tables.filter(({ table }) => table === 'organizations' || table === 'profiles');
  const options = { ...all, tables, views: [], functions: [] };
  const before = await rowChecksums(project.at);
  const disabled = await collect(probeLive(options));
  expect(disabled.find(({ id }) => id === 'live/token/hook')).toMatchObject({
    verdict: 'failed',
    advice: expect.stringContaining('not enabled'),
  });
  // The stand-in of the auth server calls no hook: the front does, as the auth server, and signs the token again.
  await using front = await openFront(project.gateway.url, async (request, forward) => {
    if (!isPath(request, 'POST', '/auth/v1/token')) return null;
    const body = (await (await forward()).json()) as { access_token: string };
    const claims = readClaims(body.access_token);
    const [row] = await project.at.sql<{ out: { claims: Readonly<Record<string, unknown>> } }>(
      'select public.custom_access_token_hook($1::jsonb) as out',
      [JSON.stringify({ user_id: claims.sub, claims })],
    );
    return Response.json({ ...body, access_token: signToken(jwtSecret, row?.out.claims ?? {}) });
  });
  const enabled = await collect(probeLive({ ...options, supabaseUrl: front.url }));
  expect(enabled.find(({ id }) => id === 'live/token/hook')).toMatchObject({ verdict: 'passed' });
  expect(enabled.at(-1)?.observed).toContain('4 users, 4 organizations');
  expect(await rowChecksums(project.at)).toEqual(before);
});

test('stands beside the sign-up step without a difference between them', async () => {
  await using at = await tiny('hook_beside');
  await at.rollout([signUp]).apply('1.4', new AbortController().signal);
  expect(planAccessTokenHook(await survey(at.target), at.target).changes).toHaveLength(1);
});
