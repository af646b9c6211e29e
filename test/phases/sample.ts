import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DatabaseFacts } from '../../phases/code/database-facts.ts';
import type { Target } from '../../phases/target.ts';
import { type Config, configSchema, type PartialConfig } from '../../src/config/schema.ts';
import type { Executor } from '../../src/rollout/executor.ts';

const sample = new URL('../../src/demo/app', import.meta.url).pathname;

/** A copy of the sample app in a folder of its own; `types`: with the packages that its type check needs. */
export async function copySample(options: { types?: boolean } = {}): Promise<string> {
  const root = path.join(await mkdtemp(path.join(os.tmpdir(), 'sample-')), 'front desk');
  await cp(sample, root, { recursive: true, filter: (source) => !source.includes('node_modules') });
  if (options.types === true) {
    for (const folder of ['', 'backend'])
      await symlink(path.resolve('node_modules'), path.join(root, folder, 'node_modules'));
  }
  return root;
}

export const removeCopy = (root: string): Promise<void> => rm(path.dirname(root), { recursive: true, force: true });

/** What a survey of the sample app's database says. */
export const facts: DatabaseFacts = {
  column: 'org_id',
  organizations: { schema: 'public', table: 'organizations', key: 'id', nameColumn: 'name', editable: [] },
  profiles: { schema: 'public', table: 'profiles', userColumn: 'id', orgColumn: 'org_id' },
  memberships: {
    schema: 'public',
    table: 'user_org_roles',
    userColumn: 'user_id',
    orgColumn: 'org_id',
    roleColumn: 'role',
  },
  roles: { owner: 'owner', member: 'agent', managers: ['owner', 'admin'] },
  tenants: [
    ...['invoices', 'profiles', 'usage_records', 'teams', 'subscriptions', 'api_keys', 'agents', 'tenant_settings'],
    ...['email_templates', 'appointments', 'calls', 'contacts', 'knowledge_base', 'user_org_roles'],
  ],
  renames: [
    ...['invoices', 'profiles', 'usage_records', 'teams', 'subscriptions', 'api_keys', 'agents'].map((table) => ({
      table,
      from: 'organization_id',
      to: 'org_id',
    })),
    ...['tenant_settings', 'email_templates'].map((table) => ({ table, from: 'tenant_id', to: 'org_id' })),
  ],
};

/** A target whose database is known and never asked. */
export function targetOf(root: string, over: Partial<DatabaseFacts> = {}, config: PartialConfig = {}): Target {
  const settings: Config = { ...configSchema.parse(config), workspace: root, file: null };
  const nobody = { work: () => Promise.reject(new Error('no database in this test')) };
  return {
    config: settings,
    // Steps of phases 2 to 4 ask the workspace target alone.
    session: nobody as unknown as Target['session'],
    workspace: {
      root,
      database: async () => ({ ...facts, ...over }),
      probeOrganizations: async function* () {
        // the probe has tests of its own, on a database
      },
    },
  };
}

/** A database executor of a database on which nothing was done, so that the gates of phase 2 alone decide. */
export const noDatabase: Executor = {
  dependants: async () => [],
  preview: async function* () {
    // nothing to preview
  },
  apply: () => Promise.reject(new Error('no database in this test')),
  revert: () => Promise.reject(new Error('no database in this test')),
  settle: async () => undefined,
  entries: async () => [],
  standing: async () => [],
  suspicion: async () => null,
  head: async () => null,
  keepHead: async () => undefined,
  keptHeads: async () => [],
  records: async () => [],
  record: async () => undefined,
  fingerprint: async () => ({}),
  keepFingerprint: async () => undefined,
  keptFingerprint: async () => null,
  within: async () => ({ outcome: 'not executed', reason: 'no database in this test' }),
  sizes: async () => [],
  keepLook: async () => undefined,
  keptLook: async () => null,
  guard: async () => async () => null,
  untouched: async () => null,
};

/** Every file of a folder with its content, without packages and the rollout's own state. */
export async function filesOf(root: string): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {};
  const enter = async (folder: string): Promise<void> => {
    for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
      const relative = path.posix.join(folder, entry.name);
      if (/^(?:node_modules|\.voxanne-rollout|\.git)$/.test(entry.name)) continue;
      if (entry.isDirectory()) await enter(relative);
      else if (entry.isFile()) files[relative] = (await readFile(path.join(root, relative))).toString('base64');
    }
  };
  await enter('');
  return files;
}
