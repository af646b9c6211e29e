import type { ClientBase } from 'pg';
import { RolloutError } from '../rollout/errors.ts';
import type { Head } from '../rollout/journal.ts';

/** The journal is not what this program wrote: whatever is undone from it could destroy data. */
export const edited = (detail: string): RolloutError =>
  new RolloutError(
    'The journal in schema voxanne_rollout was changed outside this tool.',
    'Restore the schema from a backup; replaying a changed journal could destroy data, so nothing was done.',
    { detail },
  );

/**
 * Every state that a row of the journal enters adds a link: the hash of the link before it, the row, its state and its
 * checksum. A state that was set by hand has no link, and a link that was written by hand does not continue the chain.
 *
 * The statement takes the rows that were inserted or updated from a CTE named `moved`, so that row and link are written
 * by one statement.
 */
export const linkMoved = `insert into voxanne_rollout.links (entry, state, hash)
select m.id, m.state, ${hashOf(
  `coalesce((select l.hash from voxanne_rollout.links l order by l.n desc limit 1), '')`,
  'm.id',
  'm.state',
  'm.checksum',
)} from moved m`;

function hashOf(before: string, entry: string, state: string, checksum: string): string {
  const text = `${before} || '|' || ${entry}::text || '|' || ${state} || '|' || ${checksum}`;
  return `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${text}, 'UTF8')), 'hex')`;
}

/** @throws {RolloutError} when a row, a state or a link is not what was written. */
export async function checkChain(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ what: string }>(`
    with links as (
      select l.n, l.entry, l.state, l.hash, e.id is null as gone,
        ${hashOf(`coalesce(lag(l.hash) over (order by l.n), '')`, 'l.entry', 'l.state', `coalesce(e.checksum, '')`)} as wanted,
        row_number() over (partition by l.entry order by l.n desc) as nth
      from voxanne_rollout.links l left join voxanne_rollout.entries e on e.id = l.entry
    )
    select what from (
      select 1 as rank, 'link ' || n || case when gone then ' names a row that is gone' else ' does not continue the chain' end as what
        from links where gone or hash <> wanted
      union all
      select 2, 'row ' || e.seq || ', step ' || e.step || ', is ' || e.state || ', and the chain says ' || coalesce(l.state, 'nothing of it')
        from voxanne_rollout.entries e left join links l on l.entry = e.id and l.nth = 1
        where l.state is distinct from e.state
    ) found order by rank, what limit 5`);
  if (rows.length > 0) throw edited(rows.map((row) => row.what).join('\n'));
}

export async function headOf(client: ClientBase): Promise<Head | null> {
  const { rows } = await client.query<Head>(
    `select m.id::text as journal, l.n::float8 as links, l.hash
     from voxanne_rollout.meta m, lateral (select n, hash from voxanne_rollout.links order by n desc limit 1) l limit 1`,
  );
  return rows[0] ?? null;
}

/** Whether the journal that is there now continues the one that was seen: it has that link, with that hash. */
export async function continues(client: ClientBase, seen: Head): Promise<boolean> {
  const { rows } = await client.query<{ same: boolean }>(
    `select exists (select from voxanne_rollout.links l, voxanne_rollout.meta m
       where m.id::text = $1 and l.n = $2 and l.hash = $3) as same`,
    [seen.journal, seen.links, seen.hash],
  );
  return rows[0]?.same === true;
}

/**
 * Functions that only this tool makes: with one of them there, something of a rollout is in force. Names that an app may
 * well have of its own (`current_org_id`) say nothing.
 */
const own = [
  'public.keep_org_id()',
  'public.follow_org_id()',
  'public.guard_profile_keys()',
  'public.keep_last_owner()',
];

/** Which of the tool's own functions the database has. */
export async function ownObjects(client: ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select u.name from unnest($1::text[]) u(name) where pg_catalog.to_regprocedure(u.name) is not null`,
    [own],
  );
  return rows.map((row) => row.name);
}
