import { exitCodes, RolloutError } from '../rollout/errors.ts';
import type { ConnectionSource } from '../supabase/connection/index.ts';

/**
 * Consent to change something comes from a question that names the target, or from a target that was named for this run:
 * with --db-url or an exported variable. A `.env` file or a linked project is a default, and no default is a yes.
 *
 * @param what The command as it was typed, for the sentence: `rollback --yes`.
 */
export function requireNamedTarget(source: ConnectionSource, label: string, what: string): void {
  if (source.explicit) return;
  throw new RolloutError(
    `${what} needs the database named for this run, and ${label} comes from ${source.origin}.`,
    'Give --db-url, or export SUPABASE_DB_URL.',
    { exitCode: exitCodes.usage },
  );
}
