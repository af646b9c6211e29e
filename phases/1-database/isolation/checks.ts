import { identifier, literal } from '../../../src/database/quote.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import type { Target } from '../../target.ts';
import { catalogCheck } from '../checks.ts';
import type { Survey } from '../survey.ts';
import { rulesOf } from './rules.ts';

/** What the catalog alone can prove: functions, row security on every table, no view with its owner's rights. */
export async function* checkCatalog(target: Target, found: Survey): AsyncIterable<CheckResult> {
  const type = found.idType;
  yield catalogCheck(target, {
    id: '1.7/current-org-id',
    title: 'public.current_org_id() says whose rows a caller may see',
    expected: `1 row: ${type}, stable, empty search_path, executable by authenticated alone`,
    sql: `select pg_catalog.format_type(p.prorettype, null) as type, p.provolatile = 's' as stable, p.proconfig as settings,
  (select string_agg(pg_catalog.pg_get_userbyid(g.grantee), ', ') from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) g
    where g.grantee <> p.proowner) as callers
from pg_catalog.pg_proc p where p.oid = pg_catalog.to_regprocedure('public.current_org_id()')`,
    passes: ([row, ...more]) =>
      row !== undefined &&
      more.length === 0 &&
      row.type === type &&
      row.stable === true &&
      /search_path=/.test(String(row.settings)) &&
      row.callers === 'authenticated',
    observed: ([row]) =>
      row === undefined
        ? 'no such function'
        : `${row.type}, ${row.stable === true ? 'stable' : 'not stable'}, ${row.settings}, executable by ${row.callers}`,
    advice: 'Apply step 1.7.',
  });
  const tables = rulesOf(found).map((rule) => rule.table);
  const key = [found.profiles, found.organizations].filter((table) => table !== null);
  const list = (some: readonly { readonly schema: string; readonly name: string }[]): string =>
    some.map((table) => `(${literal(table.schema)}, ${literal(table.name)})`).join(', ');
  const names = (rows: readonly Record<string, unknown>[]): string =>
    rows.length === 0
      ? '0 rows'
      : `${rows.length} rows: ${rows
          .slice(0, 10)
          .map((row) => String(row.name))
          .join(', ')}`;
  if (key.length > 0) {
    yield catalogCheck(target, {
      id: '1.7/plan/row-security',
      title: `Row security is on for ${key.map((table) => table.name).join(' and ')}`,
      expected: `${key.length} rows, true`,
      sql: `select c.relname as name, c.relrowsecurity as "rowSecurity" from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (${list(key)}) order by 1`,
      passes: (rows) => rows.length === key.length && rows.every((row) => row.rowSecurity === true),
      observed: (rows) => rows.map((row) => `${row.name}: ${row.rowSecurity}`).join(', '),
      advice: 'Apply step 1.7.',
    });
  }
  if (tables.length > 0) {
    yield catalogCheck(target, {
      id: '1.7/row-security',
      title: `Row security is on for all ${tables.length} tables`,
      expected: '0 rows without it',
      sql: `select n.nspname || '.' || c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (${list(tables)}) and not c.relrowsecurity order by 1`,
      passes: (rows) => rows.length === 0,
      observed: names,
      advice: 'Apply step 1.7; a table that was made since needs its policies too.',
    });
    const guarded = rulesOf(found)
      .filter((rule) => rule.kind !== 'lookup' && rule.kind !== 'log')
      .map((rule) => rule.table);
    if (guarded.length > 0)
      yield catalogCheck(target, {
        id: '1.7/open-policies',
        title: 'No policy lets API roles pass for every row, or believes user_metadata',
        expected: '0 rows',
        sql: `select p.schemaname || '.' || p.tablename || ' ' || pg_catalog.quote_ident(p.policyname) as name from pg_catalog.pg_policies p
where (p.schemaname, p.tablename) in (${list(guarded)}) and p.permissive = 'PERMISSIVE' and p.roles && array['public', 'anon', 'authenticated']::name[]
  and (p.qual = 'true' or p.with_check = 'true' or p.qual ~ 'user_meta_?data' or p.with_check ~ 'user_meta_?data') order by 1`,
        passes: (rows) => rows.length === 0,
        observed: names,
        advice: 'Drop the policy: permissive policies are joined by OR, so that one is enough to open the table.',
      });
  }
  const views = found.catalog.views.filter((view) => view.ours && !view.materialized);
  if (views.length > 0) {
    yield catalogCheck(target, {
      id: '1.7/views',
      title: `All ${views.length} views ask with the caller's rights`,
      expected: '0 rows without security_invoker',
      sql: `select n.nspname || '.' || c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (${list(views)}) and not exists (select from pg_catalog.pg_options_to_table(c.reloptions) o
  where o.option_name = 'security_invoker' and lower(o.option_value) in ('true', 'on', 'yes', '1')) order by 1`,
      passes: (rows) => rows.length === 0,
      observed: names,
      advice: `alter view ${identifier(views[0]?.name ?? 'v')} set (security_invoker = true);`,
    });
  }
}
