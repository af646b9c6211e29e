import { decide } from '../../../src/config/answers.ts';
import type { Policy } from '../../../src/database/catalog/types.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import { loadParser } from '../../../src/database/rename/parser.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { plural } from '../../../src/rollout/text.ts';
import type { Target } from '../../target.ts';
import { catalogCheck } from '../catalog-checks.ts';
import type { Survey } from '../survey.ts';
import { rulesOf } from './rules.ts';
import { planTables } from './tables.ts';

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
      : `${plural(rows.length, 'row')}: ${rows
          .slice(0, 10)
          .map((row) => String(row.name))
          .join(', ')}`;
  if (key.length > 0) {
    yield catalogCheck(target, {
      id: '1.7/plan/row-security',
      title: `Row security is on for ${key.map((table) => `${table.schema}.${table.name}`).join(' and ')}`,
      expected: `${plural(key.length, 'row')}, true`,
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
      title:
        tables.length === 1
          ? 'Row security is on for the one table'
          : `Row security is on for all ${tables.length} tables`,
      expected: '0 rows without it',
      sql: `select n.nspname || '.' || c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (${list(tables)}) and not c.relrowsecurity order by 1`,
      passes: (rows) => rows.length === 0,
      observed: names,
      advice: 'Apply step 1.7; a table that was created since needs its policies too.',
    });
  }
  yield await policyCheck(target, found);
  const views = found.catalog.views.filter(
    (view) =>
      view.ours && !view.materialized && !target.config.decisions.acceptView.includes(`${view.schema}.${view.name}`),
  );
  if (views.length > 0) {
    yield catalogCheck(target, {
      id: '1.7/views',
      title: `All ${views.length} views run with the caller's permissions`,
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

/**
 * Permissive policies are joined by OR: one that is neither the rule nor about the caller's own rows opens the table,
 * whatever it asks (a header, a token, the time). It fails until it is accepted by name.
 */
async function policyCheck(target: Target, found: Survey): Promise<CheckResult> {
  const began = performance.now();
  await loadParser();
  const plans = await planTables(found, target.config, [], async () => null, true);
  const asked = plans.flatMap((one) => one.blockers);
  const others = plans
    .flatMap((one) => one.leaving)
    .filter((one) => !asked.some(({ problem }) => problem.includes(told(one))));
  const failed = others.length + asked.length > 0;
  const keep = others.map((one) => `${one.schema}.${one.table}: ${one.name}`);
  const tables = plans.map(({ rule: { table } }) => table);
  return {
    id: '1.7/open-policies',
    title: 'Every policy for API roles is the rule, is about the caller’s own rows, or was kept by name',
    kind: 'catalog',
    verdict: failed ? 'failed' : 'passed',
    expected: '0 other policies',
    observed: failed ? [...asked.map((one) => one.problem), ...others.map(reaching)].join('\n') : '0 other policies',
    evidence: `select * from pg_catalog.pg_policies where (schemaname, tablename) in (${tables
      .map((table) => `(${literal(table.schema)}, ${literal(table.name)})`)
      .join(', ')}) and permissive = 'PERMISSIVE' and roles && array['public', 'anon', 'authenticated']::name[];`,
    ...(failed
      ? {
          advice:
            asked[0]?.remedy ??
            'Drop the policy, or bind it to the caller’s organization: permissive policies are joined by OR, so one is enough to open the table. Where what it lets through is meant, keep it by name with --keep-policy (decisions.keepPolicy).',
          answers: [
            ...asked.flatMap((one) => one.answers ?? []),
            ...keep.map((name) =>
              decide('keepPolicy', [name], 'The policy stays, and what it lets through is accepted by name.'),
            ),
          ],
        }
      : {}),
    milliseconds: performance.now() - began,
  };
}

const told = (policy: Policy): string => `"${policy.name}" of ${policy.schema}.${policy.table}`;

/** What a policy lets through that nothing binds to the caller's organization. */
function reaching(policy: Policy): string {
  const check = policy.check !== null && policy.check !== policy.using ? `, with check ${policy.check}` : '';
  return `Policy ${told(policy)} for ${policy.command} is not bound to the caller's organization: ${policy.using ?? policy.check ?? 'true'}${policy.using === null ? '' : check}`;
}
