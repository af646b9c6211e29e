import * as z from 'zod';

const names = z.array(z.string());
const schema = z.object({ failed: names, sharing: names, anywhere: names, binding: names, asOwner: names.default([]) });

/** What the look at access before the step keeps in the journal beside the access itself. */
export type KeptLook = {
  /** Checks of members' own rows that failed then as well. */
  readonly failed: readonly string[];
  /** Policies of then, as `schema.table: policy`, by what they let through: see `Standing`. */
  readonly sharing: ReadonlySet<string>;
  readonly anywhere: ReadonlySet<string>;
  readonly binding: ReadonlySet<string>;
  /** Views that read with their owner's rights then: `schema.view`. */
  readonly asOwner: ReadonlySet<string>;
};

export function keptLook(kept: unknown): KeptLook {
  const { success, data } = schema.safeParse(kept);
  const { failed, sharing, anywhere, binding, asOwner } = success
    ? data
    : { failed: [], sharing: [], anywhere: [], binding: [], asOwner: [] };
  return {
    failed,
    sharing: new Set(sharing),
    anywhere: new Set(anywhere),
    binding: new Set(binding),
    asOwner: new Set(asOwner),
  };
}
