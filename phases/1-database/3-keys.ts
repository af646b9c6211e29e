import { literal, qualified } from '../../src/database/quote.ts';
import { loadParser } from '../../src/database/rename/parser.ts';
import type { Blocker, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { catalogCheck } from './catalog-checks.ts';
import { planConversions } from './keys/convert.ts';
import { planEmptyKeys } from './keys/empty.ts';
import { planForeignKeys } from './keys/foreign-keys.ts';
import { planIndexes } from './keys/indexes.ts';
import { planShadow } from './keys/shadow.ts';
import { primaryColumn, type Survey, survey, type TenantTable } from './survey.ts';

export const step: Step<Target> = {
  id: '1.3',
  title: 'Add foreign keys and indexes',
  why: 'An organization id that is text, or has no foreign key, lets rows drift away from their organization; without an index every guarded query is slow.',
  plan,
  queries: checks,
  checks,
};

/** Types first, then foreign keys, then indexes: each stands on what comes before. */
async function plan(target: Target): Promise<Plan> {
  await loadParser();
  const surveyed = await survey(target);
  const client = await target.session.work();
  const blockers: Blocker[] = blocked(surveyed);
  if (blockers.length > 0) return { changes: [], blockers, notes: [] };
  const taken = new Set<string>();
  const empty = await planEmptyKeys(client, surveyed, target.config.decisions.emptyKeys === 'null');
  blockers.push(...empty.blockers);
  const found = empty.survey;
  const conversions = await planConversions(client, found, found, empty.of, (tenant, tools) =>
    planShadow(client, found, tenant, tools, { lockTimeout: target.config.lockTimeout, taken }),
  );
  const stuck = new Set(conversions.blockers.length > 0 ? found.tenants.filter((one) => one.text) : []);
  const after = (tenant: TenantTable): readonly string[] =>
    conversions.list.find((one) => one.tenant === tenant)?.done ?? empty.of(tenant) ?? [];
  const foreignKeys = await planForeignKeys(
    client,
    { ...found, tenants: found.tenants.filter((one) => !stuck.has(one)) },
    {
      repair: target.config.decisions.wrongForeignKeys === 'repair',
      lockTimeout: target.config.lockTimeout,
      after,
      emptied: (tenant) => empty.of(tenant) !== null,
      live: (tenant) => conversions.list.some((one) => one.tenant === tenant && one.live === true),
      taken,
    },
  );
  const indexes = planIndexes(found, after, taken);
  blockers.push(...conversions.blockers, ...foreignKeys.blockers);
  const notes = [...empty.notes, ...conversions.notes, ...foreignKeys.notes];
  if (foreignKeys.changes.some((one) => one.id.startsWith('foreign key '))) {
    notes.push({
      text: 'New foreign keys refuse to delete an organization that still has rows (ON DELETE NO ACTION): what belongs to it is deleted on purpose or not at all. Existing foreign keys keep their own rule.',
    });
  }
  if (blockers.length > 0) return { changes: [], blockers, notes };
  return {
    changes: [...empty.changes, ...conversions.list.flatMap((one) => one.changes), ...foreignKeys.changes, ...indexes],
    blockers,
    notes,
  };
}

function blocked(found: Survey): Blocker[] {
  if (found.organizations === null) {
    return [
      {
        problem: 'There is no organizations table to refer to.',
        remedy: 'Name it with names.organizations in the configuration file.',
      },
    ];
  }
  if (primaryColumn(found.organizations) === null) {
    return [
      {
        problem: `${qualified(found.organizations.schema, found.organizations.name)} has no primary key of one column, so nothing can refer to it.`,
        remedy: 'Give it one.',
      },
    ];
  }
  return [];
}

async function* checks(target: Target): ReturnType<Step<Target>['checks']> {
  const found = await survey(target);
  const { organizations } = found;
  if (organizations === null) return;
  const type = primaryColumn(organizations)?.type ?? 'uuid';
  const tenants = found.tenants.filter((one) => one.table.kind !== 'foreign');
  if (tenants.length === 0) return;
  const list = tenants
    .map((one) => `(${literal(one.sql)}::pg_catalog.regclass, ${literal(one.key.name)}::name)`)
    .join(', ');
  const names = (rows: readonly Record<string, unknown>[]): string =>
    rows.length === 0
      ? '0 rows'
      : `${plural(rows.length, 'row')}: ${rows
          .slice(0, 10)
          .map((row) => String(row.name))
          .join(', ')}`;
  const one = (id: string, title: string, where: string) =>
    catalogCheck(target, {
      id: `1.3/${id}`,
      title,
      expected: '0 rows',
      sql: `with keys(relation, name) as (values ${list})
select k.relation::text as name from keys k join pg_catalog.pg_attribute a on a.attrelid = k.relation and a.attname = k.name
where ${where} order by 1`,
      passes: (rows) => rows.length === 0,
      observed: names,
      advice: 'Apply step 1.3.',
    });
  // A domain over it is compared, joined and referred to as the type itself.
  const same = [type, ...tenants.filter((each) => each.key.base === found.idType).map((each) => each.key.type)];
  yield one(
    'type',
    `Every ${found.to} is ${type}`,
    `a.atttypid <> all (array[${[...new Set(same)].map(literal).join(', ')}]::pg_catalog.regtype[])`,
  );
  yield one(
    'foreign-key',
    `Every ${found.to} has a validated foreign key to ${organizations.name}`,
    `not exists (select from pg_catalog.pg_constraint c where c.conrelid = k.relation and c.contype = 'f' and c.convalidated
  and c.confrelid = ${literal(qualified(organizations.schema, organizations.name))}::pg_catalog.regclass and c.conkey = array[a.attnum])`,
  );
  yield one(
    'index',
    `An index leads with every ${found.to}`,
    `(select c.relkind from pg_catalog.pg_class c where c.oid = k.relation) <> 'p' and not exists (select from pg_catalog.pg_index i where i.indrelid = k.relation and i.indisvalid and i.indpred is null and i.indkey[0] = a.attnum)`,
  );
}
