import type { ClientBase } from 'pg';
import { rolledBack } from '../../src/database/rolled-back.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { finding, type Since } from './changed.ts';

/** What stands in the catalog and weakens row security, whatever came before it. */
export type Standing = {
  readonly kind: string;
  readonly object: string;
  readonly reason: string;
  readonly instruction: string;
  /** The object, as the journal names it, that has to have changed: what stood there at the rollout was seen then. */
  readonly about?: string | null;
};

export async function fromCatalog(client: ClientBase, sql: string, since: Since): Promise<readonly GuardFinding[]> {
  const rows = await rolledBack(client, async () => {
    // Names come out qualified, as the journal has them.
    await client.query(`set local search_path = ''`);
    return (await client.query<Standing>(sql)).rows;
  });
  return standing(rows, since);
}

export function standing(rows: readonly Standing[], since: Since): readonly GuardFinding[] {
  const touched = since.changes === null ? null : new Set(since.changes.map((one) => one.object));
  return rows.map(({ about, ...one }) =>
    finding(since, {
      ...one,
      key: one.reason,
      level: about == null || touched === null || touched.has(about) ? 'error' : 'note',
    }),
  );
}

/**
 * Roles whose rights a request has: those of the API, everyone, and whoever they may become. `label` is how a sentence
 * names them.
 */
export const reached = `
api as materialized (select r.oid, r.rolname::text as name, r.rolsuper from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated')),
reached as materialized (
  select oid, name, name as label from api
  union all select 0::pg_catalog.oid, 'public', 'public'
  union all
  select r.oid, r.rolname::text, r.rolname || ' (which ' || min(api.name) || ' may become)'
  from api join pg_catalog.pg_roles r on r.oid not in (select oid from api) and pg_catalog.pg_has_role(api.oid, r.oid, 'MEMBER') and not api.rolsuper
  group by r.oid, r.rolname)`;
