import * as z from 'zod';
import { pack, unpack } from './bits.ts';

/** Who may do what with which rows, as it was found by acting as real users. Rows are known by hashes of their keys. */

export const actions = ['read', 'insert', 'update', 'delete'] as const;
export type Action = (typeof actions)[number];

/** A user of the app, or nobody: a request without a login. */
export type Person = {
  /** The user's id; null for a request without a login. */
  readonly id: string | null;
  /** What users of this kind have in common: `member of 1 organization as owner, with profile`. */
  readonly kind: string;
  /** Organizations that they belong to now, by membership or, where no table says that, by profile. */
  readonly organizations: readonly string[];
  /** The one of them that is open, where they see one at a time; null where they see all of them. */
  readonly current: string | null;
  /** Those of them that they run. */
  readonly leads: readonly string[];
  /** Organizations that they were a member of, or are not yet. */
  readonly former: readonly string[];
};

/** Whose a row is. Neither organizations nor users: everybody's, or nobody's. */
export type Owners = {
  readonly organizations: readonly string[];
  readonly users: readonly string[];
  /** Of a row that is a user's own: the organizations in which that user is. */
  readonly colleagues?: readonly string[];
};

/** Rows that can be reached, a sign per row of the door (`1`: yes), or the error that every attempt ends with. */
export type Reach = { readonly bits: string } | { readonly error: string; readonly message: string };

/** A sign per row; none where every attempt ends in an error. */
export const bitsOf = (reach: Reach): string => ('bits' in reach ? reach.bits : '');

export type Right = Readonly<Record<Action, Reach>> & {
  /** Per permissive policy, `select calls_by_profile`: the rows that it lets through. */
  readonly policies: Readonly<Record<string, string>>;
};

/** The policy of a key of `policies`: of `read calls_by_profile`. */
export const policyOf = (key: string): string => key.slice(key.indexOf(' ') + 1);

const doorKinds = ['table', 'organizations', 'profiles', 'memberships', 'view', 'function'] as const;
/** Organizations, profiles and memberships say who belongs where: what people may write there is a matter of its own. */
export type DoorKind = (typeof doorKinds)[number];

export type Door = {
  /** `public.calls`. */
  readonly name: string;
  readonly kind: DoorKind;
  /** Row security is on, so that somebody decided who reaches what. */
  readonly guarded: boolean;
  /** Rows name no users but those who made or changed them: it need not be they whose the rows are. */
  readonly makersAlone?: boolean;
  /** Rows that name a user alone are shown to those who belong to the same organization. */
  readonly showsColleagues?: boolean;
  /** All of its rows were looked at; else a sample. */
  readonly exact: boolean;
  /** Why its rows could not be listed, or null. */
  readonly unread: string | null;
  /** It is unread for want of time alone: another look may find the server less busy. */
  readonly late?: boolean;
  /** Hashes of the keys of the rows. */
  readonly rows: readonly string[];
  /** Where a sampled row stands, so that the same rows are looked at again. */
  readonly places: readonly string[];
  /** By the place of the person in `Access.people`. */
  readonly rights: readonly Right[];
  /** Of each row; empty in what is kept. */
  readonly owners: readonly Owners[];
  /** Keys of the rows in words; empty in what is kept. */
  readonly labels: readonly string[];
};

/** How many users there are of each kind, and how many of them were looked at. */
export type Kind = { readonly kind: string; readonly users: number; readonly sampled: number };

export type Access = {
  readonly people: readonly Person[];
  readonly kinds: readonly Kind[];
  readonly doors: readonly Door[];
};

const reachSchema = z.union([z.number(), z.object({ error: z.string(), message: z.string() })]);
const keptSchema = z.object({
  people: z.array(
    z.object({
      id: z.string().nullable(),
      kind: z.string(),
      organizations: z.array(z.string()),
      current: z.string().nullable(),
      leads: z.array(z.string()),
      former: z.array(z.string()),
    }),
  ),
  kinds: z.array(z.object({ kind: z.string(), users: z.number(), sampled: z.number() })),
  doors: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(doorKinds),
      guarded: z.boolean(),
      exact: z.boolean(),
      unread: z.string().nullable(),
      rows: z.array(z.string()),
      places: z.array(z.string()),
      /** Every set of rows that occurs, packed, once. */
      sets: z.array(z.string()),
      rights: z.array(
        z.object({
          read: reachSchema,
          insert: reachSchema,
          update: reachSchema,
          delete: reachSchema,
          policies: z.record(z.string(), z.number()),
        }),
      ),
    }),
  ),
});

/** The form in which a look is kept in the journal: no value of any row. */
export function toKept(access: Access): z.input<typeof keptSchema> {
  return {
    people: access.people.map((one) => ({
      ...one,
      organizations: [...one.organizations],
      leads: [...one.leads],
      former: [...one.former],
    })),
    kinds: access.kinds.map((one) => ({ ...one })),
    doors: access.doors.map(({ owners: _, labels: __, rights, ...door }) => {
      const sets = new Map<string, number>();
      const numbered = (bits: string): number => {
        const known = sets.get(bits) ?? sets.size;
        sets.set(bits, known);
        return known;
      };
      const reach = (one: Reach) => ('bits' in one ? numbered(one.bits) : one);
      const kept = rights.map((right) => ({
        read: reach(right.read),
        insert: reach(right.insert),
        update: reach(right.update),
        delete: reach(right.delete),
        policies: Object.fromEntries(Object.entries(right.policies).map(([name, bits]) => [name, numbered(bits)])),
      }));
      return {
        ...door,
        rows: [...door.rows],
        places: [...door.places],
        sets: [...sets.keys()].map(pack),
        rights: kept,
      };
    }),
  };
}

/** Reads what was kept; null where nothing was, or something that this version does not know. */
export function fromKept(kept: unknown): Access | null {
  const parsed = keptSchema.safeParse(kept);
  if (!parsed.success) return null;
  const { people, kinds, doors } = parsed.data;
  return {
    people,
    kinds,
    doors: doors.map(({ sets, rights, ...door }) => {
      const bits = sets.map((one) => unpack(one, door.rows.length));
      const set = (at: number): string => bits[at] ?? '';
      const reach = (one: z.infer<typeof reachSchema>): Reach => (typeof one === 'number' ? { bits: set(one) } : one);
      return {
        ...door,
        owners: [],
        labels: [],
        rights: rights.map((right) => ({
          read: reach(right.read),
          insert: reach(right.insert),
          update: reach(right.update),
          delete: reach(right.delete),
          policies: Object.fromEntries(Object.entries(right.policies).map(([name, at]) => [name, set(at)])),
        })),
      };
    }),
  };
}
