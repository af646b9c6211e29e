import * as z from 'zod';

const names = z.array(z.string());
const schema = z.object({ failed: names, sharing: names, anywhere: names, binding: names });

/** What the look at access before the step keeps in the journal beside the access itself. */
export type KeptLook = {
  /** Checks of members' own rows that failed then as well. */
  readonly failed: readonly string[];
  /** Policies of then, as `schema.table: policy`, by what they let through: see `Standing`. */
  readonly sharing: ReadonlySet<string>;
  readonly anywhere: ReadonlySet<string>;
  readonly binding: ReadonlySet<string>;
};

export function keptLook(kept: unknown): KeptLook {
  const { success, data } = schema.safeParse(kept);
  const { failed, sharing, anywhere, binding } = success
    ? data
    : { failed: [], sharing: [], anywhere: [], binding: [] };
  return { failed, sharing: new Set(sharing), anywhere: new Set(anywhere), binding: new Set(binding) };
}
