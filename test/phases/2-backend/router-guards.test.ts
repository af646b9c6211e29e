import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../../phases/2-backend/3-routes.ts';
import { isAgreed, proposal, type Unguarded, unguardedRouters } from '../../../phases/2-backend/router-guards.ts';
import { readCode } from '../../../phases/code/code.ts';
import { scanCode } from '../../../phases/code/scan.ts';
import { flagsOf, withCommonOptions } from '../../../src/cli/options.ts';
import { configSchema, type PartialConfig } from '../../../src/config/schema.ts';
import { variableSettings } from '../../../src/config/variables.ts';
import { copySample, removeCopy, targetOf } from '../sample.ts';

let root: string;
let found: readonly Unguarded[];

const agreeing = (protectRouters: 'all' | string[] | null) =>
  ({ decisions: { protectRouters } }) satisfies PartialConfig;
const planned = async (protectRouters: 'all' | string[] | null) => {
  const plan = await routes.plan(targetOf(root, {}, agreeing(protectRouters)));
  const text = (file: string) =>
    plan.changes.flatMap((one) => (one.kind === 'file' && one.path === file ? [one.after ?? ''] : []))[0];
  return { plan, text };
};
const asked = (notes: readonly { readonly text: string }[]): readonly string[] =>
  notes.flatMap(({ text }) => /With --protect-routers (\S+) /.exec(text)?.[1] ?? []);

const analytics = 'backend/src/routes/analytics.ts';
const appointments = 'backend/src/routes/appointments.ts';
const webhooks = 'backend/src/routes/webhooks.ts';

beforeAll(async () => {
  root = await copySample();
  const code = await readCode(targetOf(root));
  found = await unguardedRouters(code, (await scanCode(code)).findings);
});

afterAll(() => removeCopy(root));

describe('a router without authentication', () => {
  it('is named with the line that would protect it, and with who would be refused', () => {
    const one = found.find(({ file }) => file === analytics);
    expect(one).toMatchObject({ middleware: 'requireAuth', places: 3, outside: null });
    expect(one?.lines).toEqual(['analyticsRouter.use(requireAuth);']);
    expect(one && proposal(one)).toMatchObject({
      text: `${analytics} has no authentication in front of 3 places that need it. With --protect-routers ${analytics} this step puts requireAuth there.`,
      detail: 'analyticsRouter.use(requireAuth);\nWhoever calls it without a token is refused from then on.',
    });
    const hooks = found.find(({ file }) => file === webhooks);
    expect(hooks && proposal(hooks).detail).toContain(
      "Callers from outside may be meant (the file's name has webhook)",
    );
  });

  it('gets it on the one route where its others have it already', () => {
    expect(found.find(({ file }) => file === appointments)?.lines).toEqual([
      "appointmentsRouter.get('/free', requireAuth, async (req, res) => {",
    ]);
  });

  it('is not asked about where a token is optional on purpose, or where a state has to be signed', () => {
    expect(found.find(({ file }) => file === appointments)?.text).toContain("'/book', optionalAuth, async");
    expect(found.map(({ file }) => file)).not.toContain('backend/src/routes/google-oauth.ts');
    expect(found.map(({ file }) => file)).not.toContain('backend/src/routes/contacts.ts');
  });

  it('is left alone without consent, and the plan asks', async () => {
    const { plan, text } = await planned(null);
    expect(asked(plan.notes)).toEqual(found.map(({ file }) => file));
    expect(text(analytics)).toBeUndefined();
  });

  it('is protected by name, and its places are then mended', async () => {
    const { plan, text } = await planned([analytics]);
    expect(asked(plan.notes)).toEqual(found.map(({ file }) => file).filter((file) => file !== analytics));
    expect(text(analytics)).toContain(
      `import { requireAuth } from '../middleware/auth';\nimport { assertSameOrg, answeringRefusals } from '../services/org-validation';\n\nexport const analyticsRouter = Router();\n\nanalyticsRouter.use(requireAuth);\n`,
    );
    expect(text(analytics)).toContain(`const orgId = assertSameOrg(req, req.headers['x-org-id']);`);
    expect(text(webhooks)).toBeUndefined();
  });

  it('is protected with all others but those that callers from outside use', async () => {
    const { plan, text } = await planned('all');
    expect(text(analytics)).toContain('analyticsRouter.use(requireAuth);');
    expect(text(appointments)).toContain("assertSameOrg(req, cookie(req.headers.cookie, 'org_id'))");
    expect(asked(plan.notes)).toContain(webhooks);
    expect(text(webhooks)).toBeUndefined();
    const config = configSchema.parse(agreeing('all'));
    expect(found.filter((one) => isAgreed(one, { ...config, file: null, workspace: root })).length).toBeGreaterThan(3);
  });

  it('that shares its path with another is protected route by route: a webhook behind it has no token', async () => {
    const app = path.join(root, 'backend/src/server.ts');
    const before = await readFile(app, 'utf8');
    const at = /\.use\((['"][^'"]+['"]), analyticsRouter\);/.exec(before)?.[1];
    await writeFile(app, before.replace(/(\n[^\n]*analyticsRouter\);)/, `$1\napp.use(${at}, webhooksRouter);`));
    const { text } = await planned([analytics]);
    await writeFile(app, before);
    expect(text(analytics)).not.toContain('analyticsRouter.use(requireAuth)');
    expect(text(analytics)?.match(/analyticsRouter\.\w+\('[^']*', requireAuth, /g)?.length).toBeGreaterThan(1);
  });

  it('that is named and is not there is told of', async () => {
    const { plan } = await planned(['backend/src/routes/no-such-file.ts']);
    expect(plan.notes.map((one) => one.text).join('\n')).toContain(
      '--protect-routers names backend/src/routes/no-such-file.ts, which is not there',
    );
  });

  it('is protected once', async () => {
    const before = await readFile(path.join(root, analytics), 'utf8');
    const { text } = await planned([analytics]);
    await writeFile(path.join(root, analytics), text(analytics) ?? '');
    const again = await planned([analytics]);
    await writeFile(path.join(root, analytics), before);
    expect(again.text(analytics)).toBeUndefined();
    expect(asked(again.plan.notes)).not.toContain(analytics);
  });
});

it('is agreed to by a flag, a variable or the configuration file', () => {
  const flags = (...args: string[]) => {
    const command = withCommonOptions(new Command(), true).parse(args, { from: 'user' });
    return flagsOf(command.opts()).decisions?.protectRouters;
  };
  expect(flags('--protect-routers', 'all')).toBe('all');
  expect(flags('--protect-routers', 'a.ts, b.ts')).toEqual(['a.ts', 'b.ts']);
  expect(flags()).toBeUndefined();
  expect(variableSettings({ VOXANNE_ROLLOUT_PROTECT_ROUTERS: 'a.ts,b.ts' })).toEqual({
    decisions: { protectRouters: ['a.ts', 'b.ts'] },
  });
  expect(configSchema.parse({}).decisions.protectRouters).toBeNull();
  expect(configSchema.safeParse(agreeing(['../outside.ts'])).success).toBe(false);
});
