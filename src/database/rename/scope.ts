/**
 * What names mean. Every column has a name before and a name after the rename, so one structure answers both "what does
 * this text mean today" and "what would the new text mean": a rewrite is right when the answers are the same column.
 */
export type When = 'before' | 'after';

export type Column = {
  /** The same for the same column in both worlds. */
  readonly key: string;
  readonly before: string;
  readonly after: string;
  readonly type: string | null;
  /** Renamed tables whose column this is, or is made of. Empty when nothing about it changes. */
  readonly roots: readonly string[];
  /** The select whose target list gives this name implicitly; an alias there can keep the old name. */
  readonly pin: number | null;
  /** The relation whose column names are the keys of this JSON value. */
  readonly json: Shape | null;
  /** The fields of a composite value. */
  readonly row: Shape | null;
  /** The name under which it waits when another column of the table takes its place. */
  readonly aside: string | null;
};

export type Shape = {
  readonly columns: readonly Column[];
  /** Has columns that are not listed: a table that the catalog does not hold, a dynamic query. */
  readonly open: boolean;
};

export const closed: Shape = { columns: [], open: false };
export const unknown: Shape = { columns: [], open: true };

/** One entry of a FROM clause, or a join of two. */
export type Item = {
  readonly ordinal: number;
  /** Null for a join without alias, which gives only merged columns. */
  readonly name: string | null;
  readonly schema: string | null;
  readonly shape: Shape;
  /** Bare names may mean its columns. */
  readonly bare: boolean;
  /** `name.column` may mean its columns. */
  readonly dotted: boolean;
  /** For a join: which entry a column is qualified with; null for a merged column of a full join. */
  readonly via?: ReadonlyMap<Column, Item | null>;
};

export type Scope = {
  readonly items: readonly Item[];
  readonly parent: Scope | null;
  readonly tables: ReadonlyMap<string, Shape>;
};

export const column = (key: string, name: string, more: Partial<Omit<Column, 'key' | 'before'>> = {}): Column => ({
  key,
  before: name,
  after: name,
  type: null,
  roots: [],
  pin: null,
  json: null,
  row: null,
  aside: null,
  ...more,
});

export const changed = (item: Column): boolean => item.before !== item.after;

export const fields = (shape: Shape, name: string, when: When): readonly Column[] => {
  const hits = shape.columns.filter((item) => item[when] === name);
  // Two columns of a table that become one are one; two outputs of a query stay two.
  return hits.filter((item, index) => item.pin !== null || hits.findIndex((each) => each.key === item.key) === index);
};

/** A variable or parameter. The names of variables never change, the fields of a record do. */
export type Variable = {
  readonly id: number;
  readonly name: string;
  /** Label of its block, or the name of the function for parameters. */
  readonly label: string | null;
  /** 1-based position among the arguments that a caller passes, for `$1`. */
  readonly position: number | null;
  readonly type: string | null;
  /** Fixed fields; null for a scalar and for a `record`, which takes the fields of what is assigned. */
  readonly row: Shape | null;
  readonly record: boolean;
  /** Several shapes at once: NEW and OLD of a function that several tables' triggers call. */
  readonly rows: readonly Shape[] | null;
};

export type Block = {
  readonly label: string | null;
  readonly variables: Map<string, Variable>;
  readonly parent: Block | null;
  /** Where a label can be written when the block has none. */
  readonly start: number | null;
};

export type Binding =
  | { readonly kind: 'column'; readonly item: Item; readonly column: Column }
  | { readonly kind: 'row'; readonly item: Item }
  | { readonly kind: 'output'; readonly column: Column }
  | { readonly kind: 'variable'; readonly variable: Variable; readonly block: Block | null }
  | { readonly kind: 'field'; readonly variable: Variable; readonly columns: readonly Column[] }
  | { readonly kind: 'ambiguous'; readonly what: string }
  | { readonly kind: 'open'; readonly what: string }
  | { readonly kind: 'none' };

export function bindingKey(binding: Binding): string {
  switch (binding.kind) {
    case 'column':
      return `column ${binding.item.ordinal} ${binding.column.key}`;
    case 'row':
      return `row ${binding.item.ordinal}`;
    case 'output':
      return `output ${binding.column.key}`;
    case 'variable':
      return `variable ${binding.variable.id}`;
    case 'field':
      return `field ${binding.variable.id} ${[...new Set(binding.columns.map((item) => item.key))].sort().join()}`;
    default:
      return binding.kind;
  }
}

/** A bare column name: the innermost level that has it decides, as in PostgreSQL's `colNameToVar`. */
export function bareColumn(scope: Scope | null, name: string, when: When): Binding {
  let open: string | null = null;
  for (let level = scope; level !== null; level = level.parent) {
    const hits = level.items
      .filter((item) => item.bare)
      .flatMap((item) => fields(item.shape, name, when).map((hit) => ({ item, column: hit })));
    const [first, second] = hits;
    if (first !== undefined && second !== undefined)
      return { kind: 'ambiguous', what: `${label(first)} and ${label(second)}` };
    if (first !== undefined) {
      // A relation further in, of unknown columns, may have it and would then win.
      return open === null ? { kind: 'column', ...first } : { kind: 'open', what: open };
    }
    const hole = level.items.find((item) => item.bare && item.shape.open);
    if (hole !== undefined) open ??= hole.name ?? 'a join';
  }
  return open === null ? { kind: 'none' } : { kind: 'open', what: open };
}

const label = (hit: { readonly item: Item; readonly column: Column }): string =>
  (hit.item.via?.get(hit.column) ?? hit.item).name ?? 'a join';

/** The nearest FROM entry of that name. */
export function findItem(scope: Scope | null, name: string, schema: string | null = null): Item | null {
  for (let level = scope; level !== null; level = level.parent) {
    const found = level.items.find(
      (item) => item.dotted && item.name === name && (schema === null || item.schema === schema),
    );
    if (found !== undefined) return found;
  }
  return null;
}

export function findTable(scope: Scope | null, name: string): Shape | null {
  for (let level = scope; level !== null; level = level.parent) {
    const found = level.tables.get(name);
    if (found !== undefined) return found;
  }
  return null;
}

export function findVariable(
  block: Block | null,
  name: string,
  labelled: string | null = null,
): { readonly variable: Variable; readonly block: Block } | null {
  for (let level = block; level !== null; level = level.parent) {
    if (labelled !== null && level.label !== labelled) continue;
    const variable = level.variables.get(name);
    if (variable !== undefined) return { variable, block: level };
  }
  return null;
}
