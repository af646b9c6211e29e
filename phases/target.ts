import type { Config } from '../src/config/schema.ts';
import type { Session } from '../src/database/session.ts';

/** What a step plans for and checks: one database and one workspace, with the operator's settings. */
export type Target = {
  readonly config: Config;
  readonly session: Session;
};
