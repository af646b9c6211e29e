import type { Note } from '../../rollout/step.ts';
import type { Catalog } from '../catalog/types.ts';
import { identifier, qualified } from '../quote.ts';
import { changed } from './scope.ts';
import type { World } from './world.ts';

/** Schemas whose trigger functions send the whole row to somebody: database webhooks, queues, broadcasts. */
const senders = /^"?(supabase_functions|net|realtime|pgmq)"?\./;

/**
 * Rows of renamed tables that leave the database as JSON by the hand of the platform: the key changes for whoever
 * receives them, and no code of the app shows it.
 */
export function payloadNotes(world: World, catalog: Catalog): readonly Note[] {
  const keys = (schema: string, table: string): string | null => {
    const moving = world.relation(schema, table, [])?.shape.columns.filter(changed) ?? [];
    return moving.length === 0 ? null : moving.map((one) => `${one.before} becomes ${one.after}`).join(', ');
  };
  const notes: Note[] = [];
  for (const one of catalog.triggers) {
    const change = senders.test(one.function) ? keys(one.schema, one.table) : null;
    if (change === null) continue;
    const to = one.arguments[0]?.startsWith('http') === true ? ` to ${withoutQuery(one.arguments[0])}` : '';
    notes.push({
      text: `Webhook ${identifier(one.name)} sends whole rows of ${qualified(one.schema, one.table)}${to}: in its payload the key ${change}. Whoever receives it must be ready for that first.`,
    });
  }
  const sent = catalog.publications.flatMap((one) => {
    const change = keys(one.schema, one.table);
    return change === null ? [] : [`${one.publication}: ${qualified(one.schema, one.table)}, ${change}`];
  });
  if (sent.length > 0)
    notes.push({
      text: `Publications send rows of ${sent.length === 1 ? 'a renamed table' : `${sent.length} renamed tables`}: in the payload of Realtime, and for other subscribers, the key changes with the column.`,
      detail: sent.join('\n'),
    });
  return notes;
}

/** A key may stand in the query of a URL, or in its user part. */
const withoutQuery = (url: string): string => url.replace(/\?.*$/s, '').replace(/\/\/[^/@]*@/, '//');
