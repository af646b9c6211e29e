import type { TestTarget } from './target.ts';

/**
 * What step 1.2 leaves behind, in plain SQL: one name for the key and functions that know it. For tests of later steps,
 * which must not fail because of an earlier one.
 */
export async function renamedKeys(at: TestTarget): Promise<void> {
  await at.sql(`
do $do$
declare
  f record;
begin
  if exists (select from information_schema.columns where table_schema = 'public' and table_name = 'agents' and column_name = 'organization_id') then
    update public.agents set org_id = organization_id where org_id is null;
    alter table public.agents rename organization_id to organization_id_before;
  end if;
  for f in
    select table_name, column_name from information_schema.columns
    where table_schema = 'public' and column_name in ('organization_id', 'tenant_id')
      and table_name in (select relname from pg_class where relkind in ('r', 'p') and not relispartition)
  loop
    execute format('alter table public.%I rename %I to org_id', f.table_name, f.column_name);
  end loop;
  for f in
    select pg_get_functiondef(p.oid) as ddl from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prosrc ~ '(organization|tenant)_id'
  loop
    execute regexp_replace(f.ddl, '\\y(organization|tenant)_id\\y', 'org_id', 'g');
  end loop;
end $do$`);
}
