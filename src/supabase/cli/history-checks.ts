import type { Session } from '../../database/session.ts';
import type { CheckResult } from '../../rollout/check.ts';
import type { Entry } from '../../rollout/journal.ts';
import { localMigrations } from './folder.ts';
import { holds, readHistory, rowMarks } from './history.ts';
import { type Mark, migrationsFolder } from './migration-file.ts';

/**
 * Whether journal, migration history and the files of the workspace tell the same story, and the files are what was
 * applied. Reads only, and needs no CLI.
 */
export async function historyChecks(options: {
  readonly session: Session;
  readonly workspace: string;
  readonly entries: readonly Entry[];
}): Promise<readonly CheckResult[]> {
  const began = performance.now();
  const rows = await rowMarks(options.session);
  const known = new Set([...rows.values()].map((row) => row.id));
  const history = await readHistory(options.session);
  const local = await localMigrations(options.workspace);
  const live = options.entries.filter((one) => one.state === 'applied' && one.change.kind === 'sql');
  const has = (files: readonly { readonly marks: readonly Mark[] }[], entry: Entry) => {
    const row = rows.get(entry.seq);
    return row !== undefined && files.some((one) => holds(one.marks, row, known));
  };
  const title = (entry: Entry) => `${entry.step} ${entry.change.title}`;
  const check = (id: string, name: string, wrong: readonly string[], advice: string): CheckResult => ({
    id: `history/${id}`,
    title: name,
    kind: 'catalog',
    verdict: wrong.length === 0 ? 'passed' : 'failed',
    expected: 'all',
    observed: wrong.length === 0 ? 'all' : `not: ${wrong.join(', ')}`,
    ...(wrong.length === 0 ? {} : { advice }),
    milliseconds: performance.now() - began,
  });
  return [
    check(
      'recorded',
      'Applied changes that are in the migration history',
      live.filter((one) => !has(history, one)).map(title),
      'Run again with --register or --executor supabase-cli; it records what is missing.',
    ),
    check(
      'files',
      `Applied changes that are in ${migrationsFolder}`,
      live.filter((one) => !has(local, one)).map(title),
      'Run again with --register or --executor supabase-cli; it writes the missing files again.',
    ),
    check(
      'unedited',
      'Migration files of the rollout that are as they were applied',
      local.filter((one) => one.step !== null && !one.unedited).map((one) => one.fileName),
      'Restore the file from version control and put the edit into a new migration; the applied one is not run again.',
    ),
  ];
}
