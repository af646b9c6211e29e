import type { ClientBase } from 'pg';

/** Which buckets there are, and whether anybody reads their files by address; null without storage. */
export async function bucketsOf(
  client: ClientBase,
): Promise<readonly { readonly id: string; readonly public: boolean }[] | null> {
  const { rows } = await client.query<{ there: boolean }>(
    `select count(*) = 2 as there from pg_catalog.pg_attribute a where a.attrelid = pg_catalog.to_regclass('storage.buckets')
       and a.attname in ('id', 'public') and not a.attisdropped`,
  );
  if (rows[0]?.there !== true) return null;
  return (
    await client.query<{ id: string; public: boolean }>(
      'select b.id::text as id, coalesce(b.public, false) as public from storage.buckets b order by b.id',
    )
  ).rows;
}
