import type { ClientBase } from 'pg';
import { appSchema } from '../../../src/database/catalog/platform.ts';
import type { Note } from '../../../src/rollout/step.ts';

/**
 * Event triggers of the app's own: each runs with every statement of this rollout that they listen to, may write rows
 * of its own, and may refuse the statement.
 */
export async function eventTriggerNotes(client: ClientBase): Promise<readonly Note[]> {
  const { rows } = await client.query<{ name: string; event: string; tags: string[]; routine: string; body: string }>(
    `select e.evtname as name, e.evtevent as event, coalesce(e.evttags, '{}') as tags, p.oid::pg_catalog.regprocedure::text as routine, p.prosrc as body
     from pg_catalog.pg_event_trigger e join pg_catalog.pg_proc p on p.oid = e.evtfoid join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where e.evtenabled <> 'D' and ${appSchema('n.nspname')} order by e.evtname`,
  );
  if (rows.length === 0) return [];
  const does = (body: string): string => {
    const writes = /\b(insert\s+into|update|delete\s+from)\b/i.test(body) ? ['writes rows'] : [];
    const raises = /\braise\s+exception\b/i.test(body) ? ['may refuse a statement'] : [];
    const what = [...writes, ...raises].join(' and ');
    return what === '' ? '' : `, ${what}`;
  };
  return [
    {
      text: `${rows.length === 1 ? 'One event trigger' : `${rows.length} event triggers`} of the app will run with the statements of this rollout: ${rows.map((row) => row.name).join(', ')}. What they write is theirs and stays; what they refuse is not done.`,
      detail: rows
        .map(
          (row) =>
            `${row.name} on ${row.event}${row.tags.length === 0 ? '' : ` (${row.tags.join(', ')})`}: ${row.routine}${does(row.body)}`,
        )
        .join('\n'),
    },
  ];
}
