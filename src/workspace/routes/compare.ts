import type { Front, Route } from './express.ts';

/** A route that stands behind something else than before. */
export type Moved = {
  readonly route: Route;
  /** In front of it now and not before. */
  readonly added: readonly Front[];
  /** In front of it before and not now. */
  readonly gone: readonly Front[];
};

/** Routes that are there before and after, with what came in front of them or went. */
export function movedRoutes(before: readonly Route[], after: readonly Route[]): readonly Moved[] {
  const known = grouped(before);
  return [...grouped(after)].flatMap(([key, routes]) => {
    const old = known.get(key) ?? [];
    return routes.flatMap((route, at) => {
      const was = old[at];
      if (was === undefined) return [];
      const added = without(route.fronts, was.fronts);
      const gone = without(was.fronts, route.fronts);
      return added.length + gone.length === 0 ? [] : [{ route, added, gone }];
    });
  });
}

/** The same method and path may be registered more than once; they are told apart by their order. */
function grouped(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const groups = new Map<string, Route[]>();
  for (const route of routes) {
    const key = `${route.method} ${route.path} ${route.file}`;
    groups.set(key, [...(groups.get(key) ?? []), route]);
  }
  return groups;
}

function without(all: readonly Front[], others: readonly Front[]): readonly Front[] {
  const left = others.map(({ name }) => name);
  return all.filter(({ name }) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
