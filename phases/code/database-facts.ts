import type { Rename } from '../../src/workspace/scan/types.ts';
import type { Filter } from '../1-database/survey/types.ts';

type Named = { readonly schema: string; readonly table: string };

/** A column of organizations that a form may edit. */
export type EditableColumn = {
  readonly name: string;
  readonly type: 'text' | 'number' | 'boolean';
  readonly required: boolean;
};

/** What phases 2 to 4 know of the database. Names are those that stand once phase 1 is done. */
export type DatabaseFacts = {
  /** The one name of the tenant key. */
  readonly column: string;
  readonly organizations: Named & {
    readonly key: string;
    /** Base type of the key; uuid where nothing is given. */
    readonly idType?: string;
    /** Which of them are open, for the data API; null where only SQL says it, all where nothing is given. */
    readonly living?: readonly Filter[] | null;
    readonly nameColumn: string | null;
    /** Beyond the name; see `editable`. */
    readonly editable: readonly EditableColumn[];
  };
  readonly profiles:
    | (Named & {
        readonly userColumn: string;
        readonly orgColumn: string;
        /** Which of them count where they say who belongs where, as above. */
        readonly active?: readonly Filter[] | null;
      })
    | null;
  readonly memberships:
    | (Named & {
        readonly userColumn: string;
        readonly orgColumn: string;
        readonly roleColumn: string | null;
        /** Which of them count, as above. */
        readonly active?: readonly Filter[] | null;
      })
    | null;
  /** Roles as phase 1 creates them. `managers` may change the organization. */
  readonly roles: { readonly owner: string; readonly member: string; readonly managers: readonly string[] };
  /** Tables whose rows belong to an organization. */
  readonly tenants: readonly string[];
  /** Columns that code must no longer name. */
  readonly renames: readonly Rename[];
  /** `table.column` of columns that are named like a tenant key and mean something else. */
  readonly elsewhere?: readonly string[];
};
