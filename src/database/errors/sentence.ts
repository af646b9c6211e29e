import type { ErrorKind } from '../../rollout/errors.ts';

/** What is wrong and what to do about it, in one sentence each. */
export type Sentence = {
  readonly problem: string;
  readonly remedy: string;
  /** `operator` unless said otherwise. */
  readonly kind?: ErrorKind;
  /** True when it concerns reaching or entering the server, whenever it happens: exit code 4. */
  readonly connection?: boolean;
};
