import type { CheckResult } from '../../rollout/check.ts';
import type { Api } from './client.ts';
import { markerOf } from './marker.ts';
import { conclude, type Judgement, judgeForeign, notServed, perform, skipped } from './outcome.ts';
import { rowKey } from './rows.ts';
import { type LiveView, otherSide, type Side, sides } from './types.ts';
import { homeOf, type World } from './world.ts';

/** Each user, and a request without a login, looks for the other's rows through a view. */
export async function probeView(world: World, view: LiveView, blocks: Map<string, number>): Promise<CheckResult> {
  const name = `${view.schema}.${view.name}`;
  const began = performance.now();
  const tenant = tenantColumn(world, view);
  const judgements: Judgement[] = [];
  const readers: readonly (readonly [Api, Side | null])[] = [
    ...sides.map((side) => [world.people[side].api, side] as const),
    [world.anon, null],
  ];
  for (const [api, side] of readers) {
    const select = api.schema(view.schema).from(view.name);
    const requests = [];
    if (tenant !== null) {
      const own = side === null ? null : homeOf(world, side);
      const any = select.select(tenant);
      requests.push((own === null ? any.not(tenant, 'is', null) : any.neq(tenant, own)).limit(1));
    }
    const signs = foreignSigns(world, view, side);
    if (signs !== null) requests.push(select.select('*').or(signs).limit(1));
    for (const request of requests) {
      const outcome = await perform(request);
      world.options.signal.throwIfAborted();
      if (notServed(outcome)) return skipped(name, title(name), `The API does not serve it (${outcome.code}).`);
      const judged = judgeForeign(outcome, side === null ? 'row without a login' : 'row of another organization');
      judgements.push(judged);
      if (judged.block !== undefined) blocks.set(judged.block, (blocks.get(judged.block) ?? 0) + 1);
    }
  }
  if (judgements.length === 0) {
    return skipped(name, title(name), 'None of its columns can show whose a row is.');
  }
  return conclude(
    {
      id: `${name}/read`,
      title: title(name),
      expected: 'no rows, or refused',
      advice: "The view reads with its owner's rights: set security_invoker, as step 1.7 does.",
      evidence: `curl -H "apikey: $SUPABASE_ANON_KEY" -H "Authorization: Bearer $TOKEN_A" "$SUPABASE_URL/rest/v1/${view.name}?…"`,
    },
    judgements,
    performance.now() - began,
  );
}

const title = (name: string): string => `${name}: no rows of other organizations through the view`;

const tenantColumn = (world: World, view: LiveView): string | null => {
  const names = new Set(world.options.tables.flatMap((table) => table.tenantColumn ?? []));
  return view.columns.find((column) => names.has(column.name))?.name ?? null;
};

/**
 * A filter that finds the other's rows by what the probe wrote into them: the marker in texts, the ids in uuids. A
 * value never holds a comma or a parenthesis, which the syntax of `or` would need quoted.
 */
function foreignSigns(world: World, view: LiveView, side: Side | null): string | null {
  const others = side === null ? sides : [otherSide(side)];
  const conditions = others.flatMap((other) => {
    const person = world.people[other];
    const ids = new Set<string>([person.id, ...(person.orgId === null ? [] : [person.orgId])]);
    for (const table of world.tables.values()) {
      for (const value of Object.values(world.rows.get(rowKey(other, table))?.key ?? {})) {
        if (typeof value === 'string' && /^[0-9a-f-]{36}$/.test(value)) ids.add(value);
      }
    }
    return view.columns.flatMap(({ name, type }) => {
      if (!/^[a-z_][a-z0-9_]*$/.test(name)) return [];
      if (type === 'uuid') return [`${name}.in.(${[...ids].slice(0, 40).join(',')})`];
      return type === 'text' ? [`${name}.like.*${markerOf(world.nonce, other)}*`] : [];
    });
  });
  return conditions.length === 0 ? null : conditions.join(',');
}
