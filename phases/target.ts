import type { Config } from '../src/config/schema.ts';
import type { Session } from '../src/database/session.ts';
import type { CheckResult } from '../src/rollout/check.ts';
import type { Finding } from '../src/supabase/cli/advisors.ts';
import type { Workspace } from '../src/workspace/project.ts';
import type { MayRun } from '../src/workspace-program.ts';
import type { DatabaseFacts } from './code/database-facts.ts';

/** What a step plans for and checks: one database and one workspace, with the operator's settings. */
export type Target = {
  readonly config: Config;
  readonly session: Session;
  /** Keys of the project's API, from exported variables; never written anywhere. Absent: no live check. */
  readonly keys?: { readonly anon: string | null; readonly service: string | null };
  /**
   * The Supabase CLI's own advisors on this database; absent where the run does without the CLI. Null: it was not asked,
   * because the CLI is a program of the app that may not be started now.
   */
  readonly advisors?: (signal: AbortSignal) => Promise<readonly Finding[] | null>;
  /** Whether a program of the app may be started. Absent: whoever made this target answers for all of them. */
  readonly mayRun?: MayRun;
  /** The app's code; null where none was named, and phases 2 to 4 are then closed. */
  readonly workspace: WorkspaceTarget | null;
};

export type WorkspaceTarget = {
  /** Absolute path of the checkout. */
  readonly root: string;
  /** What git says of the checkout of which `root` is a copy; absent: `root` is asked. */
  readonly git?: Workspace['git'];
  /** What the code has to know of the database; asked anew by each plan. */
  readonly database: () => Promise<DatabaseFacts>;
  /** Acts as two organizations on the table of organizations, in transactions that are rolled back. */
  readonly probeOrganizations: (signal: AbortSignal) => AsyncIterable<CheckResult>;
};
