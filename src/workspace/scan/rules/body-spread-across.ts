import { acrossFiles } from '../across-files.ts';
import type { Elsewhere } from '../schemas.ts';
import { type Schemas, schemaReaches, schemasOf } from '../schemas-across.ts';
import type { Finding } from '../types.ts';

type Facts = Schemas & {
  /** What is written as a whole after a schema of another file has read it. */
  readonly written: readonly (Elsewhere & { readonly finding: Finding })[];
};

/** A body that an imported schema has read and that is written as a whole: the schema decides. */
export const importedSchemas = acrossFiles<Facts>({
  facts: ({ source }, report, hits) => {
    const facts: Facts = {
      ...schemasOf(source),
      written: hits.flatMap((hit) =>
        hit.pending === true ? [{ ...(hit.note as Elsewhere), finding: report(hit) }] : [],
      ),
    };
    return Object.values(facts).every((list) => list.length === 0) ? null : facts;
  },
  resolve: (told, world) => {
    const letsIn = schemaReaches(told, world);
    return {
      findings: told.flatMap(({ file, facts }) =>
        facts.written.flatMap(({ finding, ...schema }) => (letsIn(file, schema) ? finding : [])),
      ),
    };
  },
});
