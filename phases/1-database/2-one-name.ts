import { identifier, qualified } from '../../src/database/quote.ts';
import { planLegacyReads, planRename } from '../../src/database/rename/index.ts';
import type { Change } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { catalogCheck } from './checks.ts';
import { type Survey, survey, type TenantTable } from './survey.ts';

export const step: Step<Target> = {
  id: '1.2',
  title: 'One name',
  why: 'Three names for the same thing let a query filter by the wrong one and see everybody. Each table is renamed together with the functions, views and triggers that PostgreSQL would leave behind, in one transaction, so that nothing is broken for a moment.',
  plan,
  checks,
};

async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const changes: Change[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];

  if (found.profiles === null && target.config.decisions.createProfiles && found.organizations !== null) {
    changes.push(createProfiles(found));
  }
  const renames = found.tenants
    .filter((one) => one.renamed)
    .map((one) => ({ schema: one.table.schema, table: one.table.name, from: one.key.name, to: found.to }));
  const made = await planRename(found.catalog, renames, { renameClaims: target.config.decisions.renameClaims });
  blockers.push(...made.blockers);
  notes.push(...made.notes);
  for (const group of made.groups) {
    changes.push({
      kind: 'sql',
      id: group.id,
      title: group.title,
      mode: 'transaction',
      up: group.up,
      down: group.down,
    });
  }
  if (target.config.legacyReads) {
    for (const read of planLegacyReads(found.catalog, renames)) {
      changes.push({
        kind: 'sql',
        id: `legacy ${read.schema}.${read.table}.${read.from}`,
        title: `Keep ${read.from} readable on ${read.schema}.${read.table}`,
        mode: 'transaction',
        up: read.up,
        down: read.down,
        after: made.groups
          .filter((group) => group.tables.some((one) => one.schema === read.schema && one.table === read.table))
          .map((group) => group.id),
      });
    }
  }
  return blockers.length > 0 ? { changes: [], blockers, notes } : { changes, blockers, notes };
}

/** The least that a profile is: the user, their organization, and who they are to people. */
function createProfiles(found: Survey): Change {
  const organizations =
    found.organizations === null
      ? 'public.organizations'
      : qualified(found.organizations.schema, found.organizations.name);
  const org = identifier(found.to);
  return {
    kind: 'sql',
    id: 'table public.profiles',
    title: 'Create table public.profiles',
    mode: 'transaction',
    // Row security is on from the first moment; the policies come in step 1.7.
    up: `create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  ${org} uuid references ${organizations} (id),
  email text,
  full_name text,
  created_at timestamptz not null default now()
);
alter table public.profiles enable row level security;
grant select, insert, update, delete on public.profiles to authenticated, service_role;`,
    // Rows that users made meanwhile are somebody's data: a table that holds any is kept, and the rollback says so.
    down: 'drop table public.profiles;',
  };
}

async function* checks(target: Target): AsyncIterable<CheckResult> {
  const found = await survey(target);
  const old = target.config.names.from;
  const left: readonly TenantTable[] = found.tenants.filter((one) => one.renamed);
  yield await catalogCheck(target, {
    id: '1.2/columns',
    title: `No table of the app still says ${old.join(' or ')}`,
    expected: '0 columns',
    sql: `select table_schema, table_name, column_name from information_schema.columns
where column_name in (${old.map((name) => `'${name}'`).join(', ')}) and table_schema in (${[...new Set(found.catalog.tables.map((table) => `'${table.schema}'`))].join(', ')})`,
    passes: () => left.length === 0,
    observed: (rows) =>
      left.length === 0
        ? rows.length === 0
          ? '0 columns'
          : `0 tenant columns; ${rows.length} others carry the name by meaning`
        : left.map((one) => one.sql).join(', '),
    advice: 'Apply step 1.2 again; a table may have been created meanwhile.',
  });
  const remaining = await planRename(
    found.catalog,
    left
      .filter((one) => one.renamed)
      .map((one) => ({ schema: one.table.schema, table: one.table.name, from: one.key.name, to: found.to })),
    { renameClaims: target.config.decisions.renameClaims },
  );
  const functions = remaining.groups.flatMap((group) => group.functions);
  yield {
    id: '1.2/functions',
    title: 'No function, view or trigger still needs the old name',
    kind: 'catalog',
    verdict: functions.length === 0 && remaining.blockers.length === 0 ? 'passed' : 'failed',
    expected: '0 bodies',
    observed: functions.length === 0 ? '0 bodies' : functions.join(', '),
    milliseconds: 0,
  };
}
