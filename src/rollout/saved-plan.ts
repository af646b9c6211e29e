import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Change } from './change.ts';
import { exitCodes, RolloutError } from './errors.ts';
import { batchChangeSchema, sqlChangeSchema, stepIdSchema } from './schemas.ts';
import type { StepId } from './step.ts';

/** Rises when a plan file of before can no longer be read as it is. */
export const savedPlanFormat = 3;

const kind = 'voxanne-rollout plan';
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** Which database, without anything secret. */
const identitySchema = z.strictObject({
  /** The ref of a hosted project: then host and port are only the door that was used. */
  project: z.string().nullable(),
  host: z.string(),
  port: z.number(),
  database: z.string(),
  environment: z.string(),
});
export type PlanIdentity = Readonly<z.output<typeof identitySchema>>;

const savedChangeSchema = z.strictObject({
  /** With its inverse, as the journal will hold it. */
  change: z.discriminatedUnion('kind', [sqlChangeSchema, batchChangeSchema]),
  hash,
  /** True: something in its text looks like a secret and is masked here. The hash is that of the whole text. */
  hidden: z.boolean(),
  /** The objects that it was computed from, by the table, view or function that they belong to. */
  reads: z.array(z.string()),
  /** Hash over the definitions of all of them. */
  fingerprint: hash,
});

const stepSchema = z.strictObject({ step: stepIdSchema, title: z.string(), changes: z.array(savedChangeSchema) });

/** A file as it was read: the hash of its bytes, and whether it may be executed. */
const fileStateSchema = z.string().regex(/^[0-9a-f]{64}(?: executable)?$/);

const savedFileSchema = z.strictObject({
  change: z.strictObject({
    kind: z.literal('file'),
    id: z.string(),
    title: z.string(),
    /** Relative to the workspace, with `/`, and inside of it: it is read to be compared. */
    path: z.string().regex(/^(?!\/)(?!(?:.*\/)?\.{1,2}(?:\/|$))[^\\\0]+$/),
    /** Null: the file is not there. */
    before: fileStateSchema.nullable(),
    after: hash.nullable(),
    /** For people; read backwards it is the inverse. What is written is computed on the files, and has to have the hash. */
    diff: z.string(),
  }),
  hash,
  /** As of a change of the database. */
  hidden: z.boolean(),
});

const codeSchema = z.strictObject({
  /** Every file that the scan lists, as it was when the plan was made. */
  files: z.record(z.string(), fileStateSchema),
  steps: z.array(
    z.strictObject({
      step: stepIdSchema,
      title: z.string(),
      changes: z.array(savedFileSchema),
      /** What the step leaves to a person, and what else is worth knowing. */
      notes: z.array(z.string()),
    }),
  ),
});
export type SavedCode = z.output<typeof codeSchema>;
export type SavedFile = z.output<typeof savedFileSchema>;

/** A step of which nothing is known beforehand: applying the plan does not run it. */
const uncoveredSchema = z.strictObject({ step: stepIdSchema, reason: z.string() });
export type Uncovered = Readonly<z.output<typeof uncoveredSchema>>;

const number = z.number().nonnegative();

/** What was measured of one change, or predicted from it. */
const measuredSchema = z.strictObject({
  step: stepIdSchema,
  change: z.string(),
  milliseconds: number,
  /** Milliseconds for which its transaction was open at most, and so held its locks; null where it held none that stop anybody. */
  held: number.nullable(),
  /** Tries that stepped back from a lock that others held. */
  retries: number,
  rows: number,
  walBytes: number,
  /** The longest answer to a reader of the changed tables while it ran; null where none was asked meanwhile. */
  longestRead: number.nullable(),
});
export type Measured = Readonly<z.output<typeof measuredSchema>>;

const stepTimeSchema = z.strictObject({ step: stepIdSchema, forward: number, verified: number, back: number });

/** Phases 2 to 4, carried out in a copy of the checkout: forward, verified, back, the same bytes, forward again. */
const codeRehearsalSchema = z.strictObject({
  steps: z.array(stepTimeSchema),
  /** Files that were changed or created. */
  files: z.number(),
  /** The step that the copy did not get past; those after it were not tried. */
  stopped: z.strictObject({ step: stepIdSchema, reason: z.string() }).nullable(),
});
export type CodeRehearsal = z.output<typeof codeRehearsalSchema>;

/** That the whole plan was carried out somewhere, and what was seen. */
const rehearsalSchema = z.strictObject({
  kind: z.enum(['rehearsal', 'rollout']),
  on: identitySchema,
  at: z.string(),
  tool: z.string(),
  server: z.string(),
  /** Hash over the objects that the plan was computed from, as they were there. */
  fingerprint: hash,
  steps: z.array(stepTimeSchema),
  changes: z.array(measuredSchema),
  /** Null: no code was carried out. */
  code: codeRehearsalSchema.nullable(),
  /** `quiet`: the longest of some reads before anything was changed, which tells the machine from the locks. */
  reader: z.strictObject({ reads: number, longest: number, errors: number, quiet: number }).nullable(),
  load: z
    .strictObject({
      name: z.string(),
      statements: number,
      longest: number,
      errors: z.array(z.strictObject({ step: stepIdSchema.nullable(), message: z.string(), times: number })),
    })
    .nullable(),
});
export type Rehearsal = z.output<typeof rehearsalSchema>;

/** The one definition of a plan file. It holds no secret and no row: only definitions and what the operator decided. */
export const savedPlanSchema = z.strictObject({
  kind: z.literal(kind),
  format: z.literal(savedPlanFormat),
  made: z.strictObject({ at: z.string(), tool: z.string(), server: z.string() }),
  /** The database that it is for. */
  target: identitySchema,
  /** Decisions, names and what else of the settings shapes the changes. */
  settings: z.record(z.string(), z.unknown()),
  /** Steps of which something was in force when the plan was made: they are no part of it. */
  applied: z.array(stepIdSchema),
  /** Every object of the app, by what it belongs to: `public.calls -> column public.calls.id -> hash`. */
  state: z.record(z.string(), z.record(z.string(), z.string())),
  /** Phase 1, the database. */
  steps: z.array(stepSchema),
  /** Phases 2 to 4, the code of the app; null where there was none. */
  code: codeSchema.nullable(),
  uncovered: z.array(uncoveredSchema),
  carriedOut: z.array(rehearsalSchema),
  hash,
});
export type SavedPlan = z.output<typeof savedPlanSchema>;
export type SavedStep = z.output<typeof stepSchema>;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Hash of what a change does. Its title is for people and may count rows, which says nothing of the change: the same
 * change on two databases has one hash. That of a file goes by the hashes of its contents.
 */
export function changeHash(change: Change): string {
  const { title: _, ...rest } = change;
  if (rest.kind !== 'file') return sha256(canonical(rest));
  const [before, after] = [rest.before, rest.after].map((text) => (text === null ? null : sha256(text)));
  return sha256(canonical({ ...rest, before, after }));
}

/** The same for a change of a plan file, which holds the hashes alone. */
const fileHash = ({ kind, id, path, before, after }: SavedFile['change']): string =>
  sha256(canonical({ kind, id, path, before: before?.slice(0, 64) ?? null, after }));

/** JSON whose keys are sorted at every depth, so that the same content has one text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`)
    .join(',')}}`;
}

/** What identifies the content of a plan whatever was rehearsed since: changes, decisions, what it was computed from. */
export const planHash = ({ carriedOut: _, hash: __, ...content }: SavedPlan): string => sha256(canonical(content));

/** What a plan is called: it stays the same when it is rehearsed. */
export const planName = (plan: SavedPlan): string => planHash(plan).slice(0, 12);

/** The plan with the hash that belongs to it. */
export const sealed = (plan: Omit<SavedPlan, 'hash'> & { hash?: string }): SavedPlan => {
  const { hash: _, ...content } = plan;
  return { ...content, hash: sha256(canonical(content)) };
};

/** The text of a plan file. */
export const planText = (plan: SavedPlan): string => `${JSON.stringify(plan, null, 1)}\n`;

/**
 * Reads a plan file.
 *
 * @param name The file, for the sentence.
 * @throws {RolloutError} exit code 2 for what is no plan, was edited, or was made by another version of the tool.
 */
export function readSavedPlan(text: string, name: string, tool: string): SavedPlan {
  const raw = parseJson(text, name);
  if (typeof raw !== 'object' || raw === null || Reflect.get(raw, 'kind') !== kind) {
    throw usage(`${name} is not a plan file of voxanne-rollout.`, 'Make one with "voxanne-rollout plan --out FILE".');
  }
  const made: unknown = Reflect.get(raw, 'made');
  const other: unknown = typeof made === 'object' && made !== null ? Reflect.get(made, 'tool') : undefined;
  const format: unknown = Reflect.get(raw, 'format');
  if (format !== savedPlanFormat || other !== tool) {
    const versions =
      other === tool
        ? `its form is ${String(format)}; this one reads ${savedPlanFormat}`
        : `${typeof other === 'string' ? other : 'unknown'}; this is ${tool}`;
    throw usage(
      `${name} was made by another version of this tool (${versions}), whose changes may differ.`,
      'Use that version, or make and rehearse the plan again with this one.',
    );
  }
  const parsed = savedPlanSchema.safeParse(raw);
  if (!parsed.success) {
    throw edited(name, parsed.error.issues[0]?.path.join('.') || 'its form');
  }
  const plan = parsed.data;
  for (const { step, changes } of plan.steps) {
    for (const one of changes) {
      if (!one.hidden && changeHash(one.change) !== one.hash) throw edited(name, `step ${step}, ${one.change.id}`);
      if (fingerprintOf(plan.state, one.reads) !== one.fingerprint)
        throw edited(name, `what step ${step}, ${one.change.id} was computed from`);
    }
  }
  for (const { step, changes } of plan.code?.steps ?? []) {
    for (const one of changes) {
      if (fileHash(one.change) !== one.hash) throw edited(name, `step ${step}, ${one.change.id}`);
    }
  }
  if (sealed(plan).hash !== plan.hash) throw edited(name, 'its hash does not belong to its content');
  return plan;
}

/** Hash over the definitions of everything that belongs to these. */
export const fingerprintOf = (state: SavedPlan['state'], reads: readonly string[]): string =>
  sha256(canonical(Object.fromEntries([...reads].sort().map((one) => [one, state[one] ?? null]))));

/** Every step that the plan covers, in order. */
export const coveredSteps = ({ steps, code }: Pick<SavedPlan, 'steps' | 'code'>): readonly StepId[] =>
  [...steps, ...(code?.steps ?? [])].map(({ step }) => step);

/** Everything of the database that any change of the plan was computed from. */
export const readsOf = (plan: Pick<SavedPlan, 'steps'>): readonly string[] =>
  [...new Set(plan.steps.flatMap((step) => step.changes.flatMap((one) => one.reads)))].sort();

function parseJson(text: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw usage(`${name} is not valid JSON, so it is not a plan file, or was edited.`, 'Make the plan again.');
  }
}

const edited = (name: string, where: string): RolloutError =>
  usage(
    `${name} was edited since it was written: ${where}.`,
    'Nothing was changed. A plan is made, not written: change the decisions and make it again with "voxanne-rollout plan --out FILE".',
  );

const usage = (problem: string, remedy: string): RolloutError =>
  new RolloutError(problem, remedy, { exitCode: exitCodes.usage });
