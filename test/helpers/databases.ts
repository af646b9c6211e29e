import { readFileSync } from 'node:fs';
import pg from 'pg';
import { phase } from '../../phases/1-database/phase.ts';
import { type DatabaseName, loadDatabase } from '../../src/demo/databases/load.ts';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import { flagName } from '../../src/rollout/decision.ts';
import { full } from './seeded.ts';
import { makeTarget } from './target.ts';

/** Apps that say in ways of their own who belongs where; each has an oracle in `oracles.ts`. */
export const ownApps = ['agency', 'switcher', 'guarded'] as const;
export type OwnApp = (typeof ownApps)[number];

/** The databases on which every step of phase 1 is tried, and `done`: one after phase 1, with no journal left. */
export type FixtureName = 'tiny' | 'clinic' | 'zoo' | 'done' | OwnApp;

const decisions = {
  orphans: 'own-organization',
  trustProfiles: true,
  ambiguousMemberships: 'owned',
  wrongForeignKeys: 'repair',
  revokeExecute: true,
  isolation: 'one',
};

type Settings = {
  readonly decisions: Readonly<Record<string, string | boolean | readonly string[]>>;
  readonly exclude?: readonly string[];
};

/** What an operator has to decide on each. */
const settings: Readonly<Record<FixtureName, Settings>> = {
  tiny: { decisions },
  clinic: { decisions },
  done: { decisions },
  zoo: {
    // No row security guards a materialized view, so its rights are revoked, and those who read it lose that.
    decisions: { ...decisions, acceptAccess: ['1.7/access/public.call_counts/kept'] },
    exclude: ['public."Billing Accounts"'],
  },
  agency: {
    decisions: {
      orphans: 'leave',
      newUsers: 'as-today',
      ambiguousMemberships: 'oldest',
      // They make members: of whoever has the token, of whoever makes the organization.
      acceptFunction: ['public.accept_invitation(text)', 'public.create_organization(text,text)'],
      // An admin no longer removes the owner.
      acceptAccess: ['1.7/access/public.organization_members/kept'],
    },
  },
  switcher: {
    decisions: {
      acceptFunction: ['public.switch_tenant(bigint)'],
      acceptAccess: ['1.7/access/public.tenant_users/kept'],
      // The app's own sign-up has no name for a tenant of somebody without an address.
      acceptNotChecked: ['1.4/sign-up/phone', '1.4/sign-up/anonymous'],
    },
  },
  guarded: {
    decisions: {
      orphans: 'leave',
      newUsers: 'as-today',
      ambiguousMemberships: 'oldest',
      keepPolicy: [
        'public.customers: portal, own details',
        'public.document_shares: owners share',
        'public.documents: shared with us',
        'public.pages: published',
        'public.templates: everybody',
        'storage.objects: public part of sites',
      ],
      acceptFunction: ['public.public_page(uuid,text)'],
      acceptAccess: ['1.7/access/public.memberships/kept'],
    },
  },
};

/** The same decisions as flags of the command line. */
export const flagsOf = (name: FixtureName): readonly string[] =>
  Object.entries(settings[name].decisions).flatMap(([decision, value]) =>
    value === true ? [flagName(decision)] : [value].flat().flatMap((one) => [flagName(decision), String(one)]),
  );

export const settingsOf = (name: FixtureName): Settings => settings[name];

const read = (name: string): string =>
  readFileSync(new URL(`../fixtures/databases/${name}.sql`, import.meta.url), 'utf8');

const isOwnApp = (name: FixtureName): name is OwnApp => ownApps.some((one) => one === name);

/** Its phase 1 takes minutes on the clinic, so that CI takes the small one. */
const whole: DatabaseName = full ? 'clinic' : 'tiny';

/** Makes the database `as` with the content of `name`. */
export async function makeDatabase(server: EmbeddedServer, name: FixtureName, as: string): Promise<void> {
  const content: DatabaseName = name === 'zoo' || isOwnApp(name) ? 'base' : name === 'done' ? whole : name;
  await loadDatabase(server, content, as);
  if (name === 'zoo') await run(server.url(as), read(name));
  if (isOwnApp(name)) await run(server.adminUrl(as), read(name));
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
