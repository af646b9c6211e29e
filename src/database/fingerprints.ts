import type { Executor } from '../rollout/executor.ts';
import { differences } from '../rollout/fingerprint.ts';
import { dependants } from './dependants.ts';
import { fingerprint, fingerprintSql } from './fingerprint.ts';
import { ensureJournal, insertStateSql, ofJournal, readFingerprint } from './journal.ts';
import type { Session } from './session.ts';
import { nothingSince, remembering, snapshotOf } from './since.ts';

type Fingerprints = Pick<Executor, 'dependants' | 'fingerprint' | 'keepFingerprint' | 'keptFingerprint'>;

/** The state of the database's objects: as it is, and as the journal keeps it from before and after each step. */
export function createFingerprints(session: Session): Fingerprints {
  const present = remembering(fingerprint);
  let last: { readonly snapshot: string; readonly seq: string } | null = null;
  return {
    fingerprint: async () => present(await session.work()),
    keepFingerprint: async (step, run, moment) => {
      await session.lock();
      const client = await session.work();
      await ensureJournal(client);
      const known = last !== null && (await nothingSince(client, last.snapshot)) ? last : null;
      // Before it is read: what is committed meanwhile then counts as new.
      const snapshot = known?.snapshot ?? (await snapshotOf(client));
      const state =
        known === null
          ? `(select coalesce(pg_catalog.jsonb_object_agg(f.object, f.hash), '{}') from (${fingerprintSql}) f)`
          : `(select f.state from voxanne_rollout.fingerprints f where f.seq = ${known.seq})`;
      // On the server alone: thousands of hashes would travel here only to be written back.
      const answers: unknown = await client
        .query(`begin transaction isolation level repeatable read;
        set local search_path = ''; set local lock_timeout = '5s';
        ${insertStateSql(step, run, moment, state)}
        commit`)
        .catch(async (error: unknown) => {
          await client.query('rollback').catch(() => undefined);
          throw error;
        });
      const [row] = (answers as readonly { readonly rows: readonly { readonly seq: string }[] }[])[3]?.rows ?? [];
      last = { snapshot, seq: row?.seq ?? '0' };
    },
    dependants: async (before, after, others) => {
      const lines = differences(before, after);
      const named = (sign: string) => lines.flatMap((line) => (line.startsWith(sign) ? [line.slice(sign.length)] : []));
      const renamed = new Set(
        named('only before: ').flatMap((one) => (one.startsWith('column ') ? [one.split('.').at(-2) ?? ''] : [])),
      );
      const taken = named('only now: ');
      const own = new Set(taken);
      return dependants(
        await session.work(),
        taken,
        others.filter((one) => !own.has(one)),
        renamed,
      );
    },
    keptFingerprint: async (step, moment) =>
      ofJournal(await session.work(), null, (client) => readFingerprint(client, step, moment)),
  };
}
