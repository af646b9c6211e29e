import { rmSync } from 'node:fs';
import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { createApi } from './client.ts';
import { createFetch } from './http.ts';
import type { Janitor } from './janitor.ts';
import { apiJanitor } from './janitor-api.ts';
import { sqlJanitor } from './janitor-sql.ts';
import { type JournalEntry, type LiveJournal, leftJournals } from './journal.ts';
import type { Scope, Tables } from './scope.ts';
import { type Swept, sweep } from './sweep.ts';
import type { LiveOptions, LiveTable } from './types.ts';

/** Cleaning up goes on after the run was cancelled, for so long. */
const cleaningTime = 180_000;

export type Cleaner = {
  /** Of these organizations those that sign-up made for the run's own users: no row is added to any other. */
  readonly ownOrganizations: (journal: LiveJournal, organizations: readonly string[]) => Promise<readonly string[]>;
  /** Removes what killed runs left. Null: there was nothing. */
  readonly leftovers: () => Promise<CheckResult | null>;
  /** Removes what this run made. */
  readonly own: (journal: LiveJournal) => Promise<CheckResult>;
};

/** Null where there is neither a database nor a service key: then nothing must be made that could not be removed. */
export function createCleaner(
  options: LiveOptions,
  tables: Tables,
  scopes: ReadonlyMap<LiveTable, Scope>,
): Cleaner | null {
  const { database, serviceKey } = options;
  const withJanitor = async <T>(work: (janitor: Janitor) => Promise<T>): Promise<T> => {
    if (database !== undefined) return database((client) => work(sqlJanitor(options, client)));
    const fetch = createFetch({ signal: AbortSignal.timeout(cleaningTime), timeout: 30_000 });
    return work(apiJanitor(options, createApi(options.supabaseUrl, serviceKey ?? '', { fetch })));
  };
  if (database === undefined && serviceKey === undefined) return null;
  const clean = (entries: readonly JournalEntry[], from: 'memory' | 'file'): Promise<Swept> =>
    withJanitor((janitor) => sweep(options, tables, scopes, janitor, entries, from));

  return {
    ownOrganizations: (journal, organizations) =>
      withJanitor(async (janitor) => {
        const users = await janitor.users(usersIn(journal.entries()));
        const own: string[] = [];
        for (const one of organizations) if (await janitor.isProbes(one, users)) own.push(one);
        return own;
      }),
    leftovers: async () => {
      const began = performance.now();
      const journals = leftJournals(options.journalDir);
      const swept = await clean(
        journals.flatMap(({ entries }) => entries),
        'file',
      );
      if (swept.left.length === 0) for (const { path } of journals) rmSync(path, { force: true });
      if (swept.users + swept.organizations + swept.rows + swept.left.length === 0) return null;
      return told('leftovers', 'What an interrupted run left behind is removed', swept, performance.now() - began);
    },
    own: async (journal) => {
      const began = performance.now();
      const swept = await clean(journal.entries(), 'memory');
      if (swept.left.length === 0) journal.done();
      return told('removed', 'The probe users and all that they made are removed', swept, performance.now() - began);
    },
  };
}

const usersIn = (entries: readonly JournalEntry[]): readonly string[] =>
  entries.flatMap((entry) => (entry.kind === 'user' ? [entry.id] : []));

const told = (id: string, title: string, swept: Swept, milliseconds: number): CheckResult => ({
  id: `live/${id}`,
  title,
  kind: 'http',
  verdict: swept.left.length === 0 ? 'passed' : 'failed',
  expected: '0 users and 0 rows left',
  observed:
    swept.left.length === 0
      ? `${plural(swept.users, 'user')}, ${plural(swept.organizations, 'organization')} and ${plural(swept.rows, 'row')} removed, 0 left`
      : `left: ${swept.left.slice(0, 8).join('; ')}${swept.left.length > 8 ? '; …' : ''}`,
  ...(swept.left.length === 0
    ? {}
    : {
        advice:
          'Verify again: the next run finds and removes what carries the marker voxanne-probe-. A row without it is left alone: look at it, then delete the file live-probe-*.jsonl that names it.',
      }),
  milliseconds,
});
