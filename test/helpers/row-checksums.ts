import type { ClientBase } from 'pg';

/** One hash per table outside the system's and the journal's schemas, over every row, whatever the order of its columns. */
export async function rowChecksumsOf(client: ClientBase): Promise<Readonly<Record<string, string>>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema$|voxanne_rollout$)' order by 1`,
  );
  if (tables.length === 0) return {};
  const { rows } = await client.query<{ name: string; sum: string }>(
    tables
      .map(
        ({ name }) =>
          `select $q$${name}$q$ as name, count(*) || ' ' || md5(coalesce(string_agg(to_jsonb(t)::text, e'\\n' order by to_jsonb(t)::text), '')) as sum from ${name} t`,
      )
      .join('\nunion all\n'),
  );
  return Object.fromEntries(rows.map((row) => [row.name, row.sum]));
}
