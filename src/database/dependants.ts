import type { ClientBase } from 'pg';
import type { Dependant } from '../rollout/executor.ts';
import { withoutComments } from './catalog/calls.ts';
import { mentions } from './words.ts';

/** An object as the fingerprint names it, taken apart. */
type Taken = { readonly kind: string; readonly name: string; readonly owner: string };

/**
 * Which of these objects, that others made or changed, speak of what a rollback takes away. Functions are judged by
 * their text, where PostgreSQL keeps no record of what they use: they fail when they are called next. What it does keep
 * a record of (a policy, a view, a default) it protects, so that the rollback itself would stop half-way.
 *
 * `taken` and `others` are names of the fingerprint; `renamed`: tables of which a column is there again under its old name.
 */
export async function dependants(
  client: ClientBase,
  taken: readonly string[],
  others: readonly string[],
  renamed: ReadonlySet<string>,
): Promise<readonly Dependant[]> {
  const gone = taken.flatMap(takenOf);
  if (gone.length === 0 || others.length === 0) return [];
  const { rows } = await client.query<{ object: string; text: string; tracked: boolean }>(definitionsSql, [others]);
  return rows.flatMap(({ object, text, tracked }) => {
    const code = withoutComments(text);
    const used = gone.filter((one) => {
      if (!mentions(code, one.name)) return false;
      if (one.kind !== 'column') return true;
      // A policy or a view follows a column that gets another name; a text does not.
      return mentions(code, one.owner) || (tracked && object.includes(`.${one.owner}.`))
        ? !(tracked && renamed.has(one.owner))
        : false;
    });
    return used.length === 0
      ? []
      : [{ object, uses: [...new Set(used.map((one) => `${one.kind} ${one.name}`))], blocks: tracked }];
  });
}

function takenOf(object: string): readonly Taken[] {
  const [, kind, rest] = /^(materialized view|\w+) (.*)$/s.exec(object) ?? [];
  if (kind === undefined || rest === undefined) return [];
  if (kind === 'function') {
    const name = /([^.]+)\([^(]*\)$/s.exec(rest)?.[1]?.replace(/^"|"$/g, '');
    return name === undefined ? [] : [{ kind, name, owner: '' }];
  }
  const parts = rest.split('.');
  const name = parts.at(-1) ?? '';
  if (kind === 'column') return [{ kind, name, owner: parts.at(-2) ?? '' }];
  return ['table', 'view', 'materialized view', 'sequence', 'type'].includes(kind) ? [{ kind, name, owner: '' }] : [];
}

const definitionsSql = `
with found as (
  select 'function ' || p.oid::pg_catalog.regprocedure::text as object, pg_catalog.pg_get_functiondef(p.oid) as text, p.prosqlbody is not null as tracked
  from pg_catalog.pg_proc p where p.prokind in ('f', 'p') and p.oid >= 16384
  union all
  select 'policy ' || n.nspname || '.' || c.relname || '.' || o.polname,
    concat_ws(' ', pg_catalog.pg_get_expr(o.polqual, o.polrelid), pg_catalog.pg_get_expr(o.polwithcheck, o.polrelid)), true
  from pg_catalog.pg_policy o join pg_catalog.pg_class c on c.oid = o.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  union all
  select case c.relkind when 'm' then 'materialized view ' else 'view ' end || n.nspname || '.' || c.relname, pg_catalog.pg_get_viewdef(c.oid), true
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v', 'm') and c.oid >= 16384
  union all
  select 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid), true
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal
  union all
  select 'column ' || n.nspname || '.' || c.relname || '.' || a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), true
  from pg_catalog.pg_attrdef d join pg_catalog.pg_class c on c.oid = d.adrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  union all
  select 'constraint ' || n.nspname || '.' || c.relname || '.' || k.conname, pg_catalog.pg_get_constraintdef(k.oid), true
  from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where k.contype = 'c')
select object, text, tracked from found where object = any ($1::text[]) order by object`;
