import type { Block, Shape, Variable } from './scope.ts';
import type { Edit, Source } from './source.ts';
import type { World } from './world.ts';

/** Something that cannot be rewritten with certainty, at a character of the body. */
export type Problem = { readonly at: number; readonly what: string; readonly remedy: string };

/** A place that stays as it is, and why. */
export type Remark = { readonly at: number; readonly text: string };

/**
 * What is learned in one pass and needed in the next: a record's fields are those of every query assigned to it, also
 * further down, and a whole row turned to JSON decides about names in a select that was read before.
 */
export type Memory = {
  /** Selects whose implicit output names must stay, because the row as a whole becomes JSON. */
  readonly pins: Set<number>;
  readonly records: Map<number, Shape[]>;
  /** What a JSON variable was assigned: the row whose column names are its keys, or null for any other JSON. */
  readonly jsons: Map<number, (Shape | null)[]>;
  /** Temporary tables of the body. */
  readonly tables: Map<string, Shape>;
};

export type Findings = {
  readonly edits: Edit[];
  /** What every interesting name means, in order of the text: must be the same after the rewrite. */
  readonly references: string[];
  readonly problems: Problem[];
  readonly remarks: Remark[];
  /** Renamed tables that the body depends on. */
  readonly roots: Set<string>;
  /** String constants that equal an old name and whose use says nothing about their meaning. */
  readonly literals: { readonly at: number; readonly value: string }[];
  /** String constants that contain an old name as a word. */
  readonly mentions: { readonly at: number; readonly value: string }[];
  /** Setting and claim names, with the edit that would change them. */
  readonly contracts: { readonly at: number; readonly what: string; readonly edit: Edit | null }[];
  /** SQL put together at run time, which nobody can read in advance. */
  dynamic: number | null;
  /** A row of a renamed table becomes JSON. */
  rowJson: number | null;
  /** Constants that are keys of a row's JSON and change with it. */
  keys: number;
  /** Catches every error. */
  swallows: boolean;
  /** Statements over a relation that the database does not have: they fail today and stay as they are. */
  readonly fails: { readonly at: number; readonly relation: string }[];
  /** Positions among the trigger's arguments that name a column of NEW or OLD. */
  readonly columnArguments: Set<number>;
};

/** One pass over one body. `source`, `block` and `loops` follow the walk. */
export type Walk = {
  readonly world: World;
  readonly path: readonly string[];
  readonly language: 'sql' | 'plpgsql';
  conflict: 'error' | 'use_variable' | 'use_column';
  source: Source;
  block: Block | null;
  /** A loop's record has the fields of the loop's query. */
  readonly loops: Map<number, Shape[]>;
  readonly memory: Memory;
  readonly found: Findings;
  readonly explained: Set<number>;
  readonly claimed: Set<number>;
  readonly labels: Map<Block, string>;
  /** A relation of the present statement that the database does not have. */
  gone: string | null;
  /** Names of the present statement are filled in at run time, so that none can be said to be missing. */
  filled: boolean;
  items: number;
  selects: number;
  variables: number;
};

export const createMemory = (): Memory => ({
  pins: new Set(),
  records: new Map(),
  jsons: new Map(),
  tables: new Map(),
});

export const memorySize = (memory: Memory): string =>
  [
    memory.pins.size,
    [...memory.records.values()].map((shapes) => shapes.map((shape) => shape.columns.map((item) => item.after)).join()),
    [...memory.jsons.values()].map((items) => items.length),
    [...memory.tables.values()].map((shape) => shape.columns.map((item) => item.after).join()),
  ].join(';');

const createFindings = (): Findings => ({
  edits: [],
  references: [],
  problems: [],
  remarks: [],
  roots: new Set(),
  literals: [],
  mentions: [],
  contracts: [],
  dynamic: null,
  rowJson: null,
  keys: 0,
  swallows: false,
  fails: [],
  columnArguments: new Set(),
});

export const createWalk = (
  given: Pick<Walk, 'world' | 'path' | 'language' | 'source' | 'memory'>,
  block: Block | null,
): Walk => ({
  ...given,
  block,
  conflict: 'error',
  loops: new Map(),
  found: createFindings(),
  explained: new Set(),
  claimed: new Set(),
  labels: new Map(),
  gone: null,
  filled: false,
  items: 0,
  selects: 0,
  variables: 0,
});

/** Replaces characters of the present source. */
export function edit(walk: Walk, start: number, end: number, text: string): void {
  walk.found.edits.push(editOf(walk.source, start, end, text));
}

export const editOf = (source: Source, start: number, end: number, text: string): Edit => ({
  start: source.outer(start),
  end: end === start ? source.outer(start) : source.outer(end - 1) + 1,
  text: source.escape(text),
});

export function problem(walk: Walk, at: number, what: string, remedy: string): void {
  walk.found.problems.push({ at: walk.source.outer(at), what, remedy });
}

export function remark(walk: Walk, at: number, text: string): void {
  walk.found.remarks.push({ at: walk.source.outer(at), text });
}

/**
 * Walks one statement, or one expression of plpgsql: what PostgreSQL analyses at once. One that names a relation which
 * is not there fails whenever it is reached, with or without the rename, so nothing of it is read or changed.
 */
export function analysed<T>(walk: Walk, at: number, run: () => T): T {
  const outer = walk.gone;
  walk.gone = null;
  const { edits, references, problems, remarks, literals, mentions, contracts } = walk.found;
  const lists = [edits, references, problems, remarks, literals, mentions, contracts];
  const lengths = lists.map((each) => each.length);
  const result = run();
  const { gone } = walk;
  walk.gone = outer;
  if (gone === null) return result;
  lists.forEach((each, index) => {
    each.length = lengths[index] ?? 0;
  });
  if (!walk.found.fails.some((each) => each.at === at)) walk.found.fails.push({ at, relation: gone });
  return result;
}

export function newVariable(
  walk: Walk,
  block: Block,
  name: string,
  more: Partial<Omit<Variable, 'id' | 'name' | 'label'>> = {},
): Variable {
  walk.variables += 1;
  const variable: Variable = {
    id: walk.variables,
    name,
    label: block.label,
    position: null,
    type: null,
    row: null,
    record: false,
    rows: null,
    ...more,
  };
  block.variables.set(name, variable);
  return variable;
}

/** The shapes a variable can have; null for a scalar. */
export function shapesOf(walk: Walk, variable: Variable): readonly Shape[] | null {
  if (variable.rows !== null) return variable.rows;
  if (variable.row !== null) return [variable.row];
  if (!variable.record) return null;
  return walk.loops.get(variable.id) ?? walk.memory.records.get(variable.id) ?? [];
}

/** Remembers what is assigned to a variable. */
export function assign(walk: Walk, variable: Variable, row: Shape | null, json: Shape | null): void {
  if (variable.record && row !== null) {
    push(walk.memory.records, variable.id, row);
    const loop = walk.loops.get(variable.id);
    if (loop !== undefined && !loop.some((item) => sameShape(item, row))) loop.push(row);
  }
  if (!variable.record && variable.row === null && variable.rows === null) push(walk.memory.jsons, variable.id, json);
}

function push<T extends Shape | null>(map: Map<number, T[]>, id: number, item: T): void {
  const present = map.get(id) ?? [];
  const index = present.findIndex((each) => sameShape(each, item));
  if (index < 0) map.set(id, [...present, item]);
  else present[index] = item;
}

const sameShape = (a: Shape | null, b: Shape | null): boolean =>
  a === b ||
  (a !== null &&
    b !== null &&
    a.open === b.open &&
    a.columns.length === b.columns.length &&
    a.columns.every((item, index) => item.key === b.columns[index]?.key));
