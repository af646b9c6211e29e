import type { Told, World } from './across-files.ts';
import { orgLetters } from './names.ts';
import { follower } from './passed-on.ts';
import { type Elsewhere, letsOrgIn } from './schemas.ts';
import { placesOf } from './scope.ts';
import type { Source } from './syntax.ts';

/** What the schemas of a file say to others. */
export type Schemas = {
  /** Exported schemas that let an organization in. */
  readonly letting: readonly string[];
  /** Those that are made of another module's. */
  readonly made: readonly (Elsewhere & { readonly as: string })[];
};

const known = new WeakMap<Source, Schemas>();

export function schemasOf(source: Source): Schemas {
  let schemas = known.get(source);
  if (schemas === undefined) {
    const found = schemasIn(source);
    schemas = {
      letting: found.flatMap(({ name, lets }) => (lets === true ? name : [])),
      made: found.flatMap(({ name, lets }) => (typeof lets === 'object' ? { ...lets, as: name } : [])),
    };
    known.set(source, schemas);
  }
  return schemas;
}

/** Whether a schema that a file imports lets an organization in, through the modules that pass it on or build on it. */
export function schemaReaches(
  told: readonly Told<Schemas>[],
  world: World,
): (from: string, schema: Elsewhere) => boolean {
  const letting = new Set(told.flatMap(({ file, facts }) => facts.letting.map((name) => `${file}#${name}`)));
  const follow = follower(world, new Map(told.map(({ file, facts }) => [file, facts.made])));
  return (from, { module, name }) => follow(from, module, name).some((one) => letting.has(`${one.file}#${one.name}`));
}

function schemasIn(source: Source) {
  const { text } = source;
  // One that is made of another module's need not name the organization itself.
  if (
    !orgLetters.test(text) &&
    !/\b(?:looseObject|passthrough|catchall|loose|extend|omit|pick|partial)\s*\(/.test(text)
  )
    return [];
  if (
    !/\.\s*(?:object|looseObject|extend|pick|omit|partial|passthrough)\s*\(|\bcreate(?:Insert|Update)Schema\s*\(/.test(
      text,
    )
  )
    return [];
  return [...placesOf(source, /(?<=\bexport\s+const\s+)[\w$]+/g)].flatMap((place) => {
    const declarator = place.parent;
    const lets = declarator?.kind === 'variable_declarator' ? letsOrgIn(declarator.child(-1)) : false;
    return lets === false ? [] : { name: place.text, lets };
  });
}
