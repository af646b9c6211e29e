import type { Change } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import { RolloutError } from '../../src/rollout/errors.ts';
import type { Emit, RolloutEvent } from '../../src/rollout/events.ts';
import type { PreviewResult } from '../../src/rollout/executor.ts';
import { impactOf } from '../../src/rollout/impact.ts';
import type { Entry } from '../../src/rollout/journal.ts';
import type { Rollout, StepState, StepStatus } from '../../src/rollout/rollout.ts';
import { waitsFor } from '../../src/rollout/status.ts';
import type { PhaseId, Plan, StepId } from '../../src/rollout/step.ts';
import type { CodeFinding, Session, StartInfo, TargetInfo } from '../../src/wizard/session.ts';

/** One row of the table: what a step is and how it behaves. */
export type FakeStep = {
  readonly id: StepId;
  readonly title: string;
  readonly why: string;
  readonly changes: readonly Change[];
  readonly results?: readonly Partial<PreviewResult>[];
  readonly blockers?: Plan['blockers'] | (() => Plan['blockers']);
  readonly notes?: Plan['notes'];
  readonly checks?: readonly CheckResult[] | (() => AsyncIterable<CheckResult>);
  /** Emitted within a change, after it started, by its id. */
  readonly during?: Readonly<Record<string, readonly RolloutEvent[]>>;
  /** A change that fails, by its id. */
  readonly fails?: Readonly<Record<string, RolloutError>>;
  /** A change that runs until it is told to go on or to stop. */
  readonly hangs?: string;
  readonly state?: StepState;
  /** What a rollback leaves. */
  readonly differences?: readonly string[];
  readonly stayed?: readonly string[];
  readonly interrupted?: boolean;
};

export type FakeRollout = Rollout & {
  readonly emit: Emit;
  /** Names of the calls, in order. */
  readonly calls: string[];
  /** Lets a hanging change go on. */
  readonly release: () => void;
};

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A rollout made of a table, which says what the real one says, in its order and its shapes. */
export const fakeRollout = (table: readonly FakeStep[]): FakeRollout => {
  const listeners = new Set<Emit>();
  const calls: string[] = [];
  const states = new Map<StepId, StepState>(table.map((step) => [step.id, step.state ?? 'pending']));
  const entries = new Map<StepId, Entry[]>();
  let seq = 0;
  let release = (): void => undefined;

  const entryOf = (step: StepId, change: Change): Entry => ({
    seq: ++seq,
    run: 'run',
    step,
    state: 'applied',
    change,
    appliedAt: '2026-01-15T10:00:00.000Z',
    revertedAt: null,
    milliseconds: 12,
  });
  for (const step of table)
    if (step.state && step.state !== 'pending' && step.state !== 'skipped' && step.state !== 'rolled back')
      entries.set(
        step.id,
        step.changes.map((change) => entryOf(step.id, change)),
      );

  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };
  const find = (id: StepId): FakeStep => {
    const step = table.find((one) => one.id === id);
    if (!step) throw new RolloutError(`There is no step ${id}.`, 'Look at the overview.');
    return step;
  };
  const phaseOf = (id: StepId): PhaseId => Number(id[0]) as PhaseId;

  const status = async (): Promise<readonly StepStatus[]> => {
    let gate: string | null = null;
    return table.map((step) => {
      const state = states.get(step.id) ?? 'pending';
      const row: StepStatus = {
        step: step.id,
        phase: phaseOf(step.id),
        title: step.title,
        why: step.why,
        state,
        gate,
        last:
          state === 'pending' || state === 'interrupted'
            ? null
            : {
                seq: 1,
                run: 'run',
                step: step.id,
                state,
                detail: '',
                passed: 0,
                failed: 0,
                skipped: 0,
                at: '2026-01-15T10:00:00.000Z',
                milliseconds: 1234,
              },
        applied: entries.get(step.id)?.length ?? 0,
        interrupted: step.interrupted ?? false,
      };
      if (gate === null && state !== 'verified' && state !== 'skipped') gate = waitsFor(step, state);
      return row;
    });
  };

  const planOf = (step: FakeStep): Plan => ({
    changes: (entries.get(step.id)?.length ?? 0) > 0 ? [] : step.changes,
    blockers: (typeof step.blockers === 'function' ? step.blockers() : step.blockers) ?? [],
    notes: step.notes ?? [],
  });

  const plan: Rollout['plan'] = async (id) => {
    calls.push(`plan ${id}`);
    const step = find(id);
    emit({ type: 'planned', step: id, title: step.title, plan: planOf(step) });
    return { step: id, plan: planOf(step), hash: `hash ${id}` };
  };

  const hang = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      release = resolve;
      // It may have been stopped between the last event and this.
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });

  const refusalOf = (id: StepId): string | null => {
    const order = table.map((step) => step.id);
    const later = order.slice(order.indexOf(id) + 1).filter((step) => (entries.get(step)?.length ?? 0) > 0);
    return later.length === 0 ? null : `Step ${later.join(', ')} was applied later and builds on step ${id}.`;
  };

  /** That what is to be applied passed its checks beforehand. */
  const prove = ({ id, title }: FakeStep, changes: readonly Change[]): void => {
    if (changes.length === 0) return;
    const sums = { number: 1, of: 1, open: [], passed: 1, skipped: 0, reason: null, milliseconds: 5 };
    emit({ type: 'proven', step: id, title, ...sums });
  };

  return {
    emit,
    calls,
    release: () => release(),
    status,
    plan,
    planAhead: async (phase) =>
      table
        .filter((step) => step.id.startsWith(`${phase}.`))
        .map((step) => ({ step: step.id, plan: planOf(step), hash: `hash ${step.id}` })),
    preview: async (id, signal) => {
      calls.push(`preview ${id}`);
      const step = find(id);
      const planned = { step: id, plan: planOf(step), hash: `hash ${id}` };
      emit({ type: 'planned', step: id, title: step.title, plan: planned.plan });
      const results: PreviewResult[] = [];
      for (const [index, change] of planned.plan.changes.entries()) {
        signal.throwIfAborted();
        const result: PreviewResult = {
          change,
          outcome: 'ran',
          locks: [],
          held: 2,
          milliseconds: 3,
          ...step.results?.[index],
        };
        results.push(result);
        emit({ type: 'previewed', step: id, result });
        await tick();
      }
      const { changes } = planned.plan;
      prove(step, changes);
      const impact = impactOf({ changes, results, proofs: [], sizes: [], running: null });
      return { ...planned, results, proofs: [], open: [], impact };
    },
    apply: async (id, signal, expect) => {
      calls.push(`apply ${id} ${expect ?? ''}`);
      const step = find(id);
      const gate = (await status()).find((one) => one.step === id)?.gate ?? null;
      if (gate !== null) throw new RolloutError(`Step ${id} is not open yet.`, gate);
      const { changes } = planOf(step);
      emit({ type: 'planned', step: id, title: step.title, plan: planOf(step) });
      if (typeof expect === 'string' && expect !== `hash ${id}`) {
        throw new RolloutError(
          `The plan of step ${id} is no longer the one that was shown: the target changed meanwhile.`,
          'Look at the new preview and decide again.',
        );
      }
      emit({ type: 'step-started', step: id, title: step.title, changes: changes.length });
      prove(step, changes);
      const done = entries.get(id) ?? [];
      entries.set(id, done);
      for (const [index, change] of changes.entries()) {
        emit({ type: 'change-started', step: id, change, number: index + 1, of: changes.length });
        emit({ type: 'command', text: change.kind === 'sql' ? change.up : `write ${change.id}` });
        for (const event of step.during?.[change.id] ?? []) emit(event);
        await tick();
        const failure = step.fails?.[change.id];
        if (failure) {
          emit({
            type: 'change-failed',
            step: id,
            change: change.id,
            problem: failure.problem,
            remedy: failure.remedy,
          });
          states.set(id, 'failed');
          throw failure;
        }
        try {
          if (step.hangs === change.id) await hang(signal);
          signal.throwIfAborted();
        } catch {
          throw new RolloutError(
            `Stopped in step ${id}: ${index} of ${changes.length} changes applied and journalled, the one under way was cancelled on the server, and the next run looks at what it left.`,
            'Run the same command again to go on, or "voxanne-rollout rollback" to roll it back.',
            { exitCode: 130 },
          );
        }
        done.push(entryOf(id, change));
        emit({ type: 'change-applied', step: id, change: change.id, milliseconds: 12 });
      }
      states.set(id, 'applied');
      emit({ type: 'step-applied', step: id, changes: changes.length, milliseconds: 40 });
      return changes.length;
    },
    verify: async (id, signal) => {
      calls.push(`verify ${id}`);
      const counts = { passed: 0, failed: 0, skipped: 0, unproven: 0 };
      const { checks = [] } = find(id);
      for await (const result of typeof checks === 'function' ? checks() : checks) {
        signal.throwIfAborted();
        counts[result.verdict] += 1;
        emit({ type: 'check', step: id, result });
      }
      await tick();
      states.set(id, counts.failed === 0 ? 'verified' : 'failed');
      emit({
        type: counts.failed === 0 ? 'step-verified' : 'step-failed',
        step: id,
        ...counts,
        milliseconds: 20,
      });
      return counts;
    },
    suspicion: async () => null,
    rollbackPlan: async (id) => {
      calls.push(`rollback-plan ${id}`);
      return { step: id, entries: [...(entries.get(id) ?? [])].reverse(), dependants: [], refusal: refusalOf(id) };
    },
    rollback: async (id, signal) => {
      calls.push(`rollback ${id}`);
      const step = find(id);
      const refusal = refusalOf(id);
      if (refusal !== null) throw new RolloutError(refusal, `Roll that back first, or use rollback --to ${id}.`);
      const live = [...(entries.get(id) ?? [])].reverse();
      emit({ type: 'rollback-started', step: id, changes: live.length });
      for (const entry of live) {
        signal.throwIfAborted();
        await tick();
        emit({ type: 'change-reverted', step: id, change: entry.change.id, stayed: [] });
      }
      entries.delete(id);
      const differences = step.differences ?? [];
      const stayed = step.stayed ?? [];
      const proven = differences.length === 0;
      states.set(id, proven ? 'rolled back' : 'failed');
      emit({ type: 'step-rolled-back', step: id, proven, differences, stayed, unchecked: [], milliseconds: 30 });
      return { proven, differences, stayed, unchecked: [] };
    },
    skip: async (id, reason) => {
      calls.push(`skip ${id} ${reason}`);
      states.set(id, 'skipped');
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

const sql = (id: string, title: string, up: string, down: string): Change => ({
  kind: 'sql',
  id,
  title,
  mode: 'transaction',
  up,
  down,
});

export const check = (over: Partial<CheckResult> = {}): CheckResult => ({
  id: '1.1/columns/public.profiles',
  title: 'public.profiles says org_id',
  kind: 'catalog',
  verdict: 'passed',
  expected: 'org_id uuid',
  observed: 'org_id uuid',
  evidence: "SELECT column_name FROM information_schema.columns\n WHERE table_name = 'profiles';",
  milliseconds: 4,
  ...over,
});

/** A small rollout with one of everything. */
export const sampleSteps: readonly FakeStep[] = [
  {
    id: '1.1',
    title: 'One name for the organization',
    why: 'Half of the tables say tenant_id and half say org_id; every policy and query has to guess which one it is reading.',
    changes: [
      sql(
        'rename public.profiles',
        'rename public.profiles.tenant_id to org_id',
        'ALTER TABLE public."profiles"\n  RENAME COLUMN "tenant_id" TO "org_id"; -- the view follows by itself',
        'ALTER TABLE public."profiles" RENAME COLUMN "org_id" TO "tenant_id";',
      ),
      sql(
        'function public.org_of',
        'replace function public.org_of(uuid), which names the old column',
        "CREATE OR REPLACE FUNCTION public.org_of(person uuid) RETURNS uuid\nLANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''\nAS $$\n  SELECT org_id FROM public.profiles WHERE id = person AND status <> 'left' LIMIT 1;\n$$;",
        'DROP FUNCTION public.org_of(uuid);',
      ),
    ],
    results: [
      { locks: [{ relation: 'public.profiles', level: 'AccessExclusive' }], milliseconds: 6 },
      { locks: [], milliseconds: 2 },
    ],
    notes: [{ text: 'public.legacy_calls keeps tenant_id: nothing reads it.' }],
    checks: [
      check(),
      check({
        id: '1.1/functions',
        title: 'no function names tenant_id',
        expected: '0 functions',
        observed: '0 functions',
      }),
    ],
  },
  {
    id: '1.2',
    title: 'Every user has an organization',
    why: 'Nothing may be enforced while a row or a user lacks its organization.',
    changes: [
      {
        kind: 'batches',
        id: 'backfill public.calls',
        title: 'give public.calls its org_id',
        table: 'public."calls"',
        key: { column: '"id"', type: 'uuid' },
        write: {
          kind: 'update',
          column: '"org_id"',
          type: 'uuid',
          where: 't."org_id" IS NULL',
          value: '(SELECT p."org_id" FROM public."profiles" p WHERE p."id" = t."user_id")',
        },
        quiet: true,
      },
      sql(
        'not null public.calls',
        'public.calls.org_id must not be empty',
        'ALTER TABLE public."calls" ADD CONSTRAINT "calls_org_id_present" CHECK ("org_id" IS NOT NULL) NOT VALID;',
        'ALTER TABLE public."calls" DROP CONSTRAINT "calls_org_id_present";',
      ),
    ],
    results: [{ outcome: 'not executed', reason: 'batches commit, so they cannot be taken back' }, {}],
    checks: [
      check({ id: '1.2/a', title: 'no call without an organization', expected: '0 rows', observed: '0 rows' }),
      check({
        id: '1.2/b',
        title: 'org A cannot read the calls of org B',
        kind: 'probe',
        verdict: 'failed',
        expected: '0 rows of org B',
        observed: '3 rows of org B',
        advice: 'Step 1.3 closes this table; look at its policies.',
      }),
      check({
        id: '1.2/c',
        title: 'phone sign-ups',
        verdict: 'skipped',
        expected: 'an organization',
        observed: 'not tried',
        advice: 'Phone sign-ups are switched off in this project.',
      }),
    ],
  },
  {
    id: '2.1',
    title: 'The backend asks the token, not the database',
    why: 'Code that takes the first organization it finds serves one tenant the data of another.',
    changes: [
      {
        kind: 'file',
        id: 'backend/src/routes/calls.ts',
        title: 'read the organization from the request',
        path: 'backend/src/routes/calls.ts',
        before:
          "import { db } from '../db';\n\nexport const list = async (req, res) => {\n\tconst { data } = await db.from('organizations').select('id').limit(1).single();\n\tconst orgId = data.id;\n\tres.json(await calls(orgId));\n};\n",
        after:
          "import { db } from '../db';\n\nexport const list = async (req, res) => {\n\tconst orgId = req.user.orgId;\n\tres.json(await calls(orgId));\n};\n",
      },
      {
        kind: 'file',
        id: 'backend/src/routes/tenant.ts',
        title: 'a route that says who one is',
        path: 'backend/src/routes/tenant.ts',
        before: null,
        after: 'export const tenant = (req, res) => res.json({ orgId: req.user.orgId });\n',
      },
    ],
    checks: [check({ id: '2.1/scan', title: 'nothing takes the first organization', kind: 'scan' })],
  },
];

export const sampleTarget: TargetInfo = {
  project: 'abcdefghijklmnopqrst',
  host: 'db.abcdefghijklmnopqrst.supabase.co',
  environment: 'production',
  production: true,
  productionReason: 'The host is a Supabase project and no setting says otherwise (environment in the configuration).',
  workspace: { root: '/srv/app', branch: 'main', dirty: 2 },
};

export const sampleStart: StartInfo = {
  version: '0.1.0',
  needsUrl: false,
  project: sampleTarget.project,
  host: sampleTarget.host,
  environment: sampleTarget.environment,
  production: true,
  workspace: sampleTarget.workspace,
  findings: [],
};

export const fakeSession = (rollout: Rollout, over: Partial<Session> = {}): Session => ({
  rollout,
  target: sampleTarget,
  findings: [
    { title: 'Connection', verdict: 'passed', observed: 'PostgreSQL 17.4, session pooler' },
    {
      title: 'Type check',
      verdict: 'warning',
      observed: '33 errors before anything is changed',
      advice: 'They are taken as the baseline: only new ones count.',
    },
  ],
  estimates: { '1.1': 2000, '1.2': 150_000, '2.1': 9000 },
  codeFindings: async () => [
    {
      id: 'f1',
      kind: 'first organization taken',
      step: '2.1',
      file: 'backend/src/routes/calls.ts',
      line: 4,
      reason: 'The first organization of the table is taken as the tenant of whoever asks.',
      excerpt:
        "export const list = async (req, res) => {\n\tconst { data } = await db.from('organizations').select('id').limit(1).single();\n\tconst orgId = data.id;",
      excerptLine: 3,
      fix: '\tconst orgId = req.user.orgId;',
      instruction: null,
      waived: null,
    },
    {
      id: 'f2',
      kind: 'org from the request',
      step: '2.1',
      file: 'backend/src/routes/hooks.ts',
      line: 12,
      reason: 'The organization comes from a header that anybody can write.',
      excerpt: "const orgId = req.headers['x-org-id'];",
      excerptLine: 12,
      fix: null,
      instruction: 'Put the router behind requireAuth, then compare the header with req.user.orgId.',
      waived: null,
    },
  ],
  waive: async () => undefined,
  savePreview: async (step) => `.voxanne-rollout/previews/${step}.txt`,
  saveLog: async () => '.voxanne-rollout/commands.sql',
  reportPath: async () => '.voxanne-rollout/report.md',
  close: async () => undefined,
  ...over,
});

/** A finding of the code, in a file of its own. */
export const sampleFinding = (id: string, over: Partial<CodeFinding> = {}): CodeFinding => ({
  id,
  kind: 'first-org',
  step: '2.1',
  file: `backend/${id}.ts`,
  line: 1,
  reason: 'It takes the first one.',
  excerpt: 'x',
  excerptLine: 1,
  fix: null,
  instruction: 'Ask the session.',
  waived: null,
  ...over,
});
