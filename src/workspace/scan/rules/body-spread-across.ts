import { acrossFiles } from '../across-files.ts';
import { orgLetters } from '../names.ts';
import { follower, type PassedOn, passedOnBy } from '../passed-on.ts';
import type { Hit } from '../rule-context.ts';
import { type Elsewhere, letsOrgIn } from '../schemas.ts';
import { placesOf } from '../scope.ts';
import type { Source } from '../syntax.ts';
import type { Finding } from '../types.ts';

type Facts = {
  /** Exported schemas that let an organization in, and those that are made of another module's. */
  readonly letting: readonly string[];
  readonly made: readonly (Elsewhere & { readonly as: string })[];
  /** What is written as a whole after a schema of another file has read it. */
  readonly written: readonly (Elsewhere & { readonly finding: Finding })[];
  readonly passedOn: readonly PassedOn[];
};

const written = new WeakMap<Source, { readonly schema: Elsewhere; readonly hit: Hit }[]>();

/** Keeps a write whose schema stands in another file, until that is known. */
export function noteWritten(source: Source, schema: Elsewhere, hit: Hit): void {
  written.set(source, [...(written.get(source) ?? []), { schema, hit }]);
}

/** A body that an imported schema has read and that is written as a whole: the schema decides. */
export const importedSchemas = acrossFiles<Facts>({
  facts: ({ source, side }, report) => {
    const schemas = schemasOf(source);
    const facts: Facts = {
      letting: schemas.flatMap(({ name, lets }) => (lets === true ? name : [])),
      made: schemas.flatMap(({ name, lets }) => (typeof lets === 'object' ? { ...lets, as: name } : [])),
      written:
        side === 'browser'
          ? []
          : (written.get(source) ?? []).map(({ schema, hit }) => ({ ...schema, finding: report(hit) })),
      passedOn: passedOnBy(source.text),
    };
    return Object.values(facts).every((list) => list.length === 0) ? null : facts;
  },
  resolve: (told, world) => {
    const letting = new Set(told.flatMap(({ file, facts }) => facts.letting.map((name) => `${file}#${name}`)));
    const follow = follower(new Map(told.map(({ file, facts }) => [file, [...facts.passedOn, ...facts.made]])), world);
    return told.flatMap(({ file, facts }) =>
      facts.written.flatMap(({ module, name, finding }) =>
        follow(file, module, name).some((one) => letting.has(`${one.file}#${one.name}`)) ? finding : [],
      ),
    );
  },
});

function schemasOf(source: Source) {
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
