import type { ClientBase } from 'pg';
import { appSchema, notFromExtension } from '../../src/database/catalog/platform.ts';
import { literal } from '../../src/database/quote.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { kindOf, nameOf, type Since } from './changed.ts';
import { fromCatalog, reached } from './standing.ts';

/**
 * Objects that no policy names and that change what one means all the same: a namesake that is found first, an operator
 * or a cast in place of PostgreSQL's own, an aggregate that calls what nobody may call, a function that looks at rows
 * before row security does, and what runs at every change of the schema.
 */
export function fromLookalikes(
  client: ClientBase,
  exposed: readonly string[],
  since: Since,
): Promise<readonly GuardFinding[]> {
  const own = [...since.own].filter((one) => kindOf(one) === 'function' && nameOf(one).startsWith('public.'));
  return fromCatalog(client, lookalikesSql(list(exposed), list(own.map(plainName))), since);
}

/** `my_org_ids` of `function public.my_org_ids()`. */
const plainName = (object: string): string =>
  nameOf(object)
    .replace(/\(.*$/s, '')
    .replace(/^public\./, '')
    .replaceAll('"', '');

const list = (names: readonly string[]): string => `array[${names.map((one) => literal(one)).join(', ')}]::text[]`;

const app = (alias: string): string => `${appSchema(`${alias}.nspname`)}`;
const builtIn = (oid: string): string =>
  `(${oid} = 0 or exists (select from pg_catalog.pg_type t where t.oid = ${oid} and t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace))`;

/** What an event trigger may not do by itself: open what row security or a revoked right had closed. */
const opens = String.raw`'disable\s+row\s+level|no\s+force\s+row|drop\s+policy|bypassrls|owner\s+to|using\s*\(\s*true\s*\)|grant\s+(?:all|truncate|references|trigger|execute)\y[^;]*\yto\s[^;]*\y(?:anon|authenticated|public)\y'`;

const lookalikesSql = (exposed: string, own: string): string => `
with ${reached},
fn as materialized (select p.*, n.nspname, 'function ' || p.oid::pg_catalog.regprocedure::text as entry
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where ${app('n')} and ${notFromExtension('pg_proc', 'p.oid')})
select 'namesake' as kind, n.nspname || '.' as object,
  'The schema ' || n.nspname || ' has the name of a role of the API, and what is in it is found before what is in public wherever a search_path begins with "$user".' as reason,
  pg_catalog.format('Rename it, or drop it: drop schema %I;', n.nspname) as instruction, 'schema ' || n.nspname as about
from pg_catalog.pg_namespace n where n.nspname in ('anon', 'authenticated', 'authenticator', 'service_role')
union all
select 'namesake', fn.oid::pg_catalog.regprocedure::text,
  'Function ' || fn.oid::pg_catalog.regprocedure::text || ' has the name of a function that the rollout made, in another schema that requests use: which of them is called depends on the search_path.',
  'Give it another name, or drop it.', entry
from fn where fn.proname = any (${own}) and fn.nspname <> 'public'
  and exists (select from reached where reached.oid <> 0 and pg_catalog.has_schema_privilege(reached.oid, fn.pronamespace, 'USAGE'))
union all
select 'operator', 'operator ' || n.nspname || '.' || o.oprname,
  'The operator ' || o.oid::pg_catalog.regoperator::text || ' takes the place of PostgreSQL''s own for these types: what is compared is decided by ' || o.oprcode::pg_catalog.oid::pg_catalog.regprocedure::text || '.',
  pg_catalog.format('drop operator %s;', o.oid::pg_catalog.regoperator), 'function ' || o.oprcode::pg_catalog.oid::pg_catalog.regprocedure::text
from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
where ${app('n')} and ${notFromExtension('pg_operator', 'o.oid')} and ${builtIn('o.oprleft')} and ${builtIn('o.oprright')}
  and o.oprname in ('=', '<>', '<', '<=', '>', '>=', '@>', '<@', '&&', '~~', '~~*', '~', '~*', '->', '->>', '?')
union all
select 'cast', 'cast ' || c.castsource::pg_catalog.regtype || ' as ' || c.casttarget::pg_catalog.regtype,
  'A cast of ' || c.castsource::pg_catalog.regtype || ' as ' || c.casttarget::pg_catalog.regtype || ' calls ' || fn.oid::pg_catalog.regprocedure::text || ' wherever PostgreSQL needs one: what is compared is decided there.',
  pg_catalog.format('drop cast (%s as %s);', c.castsource::pg_catalog.regtype, c.casttarget::pg_catalog.regtype), entry
from pg_catalog.pg_cast c join fn on fn.oid = c.castfunc
where c.castcontext <> 'e' and ${builtIn('c.castsource')} and ${builtIn('c.casttarget')}
union all
select 'aggregate', fn.oid::pg_catalog.regprocedure::text,
  'The aggregate ' || fn.oid::pg_catalog.regprocedure::text || ', which the role ' || min(reached.label) || ' may call, calls ' || p.oid::pg_catalog.regprocedure::text ||
    ' with its owner''s permissions, and nobody asks there whether the caller may.',
  pg_catalog.format('revoke execute on function %s from public, anon, authenticated;', fn.oid::pg_catalog.regprocedure), min(entry)
from fn join pg_catalog.pg_aggregate a on a.aggfnoid = fn.oid
join pg_catalog.pg_proc p on p.oid in (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn) and p.prosecdef
cross join lateral pg_catalog.aclexplode(coalesce(fn.proacl, pg_catalog.acldefault('f', fn.proowner))) g join reached on reached.oid = g.grantee
group by fn.oid, p.oid
union all
select 'leakproof', fn.oid::pg_catalog.regprocedure::text,
  'Function ' || fn.oid::pg_catalog.regprocedure::text || ' says of itself that it tells nobody what it is given, so that PostgreSQL calls it with rows that row security hides.',
  pg_catalog.format('alter function %s not leakproof;', fn.oid::pg_catalog.regprocedure), entry
from fn where fn.proleakproof
union all
select 'function-setting', fn.oid::pg_catalog.regprocedure::text,
  'Function ' || fn.oid::pg_catalog.regprocedure::text || ' runs with ' || s || ': ' || case when s like 'request.%' then 'it answers for whoever that names.' when s like 'role=%' then 'it acts as that role.' else 'no trigger and no foreign key guards what it writes.' end,
  pg_catalog.format('alter %s %s reset %s;', case fn.prokind when 'p' then 'procedure' else 'function' end, fn.oid::pg_catalog.regprocedure, pg_catalog.split_part(s, '=', 1)), entry
from fn, unnest(fn.proconfig) s where s ~ '^(?:request\\.|role=|session_replication_role=(?!origin))'
union all
select 'event-trigger', 'event trigger ' || e.evtname,
  'The event trigger ' || e.evtname || ' calls ' || fn.oid::pg_catalog.regprocedure::text || ' at every change of the schema, which opens what was closed: it turns row security off, grants, or writes policies.',
  pg_catalog.format('Look at the function; then drop event trigger %I;', e.evtname), null
from pg_catalog.pg_event_trigger e join fn on fn.oid = e.evtfoid
where e.evtenabled <> 'D' and pg_catalog.regexp_replace(fn.prosrc, '--[^\\n]*', ' ', 'g') ~* ${opens}
union all
select 'extension', 'extension ' || e.extname,
  'The extension ' || e.extname || ' is in the schema ' || n.nspname || ', which the API serves: whoever may call its functions reaches other databases from this server.',
  pg_catalog.format('alter extension %I set schema extensions; and revoke EXECUTE on its functions from public.', e.extname), null
from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'dblink' and n.nspname = any (${exposed})`;
