import type { World } from './across-files.ts';
import type { Sought } from './call-targets.ts';

/** Functions by the file that has them. */
export type Wanted = ReadonlyMap<string, ReadonlySet<string>>;

/** More functions than a value passes through on its way to a query, and one that is only asked whether it checks. */
const maxRounds = 6;
/** More modules than a name passes through on its way. */
const maxHops = 4;

/**
 * Looks for calls of some functions in the files that can know them, then for calls of the functions that these stand in,
 * and so on. Few files of an app hand anything to a function that decides a tenant; to follow the calls of all of them
 * took half as long again as everything else that a scan does.
 *
 * @param look What a file has of it, and its functions that hand on what they are given.
 */
export async function lookForCalls<Seen>(
  wanted: Wanted,
  world: World,
  look: (file: string, sought: Sought) => Promise<{ readonly seen: Seen; readonly callers: readonly string[] } | null>,
): Promise<readonly { readonly file: string; readonly seen: Seen }[]> {
  const found: { file: string; seen: Seen }[] = [];
  const known = new Map<string, Set<string>>();
  const importers = importersIn(world);
  let fresh = take(wanted, known);
  for (let round = 0; fresh.size > 0 && round < maxRounds; round += 1) {
    const callers = new Map<string, Set<string>>();
    for (const [file, sought] of soughtIn(fresh, importers, world)) {
      const answer = await look(file, sought);
      if (answer === null) continue;
      found.push({ file, seen: answer.seen });
      if (answer.callers.length > 0) callers.set(file, new Set([...(callers.get(file) ?? []), ...answer.callers]));
    }
    fresh = take(callers, known);
  }
  return found;
}

/** What was not looked for yet. */
function take(wanted: Wanted, known: Map<string, Set<string>>): Wanted {
  const fresh = new Map<string, Set<string>>();
  for (const [file, names] of wanted) {
    const before = known.get(file) ?? new Set();
    known.set(file, before);
    for (const name of names) {
      if (before.has(name)) continue;
      before.add(name);
      fresh.set(file, (fresh.get(file) ?? new Set()).add(name));
    }
  }
  return fresh;
}

type Importer = { readonly file: string; readonly module: string; readonly through: readonly string[] };

/** Who imports a file, itself or through modules that pass its names on. */
function importersIn({ links, resolve }: World): ReadonlyMap<string, readonly Importer[]> {
  const behind = new Map<string, readonly string[]>();
  const leadsTo = (file: string): readonly string[] => {
    const before = behind.get(file);
    if (before !== undefined) return before;
    const seen = new Set([file]);
    let last = [file];
    for (let hop = 0; hop < maxHops && last.length > 0; hop += 1) {
      const next = last.flatMap((one) =>
        (links.get(one)?.passedOn ?? []).flatMap(({ module }) => {
          const target = module === '' ? null : resolve(one, module);
          return target === null || seen.has(target) ? [] : target;
        }),
      );
      last = [...new Set(next)];
      for (const one of last) seen.add(one);
    }
    const all = [...seen];
    behind.set(file, all);
    return all;
  };
  const found = new Map<string, Importer[]>();
  for (const [file, { modules }] of links) {
    for (const module of modules) {
      const target = resolve(file, module);
      if (target === null) continue;
      const through = leadsTo(target);
      for (const one of through) {
        const importer = { file, module, through };
        const list = found.get(one);
        if (list === undefined) found.set(one, [importer]);
        else list.push(importer);
      }
    }
  }
  return found;
}

function soughtIn(
  fresh: Wanted,
  importers: ReadonlyMap<string, readonly Importer[]>,
  { links }: World,
): ReadonlyMap<string, Sought> {
  const found = new Map<string, { modules: Set<string>; names: Set<string>; own: readonly string[] }>();
  const of = (file: string) => {
    const before = found.get(file) ?? { modules: new Set(), names: new Set(), own: [] };
    found.set(file, before);
    return before;
  };
  for (const [file, names] of fresh) {
    of(file).own = [...names];
    for (const { file: importer, module, through } of importers.get(file) ?? []) {
      const sought = of(importer);
      sought.modules.add(module);
      for (const name of names) sought.names.add(name);
      // Under whatever name they are passed on.
      for (const one of through)
        for (const { name, as } of links.get(one)?.passedOn ?? [])
          if (name !== '*' && name !== as) sought.names.add(as);
    }
  }
  return new Map(
    [...found].map(([file, { modules, names, own }]) => [
      file,
      { modules: [...modules].sort(), names: [...names].sort(), own: [...own].sort() },
    ]),
  );
}
