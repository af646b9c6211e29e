import type { RolloutEvent } from '../../rollout/events.ts';
import type { Planned, RollbackPlan, RollbackResult, StepStatus, VerifyResult } from '../../rollout/rollout.ts';
import type { StepId } from '../../rollout/step.ts';
import type { Document, Preview } from '../preview/document.ts';
import type { CodeFinding, Discovery, Problem, Session, WaitingRequest } from '../session.ts';
import type { Offers, Size } from './state.ts';
import type { JourneyStep } from './views.ts';

/** What the reducer is told. */
export type WizardEvent =
  /** Keys in the order in which they were pressed. More than one: a burst or a paste, which never gives consent. */
  | { readonly type: 'keys'; readonly keys: readonly string[] }
  | { readonly type: 'resize'; readonly size: Size }
  | { readonly type: 'tick' }
  | { readonly type: 'signal'; readonly name: 'SIGINT' | 'SIGTERM' | 'SIGHUP' }
  /** Everything that the rollout said since the last frame. */
  | { readonly type: 'rollout'; readonly events: readonly RolloutEvent[] }
  | {
      readonly type: 'connected';
      readonly job: number;
      readonly session: Pick<Session, 'target' | 'findings' | 'phases' | 'estimates'>;
      readonly offers: Offers;
    }
  /** What was found out beside the connection, which did not wait for it. */
  | { readonly type: 'discovered'; readonly found: Discovery }
  | { readonly type: 'status'; readonly steps: readonly StepStatus[] }
  | {
      readonly type: 'previewed';
      readonly job: number;
      readonly planned: Planned;
      readonly wouldFail: number;
      /** Milliseconds that applying should take by what trying it took; `null` where that says nothing. */
      readonly estimate: number | null;
      readonly preview: Preview;
    }
  | { readonly type: 'applied'; readonly job: number; readonly changes: number }
  | { readonly type: 'verified'; readonly job: number; readonly result: VerifyResult }
  | { readonly type: 'rollback-planned'; readonly job: number; readonly plans: readonly RollbackPlan[] }
  | {
      readonly type: 'rolled-back';
      readonly job: number;
      readonly results: readonly { readonly step: StepId; readonly result: RollbackResult }[];
    }
  | { readonly type: 'found'; readonly job: number; readonly findings: readonly CodeFinding[] }
  | { readonly type: 'journeyed'; readonly job: number; readonly steps: readonly JourneyStep[] }
  | { readonly type: 'request-looked'; readonly job: number; readonly document: Document }
  | { readonly type: 'waiting'; readonly requests: readonly WaitingRequest[] }
  | { readonly type: 'answered'; readonly id: string; readonly answer: 'approved' | 'declined' }
  | { readonly type: 'job-failed'; readonly job: number; readonly problem: Problem }
  | { readonly type: 'skipped'; readonly step: StepId; readonly reason: string }
  | { readonly type: 'waived'; readonly findings: readonly string[]; readonly reason: string }
  | { readonly type: 'saved'; readonly what: 'preview' | 'log'; readonly path: string }
  | { readonly type: 'decisions-saved'; readonly path: string }
  | { readonly type: 'edited' }
  | { readonly type: 'failed'; readonly problem: Problem };
