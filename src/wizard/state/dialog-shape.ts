import type { Answer } from '../../rollout/decision.ts';
import type { StepId } from '../../rollout/step.ts';

/** What a confirmation leads to. */
export type Intent =
  | { readonly kind: 'apply'; readonly step: StepId; readonly hash: string }
  | {
      readonly kind: 'rollback';
      readonly step: StepId;
      readonly steps: readonly StepId[];
      readonly breaking: boolean;
    }
  | { readonly kind: 'save-decisions'; readonly answers: readonly Answer[] }
  | { readonly kind: 'approve' | 'decline'; readonly id: string };

/** A set of findings that one reason may waive. */
export type WaiveChoice = { readonly label: string; readonly ids: readonly string[] };

/** A question. While it is open every key goes to it. */
export type Dialog =
  | {
      readonly kind: 'confirm';
      readonly intent: Intent;
      readonly question: string;
      readonly details: readonly string[];
      readonly verb: string;
      /** What must be typed, or `null` where a plain y is enough. */
      readonly word: string | null;
      readonly text: string;
      readonly choice: 'cancel' | 'go';
      readonly complaint: string | null;
    }
  | {
      readonly kind: 'reason';
      readonly intent:
        | { readonly kind: 'skip'; readonly step: StepId }
        | { readonly kind: 'waive'; readonly findings: readonly string[] };
      readonly question: string;
      readonly text: string;
      readonly complaint: string | null;
    }
  | {
      readonly kind: 'waive-which';
      readonly choices: readonly WaiveChoice[];
      /** Of the findings on the screen, how many a step fixes: they are in no choice. */
      readonly fixed: number;
      readonly cursor: number;
    }
  | { readonly kind: 'search' | 'filter'; readonly text: string }
  | {
      /** One of many: a part of the text to go to, a table, or a request. */
      readonly kind: 'pick';
      readonly what: 'part' | 'table' | 'request';
      readonly items: readonly string[];
      readonly text: string;
      readonly cursor: number;
    }
  | { readonly kind: 'url'; readonly text: string; readonly complaint: string | null };
