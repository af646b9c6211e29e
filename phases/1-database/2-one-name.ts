import { identifier, literal, qualified } from '../../src/database/quote.ts';
import { type ColumnRename, legacyComment, planLegacyReads, planRename } from '../../src/database/rename/index.ts';
import type { Change } from '../../src/rollout/change.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { catalogCheck } from './checks.ts';
import { askServer } from './names/server.ts';
import { grants } from './restore.ts';
import { sameAnswers } from './same-answers.ts';
import { primaryColumn, type Survey, survey, type TenantTable } from './survey.ts';

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
  const renames = renamesOf(found);
  for (const one of found.tenants.filter((each) => each.also.length > 0)) {
    const merged = await mergeColumns(target, found, one);
    changes.push(...merged.changes);
    blockers.push(...merged.blockers);
    notes.push(...merged.notes);
  }
  const { notes: unread, ...server } = await askServer(await target.session.work(), found.catalog);
  const { renameClaims } = target.config.decisions;
  const made = await planRename(found.catalog, renames, { renameClaims, ...server });
  if (renames.length > 0) notes.push(...unread);
  blockers.push(...made.blockers);
  notes.push(...made.notes);
  for (const group of made.groups) {
    const answers = await sameAnswers(await target.session.work(), found, group.swallowing);
    if (answers.unasked.length > 0) {
      notes.push({
        text: `${answers.unasked.join(', ')} hides its errors and cannot be asked before and after: its text was rewritten and proven by its names alone.`,
      });
    }
    changes.push({
      kind: 'sql',
      id: group.id,
      title: group.title,
      mode: 'transaction',
      up: [answers.before, group.up, answers.after].filter((text) => text !== '').join('\n'),
      down: group.down,
      // The old column may only be put aside when its values have arrived in the one that stays.
      after: changes
        .filter(
          (one) =>
            one.kind === 'batches' && group.tables.some((table) => one.table === qualified(table.schema, table.table)),
        )
        .map((one) => one.id),
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
      title: `Take away ${one.signature}, which kept an old column name readable`,
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
        aside: `${column.name}_before_rollout`,
        notNull: column.notNull,
      }));
    return [...own, ...others];
  });
}

/** Before an old column is put aside, its values must be in the one that stays; rows that disagree need a decision. */
async function mergeColumns(
  target: Target,
  found: Survey,
  one: TenantTable,
): Promise<{
  readonly changes: readonly Change[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
}> {
  const client = await target.session.work();
  const stays = identifier(one.key.name);
  const key = primaryColumn(one.table);
  const changes: Change[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const { disagreeingColumns } = target.config.decisions;
  for (const column of one.also) {
    const old = identifier(column.name);
    const { rows } = await client.query<{ empty: number; torn: number; sample: string | null }>(
      `select count(*) filter (where t.${stays} is null and t.${old} is not null)::int as empty,
         count(*) filter (where t.${stays} is not null and t.${old} is not null and t.${stays}::text <> t.${old}::text)::int as torn,
         (array_agg(format('%s: ${one.key.name} %s, ${column.name} %s', ${key === null ? `'a row'` : `t.${identifier(key.name)}`}, t.${stays}, t.${old}))
           filter (where t.${stays} is not null and t.${old} is not null and t.${stays}::text <> t.${old}::text))[1:3]::text as sample
       from ${one.sql} t`,
    );
    const { empty = 0, torn = 0, sample = null } = rows[0] ?? {};
    if (torn > 0 && disagreeingColumns === null) {
      blockers.push({
        problem: `${torn} ${torn === 1 ? 'row' : 'rows'} of ${one.sql} hold different values in ${one.key.name} and ${column.name}.`,
        remedy: 'Correct them by hand, or choose with --disagreeing-columns keep-new or keep-old.',
        ...(sample === null ? {} : { detail: sample }),
      });
      continue;
    }
    if (one.renamed) {
      blockers.push({
        problem: `${one.sql} has two old names, ${one.key.name} and ${column.name}.`,
        remedy: `Rename one of them to ${found.to} by hand; the other is then merged into it.`,
      });
      continue;
    }
    if (empty > 0 || (torn > 0 && disagreeingColumns !== null)) {
      if (key === null) {
        blockers.push({
          problem: `${one.sql} has no single primary key, so that its rows cannot be walked.`,
          remedy: `Fill ${one.key.name} from ${column.name} by hand.`,
        });
        continue;
      }
      const overwrite = disagreeingColumns === 'keep-old' ? ` or t.${stays}::text <> t.${old}::text` : '';
      changes.push({
        kind: 'batches',
        id: `merge ${one.sql}.${column.name}`,
        title: `Fill ${one.key.name} of ${one.sql} from ${column.name} (${empty} empty${torn > 0 ? `, ${torn} that disagree` : ''})`,
        table: one.sql,
        key: { column: identifier(key.name), type: key.type },
        quiet: true,
        write: {
          kind: 'update',
          column: stays,
          type: one.key.type,
          where: `t.${old} is not null and (t.${stays} is null${overwrite})`,
          value: `t.${old}::${one.key.type}`,
        },
      });
    }
    if (torn > 0 && disagreeingColumns === 'keep-new') {
      changes.push({
        kind: 'batches',
        id: `agree ${one.sql}.${column.name}`,
        title: `Let ${column.name} of ${one.sql} agree with ${one.key.name} (${torn} ${torn === 1 ? 'row' : 'rows'})`,
        table: one.sql,
        key: { column: identifier(key?.name ?? 'id'), type: key?.type ?? 'uuid' },
        quiet: true,
        write: {
          kind: 'update',
          column: old,
          type: column.type,
          where: `t.${stays}::text <> t.${old}::text`,
          value: `t.${stays}::${column.type}`,
        },
      });
    }
    notes.push({
      text: `${one.sql} has ${one.key.name} and ${column.name}: ${one.key.name} stays, ${column.name} is kept as ${column.name}_before_rollout with its values.`,
    });
  }
  return { changes, blockers, notes };
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
    // Profiles of people who signed up meanwhile are somebody's data: they are never dropped with the table.
    down: `do $check$ begin if exists (select from public.profiles) then
  raise exception using message = 'public.profiles holds profiles that users made since; move them away before the table can go';
end if; end $check$;
drop table public.profiles;`,
  };
}

async function* checks(target: Target): AsyncIterable<CheckResult> {
  const found = await survey(target);
  const old = found.from;
  const left: readonly TenantTable[] = found.tenants.filter((one) => one.renamed || one.also.length > 0);
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
  const { notes: _, ...server } = await askServer(await target.session.work(), found.catalog);
  const remaining = await planRename(
    found.catalog,
    left
      .filter((one) => one.renamed)
      .map((one) => ({ schema: one.table.schema, table: one.table.name, from: one.key.name, to: found.to })),
    { renameClaims: target.config.decisions.renameClaims, ...server },
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
