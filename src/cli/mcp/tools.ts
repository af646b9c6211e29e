import * as z from 'zod';
import { phases } from '../../../phases/index.ts';
import { RolloutError } from '../../rollout/errors.ts';
import type { StepId } from '../../rollout/step.ts';
import { lookAtDatabase } from '../guard-look.ts';
import { loadSettings, type Opened } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { codeFindings, scanWithoutDatabase } from '../scan-code.ts';
import { propose, runApproved } from './act.ts';
import { rootOf } from './identity.ts';
import { openRequests } from './requests.ts';

/** Runs something on a target that is opened for it and closed after it. Looks leave no trace, and neither do proposals. */
export type Opening = <T>(kind: 'look' | 'propose' | 'act', body: (opened: Opened) => Promise<T>) => Promise<T>;

export type ToolContext = {
  readonly options: CommonOptions;
  readonly open: Opening;
  readonly signal: AbortSignal;
};

export type Tool = {
  readonly name: string;
  readonly description: string;
  /** Only what is named here is taken: no decision, no connection string, no path. */
  readonly input: z.ZodObject;
  readonly looksOnly: boolean;
  readonly run: (given: unknown, context: ToolContext) => Promise<unknown>;
};

const steps = phases.flatMap((phase) => phase.steps.map((step) => step.id)) as [StepId, ...StepId[]];
const step = z.enum(steps).describe('Number of a step, such as 1.4');

const tool = <S extends z.ZodObject>(
  given: Omit<Tool, 'input' | 'run'> & {
    readonly input: S;
    readonly run: (input: z.output<S>, context: ToolContext) => Promise<unknown>;
  },
): Tool => ({ ...given, run: (input, context) => given.run(given.input.parse(input) as z.output<S>, context) });

export const tools: readonly Tool[] = [
  tool({
    name: 'status',
    description: 'Where the rollout stands, step by step, and which requests wait for a person.',
    input: z.strictObject({}),
    looksOnly: true,
    run: (_, { open }) =>
      open('look', async (opened) => ({
        target: { label: opened.connection.label, environment: opened.environment },
        steps: (await opened.rollout.status()).map(({ step, title, state, gate, applied, last }) => ({
          step,
          title,
          state,
          gate,
          changesInForce: applied,
          last: last === null ? null : { at: last.at, state: last.state, detail: last.detail },
        })),
        requests: await waiting(opened),
      })),
  }),
  tool({
    name: 'plan',
    description: 'What a step would do now: its changes with the SQL or the files, what blocks it, and notes.',
    input: z.strictObject({ step }),
    looksOnly: true,
    run: ({ step }, { open }) =>
      open('look', async ({ rollout }) => {
        const { plan, hash } = await rollout.plan(step);
        return { step, hash, changes: plan.changes, blockers: plan.blockers, notes: plan.notes };
      }),
  }),
  tool({
    name: 'preview',
    description: 'Runs the changes of a step for real and rolls them back: what would fail, which locks it takes.',
    input: z.strictObject({ step }),
    looksOnly: true,
    run: ({ step }, { open, signal }) =>
      open('look', async ({ rollout }) => {
        const { plan, hash, results, proofs, impact } = await rollout.preview(step, signal);
        return {
          step,
          hash,
          blockers: plan.blockers,
          impact,
          results: results.map(({ change, ...one }) => ({ change: change.title, ...one })),
          proofs,
        };
      }),
  }),
  tool({
    name: 'verify',
    description: 'Makes every check of a step, in transactions that are rolled back, and records nothing.',
    input: z.strictObject({ step }),
    looksOnly: true,
    run: ({ step }, { open, signal }) =>
      open('look', async ({ rollout }) => {
        const checks: unknown[] = [];
        const stop = rollout.listen((event) => {
          if (event.type === 'check' && event.result.verdict !== 'passed') checks.push(event.result);
        });
        try {
          return { step, counts: await rollout.verify(step, signal), notPassed: checks };
        } finally {
          stop();
        }
      }),
  }),
  tool({
    name: 'findings',
    description:
      'Weaknesses in the code (without a database), or what no longer holds in the database since the rollout.',
    input: z.strictObject({ part: z.enum(['code', 'database']) }),
    looksOnly: true,
    run: async ({ part }, { open, options, signal }) =>
      part === 'database'
        ? open('look', (opened) => lookAtDatabase(opened, signal))
        : codeFindings(await scanWithoutDatabase(await loadSettings(options), signal)),
  }),
  tool({
    name: 'explain',
    description:
      'Why a step is refused: what blocks it, what a person can do, and the decisions that only a person gives, with their consequences.',
    input: z.strictObject({ step }),
    looksOnly: true,
    run: ({ step }, { open }) =>
      open('look', async ({ rollout }) => {
        const row = (await rollout.status()).find((one) => one.step === step);
        const { plan } = await rollout.plan(step);
        return {
          step,
          title: row?.title,
          why: row?.why,
          gate: row?.gate,
          lastOutcome: row?.last?.detail,
          blockers: plan.blockers,
          decisions: 'A decision is given by a person, by a flag or in the configuration file; no tool takes one.',
        };
      }),
  }),
  tool({
    name: 'propose',
    description:
      'Asks a person to approve applying a step, rolling one back, or a rollout: everything that is pending up to the step, as one. Changes nothing but a file in the state folder; a person approves it in a terminal with the command in the answer, or in the wizard.',
    input: z.strictObject({ action: z.enum(['apply', 'rollback', 'rollout']), step }),
    looksOnly: false,
    run: ({ action, step }, { open, signal }) => open('propose', (opened) => propose(opened, action, step, signal)),
  }),
  tool({
    name: 'run_approved',
    description:
      'Does what a person approved: exactly the changes that were shown to them, on the same target, within ten minutes, once.',
    input: z.strictObject({ request: z.string().regex(/^[0-9a-f]{8,64}$/) }),
    looksOnly: false,
    run: ({ request }, { open, signal }) => open('act', (opened) => runApproved(opened, request, signal)),
  }),
];

async function waiting(opened: Opened): Promise<readonly unknown[]> {
  return (await openRequests(rootOf(opened))).map(({ hash, request }) => ({
    request: hash,
    action: request.action,
    step: request.step,
    at: request.at,
  }));
}

/** What a wrong input is answered with. */
export const refusedInput = (error: z.ZodError): RolloutError =>
  new RolloutError('The tool does not take that.', z.prettifyError(error));
