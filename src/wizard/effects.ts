import { RolloutError } from '../rollout/errors.ts';
import type { RolloutEvent } from '../rollout/events.ts';
import type { RollbackPlan, RollbackResult } from '../rollout/rollout.ts';
import type { StepId } from '../rollout/step.ts';
import type { Look } from './glyphs.ts';
import { requestDocument } from './preview/request.ts';
import type { Requests, Session, WizardOptions } from './session.ts';
import type { WizardEvent } from './state/events.ts';
import { problemOf, type Request, type State, statusOf } from './state/state.ts';
import type { JourneyStep } from './state/views.ts';
import { watchRequests } from './watch-requests.ts';

/**
 * Events are handed on all at once after a rest, so that ten thousand of them cost no more than a few frames. The rest
 * is this much longer than the frame before it took: keys, which are answered at once, find the process idle four
 * fifths of the time however slow the machine or the terminal is.
 */
const rest = { times: 4, atLeast: 33, atMost: 250 } as const;
/** How long a leave waits for what still runs and for connections to close. */
const patience = 5000;

export type EffectsOptions = {
  readonly connect: WizardOptions['connect'];
  readonly discover?: WizardOptions['discover'];
  readonly look: Look;
  readonly getState: () => State;
  readonly dispatch: (event: WizardEvent) => void;
  /** Opens an editor at a place of the workspace and waits for it. */
  readonly edit: (file: string, line: number) => Promise<void>;
  readonly redraw: () => void;
  /** Stops the process as a shell's job, and resolves when it goes on. */
  readonly suspend: () => Promise<void>;
};

export type Effects = {
  readonly perform: (request: Request) => void;
  /** Looks around beside everything else; what comes of it is told as it comes. */
  readonly discover: () => void;
  /** Stops what runs, asks for the report and closes the session. Gives the path of the report, if there is one. */
  readonly finish: (now: boolean) => Promise<string | null>;
};

const within = async <T>(milliseconds: number, work: Promise<T>): Promise<T | null> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Does what the reducer asks for and tells it what came of that. Nothing is decided here. */
export const createEffects = (options: EffectsOptions): Effects => {
  const { dispatch, look } = options;
  const controllers = new Map<number, AbortController>();
  let session: Session | null = null;
  let queue: Promise<void> = Promise.resolve();
  let buffer: RolloutEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  let pause: number = rest.atLeast;
  let finished = false;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (buffer.length === 0 || finished) return;
    const events = buffer;
    buffer = [];
    const began = performance.now();
    dispatch({ type: 'rollout', events });
    // The frame is drawn before the event loop goes on.
    setImmediate(() => {
      pause = Math.min(rest.atMost, Math.max(rest.atLeast, rest.times * (performance.now() - began)));
    });
  };

  const hear = (event: RolloutEvent): void => {
    buffer.push(event);
    timer ??= setTimeout(flush, pause);
  };

  const tell = (event: WizardEvent): void => {
    flush();
    if (!finished) dispatch(event);
  };

  /** One thing at a time on one target, in the order in which it was asked for. */
  const enqueue = (work: () => Promise<void>): void => {
    queue = queue.then(work);
  };

  const opened = (): Session => {
    if (session === null) throw new RolloutError('There is no connection.', 'Connect first.', { exitCode: 4 });
    return session;
  };

  const job = (id: number, work: (signal: AbortSignal) => Promise<WizardEvent>): void => {
    const controller = new AbortController();
    controllers.set(id, controller);
    enqueue(async () => {
      try {
        controller.signal.throwIfAborted();
        tell(await work(controller.signal));
      } catch (error) {
        const problem =
          controller.signal.aborted && !(error instanceof RolloutError) ? stoppedProblem : problemOf(error);
        tell({ type: 'job-failed', job: id, problem });
      } finally {
        controllers.delete(id);
      }
    });
  };

  /** Something short that is no job: what goes wrong is shown in one line. */
  const aside = (work: () => Promise<WizardEvent>): void => {
    void work().then(tell, (error: unknown) => tell({ type: 'failed', problem: problemOf(error) }));
  };

  const connect = async (url: string | undefined, signal: AbortSignal, id: number): Promise<WizardEvent> => {
    const made = await options.connect(url, signal);
    if (finished) {
      await made.close();
      signal.throwIfAborted();
    }
    session = made;
    made.rollout.listen(hear);
    if (made.requests !== undefined)
      watchRequests(made.requests, { tell, getState: options.getState, ended: () => finished });
    const { target, findings, phases, estimates } = made;
    return {
      type: 'connected',
      job: id,
      session: { target, findings, ...(phases ? { phases } : {}), ...(estimates ? { estimates } : {}) },
      offers: {
        findings: made.codeFindings !== undefined,
        waive: made.waive !== undefined,
        decide: made.decide !== undefined,
        saveDecisions: made.saveDecisions !== undefined,
      },
    };
  };

  const asked = (): Requests => {
    const { requests } = opened();
    if (requests === undefined) throw new RolloutError('No request can wait here.', 'Open the folder of the app.');
    return requests;
  };

  const preview = async (id: number, step: StepId, signal: AbortSignal): Promise<WizardEvent> => {
    const { rollout } = opened();
    // A step behind the gate builds on what is not there yet: it is planned, and trying it would only fail.
    if (statusOf(options.getState(), step)?.gate) {
      const planned = await rollout.plan(step);
      const preview = { plan: planned.plan, results: [], impact: null, failed: false };
      return { type: 'previewed', job: id, planned, wouldFail: 0, estimate: null, preview };
    }
    const { results, proofs: _, impact, open, ...planned } = await rollout.preview(step, signal);
    const wouldFail = results.filter((result) => result.outcome === 'failed').length;
    // A backfill is tried on a few rows, some statements cannot be tried, and an edit is only computed: their time is
    // not known before.
    const tried =
      results.length > 0 && results.every(({ change, outcome }) => change.kind === 'sql' && outcome === 'ran');
    const estimate = tried ? results.reduce((sum, result) => sum + result.milliseconds, 0) : null;
    const failed = statusOf(options.getState(), step)?.state === 'failed';
    const preview = { plan: planned.plan, results, impact, open, failed };
    return { type: 'previewed', job: id, planned, wouldFail, estimate, preview };
  };

  /** What is applied comes from the journal, what is to come is planned step upon step and rolled back. */
  const journey = async (signal: AbortSignal): Promise<readonly JourneyStep[]> => {
    const { rollout } = opened();
    const rows = (await rollout.status()).filter((one) => one.phase === 1);
    const open = rows.some((one) => one.applied === 0 && one.state !== 'verified' && one.state !== 'skipped');
    const plans = open ? await rollout.planAhead(1, signal) : [];
    const steps: JourneyStep[] = [];
    for (const { step, title, applied } of rows) {
      const entries = applied > 0 ? (await rollout.rollbackPlan(step)).entries : [];
      const done = entries.map((entry) => entry.change).reverse();
      const planned = plans.find((one) => one.step === step)?.plan.changes ?? [];
      steps.push({ step, title, applied: done.length > 0, changes: done.length > 0 ? done : planned });
    }
    return steps;
  };

  const perform = (request: Request): void => {
    switch (request.type) {
      case 'connect':
        job(request.job, (signal) => connect(request.url, signal, request.job));
        return;
      case 'preview':
        job(request.job, (signal) => preview(request.job, request.step, signal));
        return;
      case 'apply':
        job(request.job, async (signal) => ({
          type: 'applied',
          job: request.job,
          changes: await opened().rollout.apply(request.step, signal, request.hash),
        }));
        return;
      case 'verify':
        job(request.job, async (signal) => ({
          type: 'verified',
          job: request.job,
          result: await opened().rollout.verify(request.step, signal),
        }));
        return;
      case 'rollback-plan':
        job(request.job, async () => {
          const plans: RollbackPlan[] = [];
          for (const step of request.steps) plans.push(await opened().rollout.rollbackPlan(step));
          return { type: 'rollback-planned', job: request.job, plans };
        });
        return;
      case 'rollback':
        job(request.job, async (signal) => {
          const results: { step: StepId; result: RollbackResult }[] = [];
          for (const step of request.steps)
            results.push({ step, result: await opened().rollout.rollback(step, signal, request.breaking) });
          return { type: 'rolled-back', job: request.job, results };
        });
        return;
      case 'journey':
        job(request.job, async (signal) => ({ type: 'journeyed', job: request.job, steps: await journey(signal) }));
        return;
      case 'findings':
        job(request.job, async (signal) => ({
          type: 'found',
          job: request.job,
          findings: (await opened().codeFindings?.(signal)) ?? [],
        }));
        return;
      case 'request':
        job(request.job, async (signal) => ({
          type: 'request-looked',
          job: request.job,
          document: requestDocument(await asked().look(request.id, signal), look),
        }));
        return;
      case 'approve':
        aside(async () => {
          await asked().approve(request.id);
          return { type: 'answered', id: request.id, answer: 'approved' };
        });
        return;
      case 'decline':
        aside(async () => {
          await asked().decline(request.id);
          return { type: 'answered', id: request.id, answer: 'declined' };
        });
        return;
      case 'abort':
        controllers.get(request.job)?.abort();
        return;
      case 'status':
        enqueue(async () => {
          try {
            tell({ type: 'status', steps: await opened().rollout.status() });
          } catch (error) {
            tell({ type: 'failed', problem: problemOf(error) });
          }
        });
        return;
      case 'decide':
        enqueue(async () => opened().decide?.(request.answers));
        return;
      case 'save-decisions':
        aside(async () => ({
          type: 'decisions-saved',
          path: (await opened().saveDecisions?.(request.answers)) ?? '',
        }));
        return;
      case 'skip':
        aside(async () => {
          await opened().rollout.skip(request.step, request.reason);
          return { type: 'skipped', step: request.step, reason: request.reason };
        });
        return;
      case 'waive':
        aside(async () => {
          await opened().waive?.(request.findings, request.reason);
          return { type: 'waived', findings: request.findings, reason: request.reason };
        });
        return;
      case 'save-preview':
        aside(async () => ({
          type: 'saved',
          what: 'preview',
          path: await opened().savePreview(request.step, request.text),
        }));
        return;
      case 'save-log':
        aside(async () => ({ type: 'saved', what: 'log', path: await opened().saveLog(request.text) }));
        return;
      case 'edit':
        aside(async () => {
          try {
            await options.edit(request.file, request.line);
          } finally {
            tell({ type: 'edited' });
          }
          return { type: 'tick' };
        });
        return;
      case 'suspend':
        aside(async () => {
          await options.suspend();
          return { type: 'edited' };
        });
        return;
      case 'redraw':
        options.redraw();
    }
  };

  const around = new AbortController();
  const discover = (): void => {
    // Whatever goes wrong here is no part of the rollout: what could not be found out is simply not shown.
    void options.discover?.((found) => tell({ type: 'discovered', found }), around.signal).catch(() => undefined);
  };

  const finish = async (now: boolean): Promise<string | null> => {
    flush();
    finished = true;
    around.abort();
    for (const controller of controllers.values()) controller.abort();
    const made = session;
    if (now) {
      void made?.close().catch(() => undefined);
      return null;
    }
    await within(patience, queue);
    const path = made
      ? await within(
          patience,
          made.reportPath().catch(() => null),
        )
      : null;
    await within(patience, made?.close().catch(() => undefined) ?? Promise.resolve());
    return path;
  };

  return { perform, discover, finish };
};

const stoppedProblem = problemOf(
  new RolloutError('Stopped before it was done.', 'Nothing was left half-done.', { exitCode: 130 }),
);
