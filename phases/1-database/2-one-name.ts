import { decide } from '../../src/config/answers.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import { type ColumnRename, legacyComment, planLegacyReads, planRename } from '../../src/database/rename/index.ts';
import type { Change } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { catalogCheck } from './catalog-checks.ts';
import { eventTriggerNotes } from './names/event-triggers.ts';
import { asideName, mergeColumns } from './names/merge.ts';
import { askServer } from './names/server.ts';
import type { Sync } from './names/sync.ts';
import { grants } from './restore.ts';
import { sameAnswers } from './same-answers.ts';
import { primaryColumn, type Survey, survey, type TenantTable } from './survey.ts';

export const step: Step<Target> = {
  id: '1.2',
  title: 'Rename to org_id',
  why: 'Three names for the same thing let a query filter by the wrong one and see everybody. Each table is renamed together with the functions, views and triggers that PostgreSQL would leave behind, in one transaction.',
  running: {
    before:
      'Deployed code that still names the old columns fails from this step until phases 2 and 3 are deployed; --legacy-reads keeps the old names readable through the API meanwhile.',
    after: 'Deploy the code that phases 2 and 3 write, and generate the database types again.',
  },
  plan,
  queries: async function* (target) {
    yield* columns(target, await survey(target));
  },
  checks,
};

async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const changes: Change[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];

  if (found.profiles === null && target.config.decisions.createProfiles && found.organizations !== null) {
    if (profilesTaken(found)) blockers.push(takenProfiles);
    else changes.push(createProfiles(found));
  }
  const renames = renamesOf(found);
  const client = await target.session.work();
  const taken = new Set<string>();
  const syncs: Sync[] = [];
  const merging = new Map<string, readonly string[]>();
  for (const one of found.tenants.filter((each) => each.also.length > 0)) {
    const merged = await mergeColumns(client, found, one, target.config.decisions.disagreeingColumns, taken);
    changes.push(...merged.changes);
    syncs.push(...merged.syncs);
    merging.set(
      one.sql,
      merged.changes.map((each) => each.id),
    );
    blockers.push(...merged.blockers);
    notes.push(...merged.notes);
  }
  const { notes: unread, ...server } = await askServer(await target.session.work(), found.catalog);
  const { renameClaims, leaveFunction: leave } = target.config.decisions;
  const made = await planRename(found.catalog, renames, { renameClaims, leave, ...server });
  if (renames.length > 0) notes.push(...unread, ...(await eventTriggerNotes(client)));
  blockers.push(...made.blockers.map((one) => leavable(found, one)));
  notes.push(...made.notes);
  for (const group of made.groups) {
    const answers = await sameAnswers(
      await target.session.work(),
      found,
      group.swallowing,
      target.config.decisions.acceptAnswers,
    );
    if (answers.unasked.length > 0) {
      notes.push({
        text: `${answers.unasked.join(', ')} swallows errors, so its results cannot be compared: its text was rewritten and checked by column names only.`,
      });
    }
    const own = syncs.filter((one) => group.tables.some((each) => qualified(each.schema, each.table) === one.table));
    changes.push({
      kind: 'sql',
      id: group.id,
      title: group.title,
      mode: 'transaction',
      up: [answers.before, group.up, ...own.map((each) => each.up), answers.after]
        .filter((text) => text !== '')
        .join('\n'),
      down: [...own.map((each) => each.down), group.down].join('\n'),
      // The old column may only be put aside when its values have arrived in the one that stays.
      after: group.tables.flatMap((table) => merging.get(qualified(table.schema, table.table)) ?? []),
    });
  }
  if (target.config.legacyReads === 'close') changes.push(...(await closeLegacyReads(target, found)));
  if (target.config.legacyReads === true) {
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

/** A function that cannot be rewritten with certainty may stay as it is, where a person says so. */
function leavable(found: Survey, blocker: Blocker): Blocker {
  const one = found.catalog.functions.find((each) => blocker.problem.startsWith(`${each.signature}: `));
  if (one === undefined || blocker.answers !== undefined) return blocker;
  return {
    ...blocker,
    remedy: `${blocker.remedy} Or leave the function as it is with --leave-function ${literal(one.signature)} (decisions.leaveFunction).`,
    answers: [
      decide(
        'leaveFunction',
        [one.signature],
        'Its text stays: a statement of it that names an old column fails from this step on.',
      ),
    ],
  };
}

/** The computed fields under old names that an earlier run made, found by their comment. */
async function closeLegacyReads(target: Target, found: Survey): Promise<readonly Change[]> {
  const client = await target.session.work();
  const { rows } = await client.query<{ oid: number }>(
    `select p.oid::int8::float8 as oid from pg_catalog.pg_proc p where pg_catalog.obj_description(p.oid, 'pg_proc') = $1`,
    [legacyComment],
  );
  const oids = new Set(rows.map((row) => row.oid));
  return found.catalog.functions
    .filter((one) => oids.has(one.oid) && one.definition !== null)
    .map((one) => ({
      kind: 'sql',
      id: `close legacy ${one.signature}`,
      title: `Drop ${one.signature}, which kept an old column name readable`,
      mode: 'transaction',
      up: `drop function ${one.signature};`,
      down: `${one.definition};\ncomment on function ${one.signature} is ${literal(legacyComment)};\n${grants(one)}`,
    }));
}

/** Every column that must give way to the one name: renamed, or put aside where the name is taken. */
function renamesOf(found: Survey): readonly ColumnRename[] {
  return found.tenants.flatMap((one) => {
    const { schema, name } = one.table;
    const own = one.renamed ? [{ schema, table: name, from: one.key.name, to: found.to }] : [];
    const others = one.also
      .filter((column) => column.local)
      .map((column) => ({
        schema,
        table: name,
        from: column.name,
        to: found.to,
        aside: asideName(column),
        stays: one.key.name,
        notNull: column.notNull,
      }));
    return [...own, ...others];
  });
}

/** A table of that name is there, and is not what the survey takes for profiles. */
export const profilesTaken = (found: Survey): boolean =>
  found.catalog.tables.some((one) => one.schema === 'public' && one.name === 'profiles');

const takenProfiles: Blocker = {
  problem: 'public.profiles cannot be created: a table of that name is there.',
  remedy:
    'Leave --create-profiles out, and name the table with --profiles public.profiles (names.profiles) if each of its rows is a user.',
};

/** The least that a profile is: the user, their organization, and who they are to people. */
function createProfiles(found: Survey): Change {
  const organizations =
    found.organizations === null
      ? 'public.organizations'
      : qualified(found.organizations.schema, found.organizations.name);
  const org = identifier(found.to);
  const key = identifier(primaryColumn(found.organizations)?.name ?? 'id');
  return {
    kind: 'sql',
    id: 'table public.profiles',
    title: 'Create table public.profiles',
    mode: 'transaction',
    // Row security is on from the first moment; the policies come in step 1.7.
    up: `create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  ${org} ${found.idType} references ${organizations} (${key}),
  email text,
  full_name text,
  created_at timestamptz not null default now()
);
alter table public.profiles enable row level security;
grant select, insert, update, delete on public.profiles to authenticated, service_role;`,
    // Profiles of people who signed up meanwhile are somebody's data: they are never dropped with the table.
    down: `do $check$ begin if exists (select from public.profiles) then
  raise exception using message = 'public.profiles holds profiles that users made since; move them away before the table can go';
end if; end $check$;
drop table public.profiles;`,
  };
}

const leftOf = (found: Survey): readonly TenantTable[] =>
  found.tenants.filter((one) => one.renamed || one.also.length > 0);

async function* columns(target: Target, found: Survey): AsyncIterable<CheckResult> {
  const old = found.from;
  const left = leftOf(found);
  yield await catalogCheck(target, {
    id: '1.2/columns',
    title: `No app table still uses ${old.join(' or ')}`,
    expected: '0 columns',
    sql: `select table_schema, table_name, column_name from information_schema.columns
where column_name in (${old.map((name) => `'${name}'`).join(', ')}) and table_schema in (${[...new Set(found.catalog.tables.map((table) => `'${table.schema}'`))].join(', ')})`,
    passes: () => left.length === 0,
    observed: (rows) =>
      left.length === 0
        ? rows.length === 0
          ? '0 columns'
          : `0 tenant columns; ${plural(rows.length, 'other carries', 'others carry')} the name by meaning`
        : left.map((one) => one.sql).join(', '),
    advice: 'Apply step 1.2 again; a table may have been created meanwhile.',
  });
}

async function* checks(target: Target): AsyncIterable<CheckResult> {
  const found = await survey(target);
  yield* columns(target, found);
  const left = leftOf(found);
  const { notes: _, ...server } = await askServer(await target.session.work(), found.catalog);
  const remaining = await planRename(
    found.catalog,
    left
      .filter((one) => one.renamed)
      .map((one) => ({ schema: one.table.schema, table: one.table.name, from: one.key.name, to: found.to })),
    { renameClaims: target.config.decisions.renameClaims, leave: target.config.decisions.leaveFunction, ...server },
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
