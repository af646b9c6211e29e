import * as z from 'zod';
import { verdicts } from '../rollout/check.ts';
import type { Answer } from '../rollout/decision.ts';
import type { RolloutEvent } from '../rollout/events.ts';
import { type SavedPlan, savedPlanSchema } from '../rollout/saved-plan.ts';
import { changeSchema, stepIdSchema } from '../rollout/schemas.ts';

/** Rises when a consumer of `--json` would have to change. */
export const jsonVersion = 1;

export type JsonTarget = {
  readonly host: string;
  readonly project: string | null;
  readonly database: string;
  readonly environment: string;
};

/** One line per event; every line names the target, so that a line read alone cannot be taken for another one's. */
export const jsonLine = (event: RolloutEvent | ExtraEvent, target: JsonTarget | null): string =>
  `${JSON.stringify({ ...event, at: new Date().toISOString(), target })}\n`;

/** What the command line adds to the events of the core. */
export type ExtraEvent =
  | { readonly type: 'version'; readonly tool: string; readonly json: number }
  | { readonly type: 'status'; readonly steps: readonly unknown[] }
  | { readonly type: 'doctor'; readonly result: unknown }
  | { readonly type: 'saved-plan'; readonly plan: SavedPlan }
  | {
      readonly type: 'error';
      readonly problem: string;
      readonly remedy: string;
      readonly kind: string;
      readonly detail: string | null;
      /** Decisions that get past it. */
      readonly answers: readonly Answer[];
    }
  | { readonly type: 'end'; readonly exit: number };

const answers = z.array(
  z.object({
    setting: z.string(),
    value: z.union([z.string(), z.boolean(), z.array(z.string())]),
    flag: z.string(),
    consequence: z.string(),
  }),
);
const blocker = z.object({
  problem: z.string(),
  remedy: z.string(),
  detail: z.string().optional(),
  answers: answers.optional(),
});
const plan = z.object({
  changes: z.array(changeSchema),
  blockers: z.array(blocker),
  notes: z.array(z.object({ text: z.string(), detail: z.string().optional(), answers: answers.optional() })),
  runs: z.array(z.object({ command: z.string(), why: z.string() })).optional(),
});
const checkResult = z.object({
  id: z.string(),
  title: z.string(),
  kind: z.enum(['catalog', 'probe', 'scan', 'command', 'http']),
  verdict: z.enum(verdicts),
  expected: z.string(),
  observed: z.string(),
  evidence: z.string().optional(),
  advice: z.string().optional(),
  matters: z.boolean().optional(),
  answers: answers.optional(),
  milliseconds: z.number(),
});
const counts = {
  passed: z.number(),
  failed: z.number(),
  skipped: z.number(),
  unproven: z.number(),
  milliseconds: z.number(),
};
const step = stepIdSchema;
const holder = z.object({
  pid: z.number(),
  application: z.string(),
  user: z.string(),
  state: z.string(),
  seconds: z.number(),
});

const event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('version'), tool: z.string(), json: z.literal(jsonVersion) }),
  z.object({ type: z.literal('planned'), step, title: z.string(), plan }),
  z.object({
    type: z.literal('previewed'),
    step,
    result: z.object({
      change: changeSchema,
      outcome: z.enum(['ran', 'not executed', 'failed']),
      reason: z.string().optional(),
      locks: z.array(z.object({ relation: z.string(), level: z.string() })),
      held: z.number(),
      milliseconds: z.number(),
    }),
  }),
  z.object({
    type: z.literal('proven'),
    step,
    title: z.string(),
    number: z.number(),
    of: z.number(),
    open: z.array(checkResult),
    passed: z.number(),
    skipped: z.number(),
    reason: z.string().nullable(),
    milliseconds: z.number(),
  }),
  z.object({ type: z.literal('step-started'), step, title: z.string(), changes: z.number() }),
  z.object({ type: z.literal('change-started'), step, change: changeSchema, number: z.number(), of: z.number() }),
  z.object({
    type: z.literal('change-waiting'),
    step,
    change: z.string(),
    attempt: z.number().nullable(),
    reason: z.string(),
    holders: z.array(holder),
  }),
  z.object({
    type: z.literal('change-progress'),
    step,
    change: z.string(),
    done: z.number(),
    total: z.number(),
    perSecond: z.number(),
  }),
  z.object({ type: z.literal('change-applied'), step, change: z.string(), milliseconds: z.number() }),
  z.object({ type: z.literal('change-failed'), step, change: z.string(), problem: z.string(), remedy: z.string() }),
  z.object({ type: z.literal('step-applied'), step, changes: z.number(), milliseconds: z.number() }),
  z.object({ type: z.literal('check'), step, result: checkResult }),
  z.object({ type: z.literal('step-verified'), step, ...counts }),
  z.object({ type: z.literal('step-failed'), step, ...counts }),
  z.object({ type: z.literal('rollback-started'), step, changes: z.number() }),
  z.object({ type: z.literal('change-reverted'), step, change: z.string(), stayed: z.array(z.string()) }),
  z.object({
    type: z.literal('step-rolled-back'),
    step,
    proven: z.boolean(),
    compared: z.object({ objects: z.number(), tables: z.number(), rows: z.number() }).exactOptional(),
    differences: z.array(z.string()),
    stayed: z.array(z.string()),
    unchecked: z.array(z.string()),
    milliseconds: z.number(),
  }),
  z.object({ type: z.literal('settled'), step, change: z.string(), outcome: z.string() }),
  z.object({ type: z.literal('command'), text: z.string() }),
  z.object({ type: z.literal('status'), steps: z.array(z.unknown()) }),
  z.object({ type: z.literal('doctor'), result: checkResult }),
  z.object({ type: z.literal('saved-plan'), plan: savedPlanSchema }),
  z.object({
    type: z.literal('error'),
    problem: z.string(),
    remedy: z.string(),
    kind: z.string(),
    detail: z.string().nullable(),
    answers,
  }),
  z.object({ type: z.literal('end'), exit: z.number() }),
]);

/** The documented shape of every line that `--json` writes. */
export const jsonLineSchema = z.intersection(
  event,
  z.object({
    at: z.iso.datetime(),
    target: z
      .object({ host: z.string(), project: z.string().nullable(), database: z.string(), environment: z.string() })
      .nullable(),
  }),
);
