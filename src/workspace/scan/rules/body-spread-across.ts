import { acrossFiles } from '../across-files.ts';
import { type PassedOn, passedOnBy } from '../passed-on.ts';
import type { Hit } from '../rule-context.ts';
import type { Elsewhere } from '../schemas.ts';
import { type Schemas, schemaReaches, schemasOf } from '../schemas-across.ts';
import type { Source } from '../syntax.ts';
import type { Finding } from '../types.ts';

type Facts = Schemas & {
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
    const facts: Facts = {
      ...schemasOf(source),
      written:
        side === 'browser'
          ? []
          : (written.get(source) ?? []).map(({ schema, hit }) => ({ ...schema, finding: report(hit) })),
      passedOn: passedOnBy(source),
    };
    return Object.values(facts).every((list) => list.length === 0) ? null : facts;
  },
  resolve: (told, world) => {
    const letsIn = schemaReaches(told, world);
    return told.flatMap(({ file, facts }) =>
      facts.written.flatMap(({ finding, ...schema }) => (letsIn(file, schema) ? finding : [])),
    );
  },
});
