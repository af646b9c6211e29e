import { readFileSync } from 'node:fs';
import pg from 'pg';
import { phase } from '../../phases/1-database/phase.ts';
import { type DatabaseName, loadDatabase } from '../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import { makeTarget } from './target.ts';

/** The databases on which every step of phase 1 is tried, and `done`: the clinic after phase 1, with no journal left. */
export type FixtureName = 'tiny' | 'clinic' | 'zoo' | 'done';

const decisions = {
  orphans: 'own-organization',
  trustProfiles: true,
  ambiguousMemberships: 'owned',
  wrongForeignKeys: 'repair',
  revokeExecute: true,
  isolation: 'one',
};

/** No row security guards a materialized view, so its rights are revoked, and those who read it lose that. */
const acceptAccess = ['1.7/access/public.call_counts/kept'];

/** What an operator has to decide on each. */
export const settingsOf = (name: FixtureName) =>
  name === 'zoo'
    ? { decisions: { ...decisions, acceptAccess }, exclude: ['public."Billing Accounts"'] }
    : { decisions };

const zoo = readFileSync(new URL('../fixtures/databases/zoo.sql', import.meta.url), 'utf8');

/** Makes the database `as` with the content of `name`. */
export async function makeDatabase(server: EmbeddedServer, name: FixtureName, as: string): Promise<void> {
  const content: DatabaseName = name === 'zoo' ? 'base' : name === 'done' ? 'clinic' : name;
  await loadDatabase(server, content, as);
  if (name === 'zoo') await run(server.url(as), zoo);
  if (name !== 'done') return;
  await using at = await makeTarget(server, as, settingsOf(name));
  const rollout = at.rollout([phase]);
  const { signal } = new AbortController();
  for (const step of phase.steps) {
    await rollout.apply(step.id, signal);
    await rollout.verify(step.id, signal);
  }
  // As after a rollout by another hand, or from a dump that left the journal out.
  await at.sql('drop schema voxanne_rollout cascade');
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
