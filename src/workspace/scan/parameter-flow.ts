import type { Told, World } from './across-files.ts';
import type { Checking, Deciding } from './calls.ts';
import { follower } from './passed-on.ts';
import type { Elsewhere } from './schemas.ts';
import type { Wanted } from './second-look.ts';

/** What is handed to a function, as the file that hands it names it. */
export type Handed = {
  readonly module: string | null;
  readonly name: string;
  readonly member: string | null;
  readonly argument: string;
  readonly decides: boolean;
};

/** A parameter that a function hands on, without these keys of it. */
export type Edge = Handed & {
  readonly from: string;
  readonly returned: boolean;
  readonly without: readonly string[];
  readonly asked: readonly (Handed & { readonly key: string })[];
};

/** What a file tells of the parameters of its functions: `load#0`, `load#0.clinic`. */
export type Functions = {
  /** Those that decide a tenant. */
  readonly deciding: readonly (Deciding & { readonly org: boolean })[];
  /** Those that are held against the caller's own organizations. */
  readonly checking: readonly Checking[];
};

/** What the functions of a file hand on. */
export type Edges = { readonly edges: readonly Edge[] };

/** More functions than a value passes through on its way to a query. */
const maxHops = 5;

/** Functions that decide a tenant, or hold what they are given against the caller's own, by their files. */
export const functionsIn = (told: readonly Told<Functions>[]): Wanted =>
  new Map(
    told.flatMap(({ file, facts }) => {
      const names = [...facts.deciding, ...facts.checking].map(({ parameter }) => parameter.replace(/#.*$/, ''));
      return names.length === 0 ? [] : [[file, new Set(names)]];
    }),
  );

/** A parameter of a file, or a property of it. */
type Place = { readonly fn: string; readonly path: readonly string[] };

const placeOf = (file: string, parameter: string): Place => {
  const [head = '', ...path] = parameter.split('.');
  return { fn: `${file}#${head}`, path };
};

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.every((one, index) => path[index] === one);

/** What a value that is handed to a function comes to, through all functions that hand it on. */
export type Flow = {
  /** Whether a value becomes the tenant of a query, and none of the functions that it goes through refuses it. */
  readonly decides: (from: string, handed: Handed, value: Value) => boolean;
  /** Whether it is handed to a function that refuses what is not the caller's own. */
  readonly isChecked: (from: string, handed: Handed) => boolean;
};

export type Value = {
  readonly without: readonly string[];
  readonly asked: readonly (Handed & { readonly key: string })[];
  /** What a schema lets through of an organization: false for nothing. */
  readonly schema: boolean | Elsewhere;
  /** The function is told the organization of the one who asks as well. */
  readonly besideOwn: boolean;
  /** What the function gives back becomes a tenant as it is. */
  readonly answerCounts: boolean;
};

export function flowOf(
  told: readonly Told<Functions>[],
  handing: readonly Told<Edges>[],
  letsIn: (from: string, schema: Elsewhere) => boolean,
  world: World,
): Flow {
  const follow = follower(world);
  const placesOf = (from: string, { module, name, member, argument }: Handed): readonly Place[] => {
    const wanted = name === '*' ? (member ?? 'default') : name;
    return follow(from, module, wanted).map((one) =>
      placeOf(one.file, `${name === '*' && member !== null ? one.name : (member ?? one.name)}#${argument}`),
    );
  };
  const deciding = grouped(
    told.flatMap(({ file, facts }) => facts.deciding.map((one) => ({ ...placeOf(file, one.parameter), ...one }))),
  );
  const edges = handing.flatMap(({ file, facts }) =>
    facts.edges.map((edge) => ({ file, edge, from: placeOf(file, edge.from), to: placesOf(file, edge) })),
  );
  const leaving = grouped(edges.map((one) => ({ ...one.from, ...one })));
  const checking = checkedBy(told, edges);
  const checksAt = (places: readonly Place[], decides: boolean): boolean =>
    places.some(({ fn, path }) =>
      (checking.get(fn) ?? []).some((one) => same(one.path, path) && (!one.tells || decides)),
    );
  const settledOf = (from: string, { without, asked }: Pick<Value, 'without' | 'asked'>): ReadonlySet<string> =>
    new Set([...without, ...asked.filter((one) => checksAt(placesOf(from, one), one.decides)).map(({ key }) => key)]);
  const reaches = (
    places: readonly Place[],
    settled: ReadonlySet<string>,
    orgsLetIn: boolean,
    { besideOwn, answerCounts }: Pick<Value, 'besideOwn' | 'answerCounts'>,
    hops: number,
    seen: Set<string>,
  ): boolean =>
    places.some((place) => {
      const key = `${place.fn}.${place.path.join('.')}`;
      if (hops > maxHops || seen.has(key)) return false;
      seen.add(key);
      const refused = (checking.get(place.fn) ?? []).filter(
        ({ tells, path }) => !tells && startsWith(path, place.path),
      );
      if (refused.some(({ path }) => path.length === place.path.length)) return false;
      const left = new Set([...settled, ...refused.flatMap(({ path }) => path[place.path.length] ?? [])]);
      const reached = (deciding.get(place.fn) ?? []).some(({ path, org, beside, gives }) => {
        if ((beside && besideOwn) || (gives === true && !(answerCounts && hops === 0))) return false;
        const next = path[place.path.length];
        return startsWith(path, place.path) && (next === undefined || (!left.has(next) && (orgsLetIn || !org)));
      });
      return (
        reached ||
        (leaving.get(place.fn) ?? []).some(({ file, edge, path, to }) => {
          const own = settledOf(file, edge);
          if (startsWith(path, place.path)) {
            const next = path[place.path.length];
            return (
              (next === undefined || !left.has(next)) &&
              reaches(
                to,
                new Set([...(next === undefined ? left : []), ...own]),
                orgsLetIn,
                { besideOwn, answerCounts },
                hops + 1,
                seen,
              )
            );
          }
          const rest = place.path.slice(path.length);
          if (!startsWith(place.path, path) || own.has(rest[0] ?? '')) return false;
          return reaches(
            to.map((one) => ({ ...one, path: [...one.path, ...rest] })),
            left,
            orgsLetIn,
            { besideOwn, answerCounts },
            hops + 1,
            seen,
          );
        })
      );
    });
  return {
    decides: (from, handed, value) => {
      const orgsLetIn = typeof value.schema === 'boolean' ? value.schema : letsIn(from, value.schema);
      return reaches(placesOf(from, handed), settledOf(from, value), orgsLetIn, value, 0, new Set());
    },
    isChecked: (from, handed) => checksAt(placesOf(from, handed), handed.decides),
  };
}

type Checked = Place & { readonly tells: boolean };

/** Parameters that are checked, by their function itself or by one that it hands them to. */
function checkedBy(
  told: readonly Told<Functions>[],
  edges: readonly { readonly edge: Edge; readonly from: Place; readonly to: readonly Place[] }[],
): ReadonlyMap<string, readonly Checked[]> {
  const found = new Map<string, Checked[]>();
  const add = (one: Checked): boolean => {
    const list = found.get(one.fn) ?? [];
    if (list.some((other) => same(other.path, one.path) && (!other.tells || one.tells))) return false;
    found.set(one.fn, [...list.filter((other) => !same(other.path, one.path)), one]);
    return true;
  };
  for (const { file, facts } of told)
    for (const { parameter, tells } of facts.checking) add({ ...placeOf(file, parameter), tells });
  let grew = true;
  for (let round = 0; grew && round < maxHops; round += 1) {
    grew = false;
    for (const { edge, from, to } of edges)
      for (const { fn, path } of to)
        for (const one of found.get(fn) ?? []) {
          const key = one.path[path.length];
          if (!startsWith(one.path, path) || (key !== undefined && edge.without.includes(key))) continue;
          const refuses = !one.tells || edge.decides;
          if (refuses || edge.returned)
            grew = add({ fn: from.fn, path: [...from.path, ...one.path.slice(path.length)], tells: !refuses }) || grew;
        }
  }
  return found;
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && startsWith(one, other);

function grouped<One extends Place>(list: readonly One[]): ReadonlyMap<string, readonly One[]> {
  const groups = new Map<string, One[]>();
  for (const one of list) {
    const group = groups.get(one.fn);
    if (group === undefined) groups.set(one.fn, [one]);
    else group.push(one);
  }
  return groups;
}
