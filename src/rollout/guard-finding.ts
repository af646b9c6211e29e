/** How much a finding weighs: only a `note` does not count as new. */
export const findingLevels = ['error', 'warning', 'note'] as const;
export type FindingLevel = (typeof findingLevels)[number];

/** Where a finding is: a line of the code, or an object of the database. */
export type Place =
  | {
      readonly kind: 'file';
      readonly file: string;
      readonly line: number;
      readonly column: number;
      readonly endLine: number;
    }
  | { readonly kind: 'object'; readonly object: string };

/** One weakness, in the code or in the database, in the form that every output and every baseline shares. */
export type GuardFinding = {
  /** Stable as long as what it is about stays the same: the name under which a baseline accepts it. */
  readonly id: string;
  /** The rule that found it: `request-org`, `database-policy`. */
  readonly kind: string;
  readonly part: 'code' | 'database';
  readonly place: Place;
  /** One sentence on what is wrong. */
  readonly reason: string;
  /** What to do about it. */
  readonly instruction: string;
  readonly level: FindingLevel;
  /** What anyone can run to see the same. */
  readonly evidence?: string;
};

/** Something that was meant to be looked at and was not, with the reason. */
export type NotLookedAt = { readonly what: string; readonly reason: string };

export const placeText = (place: Place): string =>
  place.kind === 'file' ? `${place.file}:${place.line}:${place.column}` : place.object;
