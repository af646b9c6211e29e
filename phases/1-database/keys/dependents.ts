import type { ClientBase } from 'pg';
import type { Policy, Trigger } from '../../../src/database/catalog/types.ts';
import { firesSql, identifier, literal, qualified } from '../../../src/database/quote.ts';
import { loadParser, parseSql } from '../../../src/database/rename/parser.ts';
import { child, names, string } from '../../../src/database/rename/tree.ts';
import { nodes } from '../isolation/expression.ts';
import { policySql } from '../isolation/policy-changes.ts';
import type { Survey, TenantTable } from '../survey.ts';

/** What stands on a column and would stop a change of its type, as statements that take it away and bring it back. */
export type Dependents = {
  /** Takes everything away, in order. */
  readonly drop: readonly string[];
  /** Brings it back over the new type; what compared texts goes on comparing texts. */
  readonly again: readonly string[];
  /** Brings it back exactly as it was. */
  readonly restore: readonly string[];
  /** What cannot be taken away and brought back, in words. */
  readonly obstacles: readonly string[];
};

type Row = { readonly kind: string; readonly oid: number; readonly name: string; readonly definition: string | null };

const dependentsSql = (tenant: TenantTable): string => `
  select case d.classid
      when 'pg_catalog.pg_policy'::pg_catalog.regclass then 'policy'
      when 'pg_catalog.pg_trigger'::pg_catalog.regclass then 'trigger'
      when 'pg_catalog.pg_rewrite'::pg_catalog.regclass then 'rule'
      when 'pg_catalog.pg_attrdef'::pg_catalog.regclass then 'generated column'
      when 'pg_catalog.pg_proc'::pg_catalog.regclass then 'function'
      when 'pg_catalog.pg_constraint'::pg_catalog.regclass then 'constraint'
      when 'pg_catalog.pg_publication_rel'::pg_catalog.regclass then 'publication'
      else d.classid::pg_catalog.regclass::text end as kind,
    d.objid::int8::float8 as oid,
    pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as name,
    case d.classid when 'pg_catalog.pg_trigger'::pg_catalog.regclass then pg_catalog.pg_get_triggerdef(d.objid)
      when 'pg_catalog.pg_constraint'::pg_catalog.regclass then pg_catalog.pg_get_constraintdef(d.objid) end as definition
  from pg_catalog.pg_depend d
  where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjid = any (select relid from pg_catalog.pg_partition_tree(${literal(tenant.sql)}::pg_catalog.regclass)
      union select ${literal(tenant.sql)}::pg_catalog.regclass)
    and d.refobjsubid = ${tenant.key.number}
    and d.classid <> 'pg_catalog.pg_class'::pg_catalog.regclass
    and not (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and exists (select from pg_catalog.pg_attrdef f
      where f.oid = d.objid and f.adrelid = d.refobjid and f.adnum = d.refobjsubid))
  order by 1, 3`;

/** Reads what depends on the key column of a table. Must run in a transaction with an empty search_path. */
export async function dependentsOf(client: ClientBase, survey: Survey, tenant: TenantTable): Promise<Dependents> {
  const { rows } = await client.query<Row>(dependentsSql(tenant));
  const drop: string[] = [];
  const again: string[] = [];
  const restore: string[] = [];
  const obstacles: string[] = [];
  const seen = new Set<string>();
  for (const row of rows) {
    if (seen.has(`${row.kind} ${row.oid}`)) continue;
    seen.add(`${row.kind} ${row.oid}`);
    if (row.kind === 'constraint') {
      // Keys and foreign keys to a uuid follow by themselves; a CHECK was written for text.
      if (row.definition?.startsWith('CHECK') === true && !/^CHECK \(\(?\w+ IS NOT NULL\)?\)/.test(row.definition)) {
        obstacles.push(`${row.name}: ${row.definition}`);
      }
    } else if (row.kind === 'trigger') {
      const { name, table, fires } = await triggerOf(client, row.oid);
      drop.push(`drop trigger ${identifier(name)} on ${table};`);
      const state = firesSql(table, name, fires);
      const definition = [row.definition ?? '', ...(state === '' ? [] : [state])].map((sql) => `${sql};`);
      again.push(...definition);
      restore.push(...definition);
    } else if (row.kind === 'generated column' || row.kind === 'function' || row.kind === 'publication') {
      obstacles.push(row.name);
    } else if (row.kind !== 'policy' && row.kind !== 'rule') {
      obstacles.push(row.name);
    }
  }
  const policies = await policiesOf(
    client,
    survey,
    rows.filter((row) => row.kind === 'policy').map((row) => row.oid),
  );
  for (const policy of policies) {
    drop.push(`drop policy ${identifier(policy.name)} on ${qualified(policy.schema, policy.table)};`);
    again.push(policySql(await castPolicy(policy, tenant)));
    restore.push(policySql(policy));
  }
  const views = await viewsOf(
    client,
    rows.filter((row) => row.kind === 'rule').map((row) => row.oid),
  );
  obstacles.push(...views.obstacles);
  return {
    drop: [...views.drop, ...drop],
    again: [...again, ...views.create],
    restore: [...restore, ...views.create],
    obstacles,
  };
}

async function triggerOf(client: ClientBase, oid: number): Promise<Pick<Trigger, 'name' | 'table' | 'fires'>> {
  const { rows } = await client.query<Pick<Trigger, 'name' | 'table' | 'fires'>>(
    `select t.tgname as name, t.tgrelid::pg_catalog.regclass::text as table, t.tgenabled::text as fires
     from pg_catalog.pg_trigger t where t.oid = ${oid}`,
  );
  return rows[0] ?? { name: '', table: '', fires: 'O' };
}

async function policiesOf(client: ClientBase, survey: Survey, oids: readonly number[]): Promise<readonly Policy[]> {
  if (oids.length === 0) return [];
  const { rows } = await client.query<{ schema: string; table: string; name: string }>(
    `select n.nspname as schema, c.relname as table, p.polname as name from pg_catalog.pg_policy p
     join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where p.oid = any (array[${oids.join(', ')}]::pg_catalog.oid[]) order by 1, 2, 3`,
  );
  return rows.flatMap(
    (row) =>
      survey.catalog.policies.find(
        (one) => one.schema === row.schema && one.table === row.table && one.name === row.name,
      ) ?? [],
  );
}

/** The policy with the converted column read as text, wherever it stands: its other side was text as well. */
async function castPolicy(policy: Policy, tenant: TenantTable): Promise<Policy> {
  const cast = async (expression: string | null): Promise<string | null> =>
    expression === null ? null : castColumn(expression, policy, tenant);
  return { ...policy, using: await cast(policy.using), check: await cast(policy.check) };
}

export async function castColumn(
  expression: string,
  guarded: { readonly schema: string; readonly table: string },
  tenant: TenantTable,
): Promise<string> {
  const lead = 'select ';
  await loadParser();
  const root = child(parseSql(lead + expression)[0] ?? {}, 'stmt') ?? {};
  const own = guarded.schema === tenant.table.schema && guarded.table === tenant.table.name;
  // PostgreSQL prints columns inside a subquery with their table or its alias, and the guarded row's without.
  const aliases = new Set(own ? [tenant.table.name] : []);
  for (const range of nodes(root, 'RangeVar')) {
    if (
      string(range, 'relname') !== tenant.table.name ||
      (string(range, 'schemaname') ?? 'public') !== tenant.table.schema
    )
      continue;
    aliases.add(string(child(range, 'alias') ?? {}, 'aliasname') ?? tenant.table.name);
  }
  const bytes = Buffer.from(expression);
  const places: number[] = [];
  for (const reference of nodes(root, 'ColumnRef')) {
    const path = names(reference, 'fields');
    if (path.at(-1) !== tenant.key.name) continue;
    const owner = path.at(-2);
    if (owner === undefined ? own : owner !== null && aliases.has(owner)) {
      places.push((typeof reference.location === 'number' ? reference.location : 0) - Buffer.byteLength(lead));
    }
  }
  let result = expression;
  for (const place of places.sort((a, b) => b - a)) {
    const start = bytes.subarray(0, place).toString().length;
    const end =
      start + (/^(?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))*/.exec(result.slice(start))?.[0].length ?? 0);
    result = `${result.slice(0, start)}(${result.slice(start, end)})::text${result.slice(end)}`;
  }
  return result;
}

type ViewRow = {
  readonly name: string;
  readonly materialized: boolean;
  readonly ours: boolean;
  readonly definition: string;
  readonly options: readonly string[] | null;
  readonly owner: string;
  readonly comment: string | null;
  readonly columns: readonly { readonly name: string; readonly comment: string }[];
  readonly grants: readonly { readonly role: string; readonly privilege: string; readonly grantable: boolean }[];
  readonly triggers: readonly string[];
  readonly indexes: readonly string[];
  readonly populated: boolean;
  readonly depth: number;
};

/** Views over the column, and the views over those: dropped from the top, made again from the bottom. */
async function viewsOf(
  client: ClientBase,
  rules: readonly number[],
): Promise<{ drop: readonly string[]; create: readonly string[]; obstacles: readonly string[] }> {
  if (rules.length === 0) return { drop: [], create: [], obstacles: [] };
  const { rows } = await client.query<ViewRow>(`
    with recursive above as (
      select w.ev_class as oid, 0 as depth from pg_catalog.pg_rewrite w where w.oid = any (array[${rules.join(', ')}]::pg_catalog.oid[])
      union
      select w.ev_class, above.depth + 1 from above
      join pg_catalog.pg_depend d on d.refobjid = above.oid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      join pg_catalog.pg_rewrite w on w.oid = d.objid and w.ev_class <> above.oid
    ), deepest as (select oid, max(depth) as depth from above group by oid)
    select c.oid::pg_catalog.regclass::text as name, c.relkind = 'm' as materialized, pg_catalog.pg_has_role(c.relowner, 'USAGE') as ours,
      rtrim(pg_catalog.pg_get_viewdef(c.oid), '; ') as definition, c.reloptions as options, pg_catalog.pg_get_userbyid(c.relowner) as owner,
      pg_catalog.obj_description(c.oid, 'pg_class') as comment,
      coalesce((select jsonb_agg(jsonb_build_object('name', a.attname, 'comment', pg_catalog.col_description(c.oid, a.attnum)) order by a.attnum)
        from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and pg_catalog.col_description(c.oid, a.attnum) is not null), '[]') as columns,
      coalesce((select jsonb_agg(jsonb_build_object('role', case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee) end,
          'privilege', g.privilege_type, 'grantable', g.is_grantable)) from pg_catalog.aclexplode(c.relacl) g where g.grantee <> c.relowner), '[]') as grants,
      coalesce((select array_agg(pg_catalog.pg_get_triggerdef(t.oid) order by t.tgname) from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal), '{}') as triggers,
      coalesce((select array_agg(pg_catalog.pg_get_indexdef(i.indexrelid) order by i.indexrelid) from pg_catalog.pg_index i where i.indrelid = c.oid), '{}') as indexes,
      c.relispopulated as populated, deepest.depth
    from deepest join pg_catalog.pg_class c on c.oid = deepest.oid order by deepest.depth, 1`);
  return {
    drop: rows.toReversed().map((row) => `drop ${row.materialized ? 'materialized ' : ''}view ${row.name};`),
    create: rows.flatMap(viewSql),
    obstacles: rows
      .filter((row) => !row.ours || !['v', 'm'].includes(row.materialized ? 'm' : 'v'))
      .map((row) => `view ${row.name}, which belongs to another role`),
  };
}

function viewSql(row: ViewRow): readonly string[] {
  const kind = row.materialized ? 'materialized view' : 'view';
  const options = row.options === null || row.options.length === 0 ? '' : ` with (${row.options.join(', ')})`;
  return [
    `create ${kind} ${row.name}${options} as ${row.definition}${row.materialized && !row.populated ? ' with no data' : ''};`,
    `alter ${kind} ${row.name} owner to ${identifier(row.owner)};`,
    // Default privileges may have given more than the view had.
    `revoke all on table ${row.name} from public, anon, authenticated, service_role;`,
    ...row.grants.map(
      ({ role, privilege, grantable }) =>
        `grant ${privilege.toLowerCase()} on table ${row.name} to ${role === 'public' ? 'public' : identifier(role)}${grantable ? ' with grant option' : ''};`,
    ),
    ...(row.comment === null ? [] : [`comment on ${kind} ${row.name} is ${literal(row.comment)};`]),
    ...row.columns.map(
      (column) => `comment on column ${row.name}.${identifier(column.name)} is ${literal(column.comment)};`,
    ),
    ...row.triggers.map((one) => `${one};`),
    ...row.indexes.map((one) => `${one};`),
  ];
}
