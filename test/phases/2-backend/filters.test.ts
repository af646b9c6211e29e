import { createClient, type WebSocketLikeConstructor } from '@supabase/supabase-js';
import { describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { Filter } from '../../../phases/1-database/survey/types.ts';
import { filterCalls, unaskedChecks } from '../../../phases/2-backend/filters.ts';
import { readCode } from '../../../phases/code/code.ts';
import { copySample, facts, removeCopy, targetOf } from '../sample.ts';

/** What supabase-js asks the data API when it runs the calls, as the query of the address. */
async function asked(filters: readonly Filter[], quote: string): Promise<string> {
  let address = '';
  const client = createClient('http://127.0.0.1:1', 'key', {
    // Node 20 has none of its own, and the client wants one though nothing here is live.
    realtime: { transport: WebSocket as unknown as WebSocketLikeConstructor },
    global: {
      fetch: async (input) => {
        address = String(input);
        return new Response('[]', { status: 200 });
      },
    },
  });
  const run = new Function('client', `return client.from('m').select('id')${filterCalls(filters, '  ', quote)}`);
  await run(client);
  return decodeURIComponent(new URL(address).search.replace('?select=id&', '')).replaceAll('+', ' ');
}

describe.each(["'", '"'])('with %s as quote', (quote) => {
  test.each<[Filter, string | RegExp]>([
    [{ column: 'removed_at', test: 'null' }, 'removed_at=is.null'],
    [{ column: 'accepted_at', test: 'not null' }, 'accepted_at=not.is.null'],
    [{ column: 'confirmed', test: 'true' }, 'confirmed=is.true'],
    [{ column: 'suspended', test: 'not true' }, 'suspended=not.is.true'],
    [{ column: 'is_active', test: 'not false' }, 'is_active=not.is.false'],
    [{ column: 'ends_at', test: 'null or later' }, /^or=\(ends_at\.is\.null,ends_at\.gt\.\d{4}-\d\d-\d\dT[\d:.]+Z\)$/],
    [{ column: 'status', test: 'in', labels: ['active', 'Active'] }, 'status=in.(active,Active)'],
    [{ column: 'status', test: 'null or in', labels: ['active'] }, 'or=(status.is.null,status.in.(active))'],
    [
      { column: 'status', test: 'null or not in', labels: ['on hold', `o'clock`] },
      `or=(status.is.null,status.not.in.("on hold","o'clock"))`,
    ],
  ])('%j', async (filter, wanted) => {
    const query = await asked([filter], quote);
    if (typeof wanted === 'string') expect(query).toBe(wanted);
    else expect(query).toMatch(wanted);
  });
});

test('what the operator wrote in SQL keeps the step shut until somebody has put it into the query', async () => {
  const root = await copySample();
  try {
    const memberships = facts.memberships && { ...facts.memberships, active: null };
    const checks = unaskedChecks(await readCode(targetOf(root, { memberships })));
    expect(checks).toMatchObject([{ id: '2.1/counts/memberships', verdict: 'skipped', matters: true }]);
    expect(unaskedChecks(await readCode(targetOf(root)))).toEqual([]);
  } finally {
    await removeCopy(root);
  }
});
