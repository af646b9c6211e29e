import type { Blocker, Note } from '../../rollout/step.ts';
import type { DbFunction, Trigger } from '../catalog/types.ts';
import { sqlExcerpt } from '../errors/excerpt.ts';
import { identifier } from '../quote.ts';
import { mentions } from './constants.ts';
import { relationShape } from './from.ts';
import { parseSql } from './parser.ts';
import { walkPlpgsql } from './plpgsql/body.ts';
import { PlpgsqlError } from './plpgsql/reader.ts';
import { type Block, closed, type Shape } from './scope.ts';
import { applyEdits, createSource, type Edit } from './source.ts';
import { statement } from './statement.ts';
import { as, child, flag, list, string } from './tree.ts';
import {
  analysed,
  createMemory,
  createWalk,
  type Findings,
  memorySize,
  newVariable,
  type Problem,
  type Walk,
} from './walk.ts';
import { callersPath, type World } from './world.ts';

export type Routine = {
  readonly function: DbFunction;
  /** The new body; null when it stays as it is. */
  readonly body: string | null;
  readonly roots: ReadonlySet<string>;
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
  readonly swallows: boolean;
  readonly columnArguments: ReadonlySet<number>;
};

const pass = (world: World, routine: DbFunction, body: string, triggers: readonly Trigger[]): Findings => {
  const memory = createMemory();
  for (const [name, shape] of transitionTables(world, triggers)) memory.tables.set(name, shape);
  let size = '';
  for (let round = 0; ; round += 1) {
    const language = routine.language === 'sql' ? 'sql' : 'plpgsql';
    const walk = createWalk({ world, path: searchPath(routine), language, source: createSource(body), memory }, null);
    walk.block = parameters(walk, routine, triggers);
    if (language === 'sql') walkSql(walk, body);
    else walkPlpgsql(walk);
    const now = memorySize(memory);
    // What one pass learns about records decides about names in the next; it settles in two or three.
    if (now === size || round === 8) return walk.found;
    size = now;
  }
};

function walkSql(walk: Walk, body: string): void {
  for (const item of parseSql(body)) {
    const each = child(item, 'stmt');
    if (each !== null) analysed(walk, walk.source.outer(0), () => statement(walk, each, null));
  }
}

/** Reads one function, rewrites it, and proves that every name still means what it meant. */
export function rewriteRoutine(
  world: World,
  settled: World,
  routine: DbFunction,
  triggers: readonly Trigger[],
  options: { readonly renameClaims: boolean },
): Routine {
  const nothing: Routine = {
    function: routine,
    body: null,
    roots: new Set(),
    blockers: [],
    notes: [],
    swallows: false,
    columnArguments: new Set(),
  };
  const { body } = routine;
  if (routine.atomic || routine.kind === 'aggregate' || !isInteresting(world, body)) return nothing;
  const named = mentions({ world }, body);
  if (routine.language !== 'sql' && routine.language !== 'plpgsql') {
    if (!named || routine.language === 'c' || routine.language === 'internal') return nothing;
    const text = `is written in ${routine.language}, which is not read here, and has the old name in it.`;
    return {
      ...nothing,
      blockers: [
        blocker(routine, {
          at: firstMention(world, body),
          what: text,
          remedy: 'Change it by hand in the same change, or take the table out of the rename.',
        }),
      ],
    };
  }
  let found: Findings;
  try {
    found = pass(world, routine, body, triggers);
  } catch (error) {
    if (!named) return nothing;
    return { ...nothing, blockers: [blocker(routine, unreadable(error, world, body))] };
  }
  // The statements of a sql function are analysed before the first of them runs: one that fails fails them all.
  if (found.fails.length > 0 && routine.language === 'sql')
    return { ...nothing, roots: found.roots, notes: found.fails.map((item) => failing(routine, item)) };
  const pieces = sqlPieces(world, body, found);
  const problems = [...found.problems, ...doubts(found, new Set(pieces.map((one) => one.at)))];
  const edits = [...found.edits, ...pieces.flatMap((one) => one.edits)];
  if (options.renameClaims) for (const item of found.contracts) if (item.edit !== null) edits.push(item.edit);
  const notes = notesOf(routine, found, options.renameClaims);
  const base: Routine = {
    ...nothing,
    roots: found.roots,
    notes,
    swallows: found.swallows,
    columnArguments: found.columnArguments,
  };
  if (problems.length > 0) return { ...base, blockers: unique(problems).map((item) => blocker(routine, item)) };
  const next = edits.length === 0 ? body : applyEdits(body, unique(edits));
  const proof = prove(settled, routine, next, triggers, found);
  if ('what' in proof) return { ...base, blockers: [blocker(routine, proof)] };
  if (proof.finds)
    notes.push({
      text: `${routine.signature} names ${[...new Set(world.next.values())].join(' or ')} where no such column exists yet: that statement fails today, and will find its column after the rename.`,
    });
  if (next === body) return base;
  if (!routine.ours)
    return {
      ...base,
      blockers: [
        blocker(routine, {
          at: edits[0]?.start ?? 0,
          what: 'names the column, and this role does not own it.',
          remedy: 'Connect as its owner, or take the table out of the rename.',
        }),
      ],
    };
  return { ...base, body: next };
}

/** Walks the new text in the world after the rename: the same names must mean the same things, in the same order. */
function prove(
  settled: World,
  routine: DbFunction,
  body: string,
  triggers: readonly Trigger[],
  before: Findings,
): Problem | { readonly finds: boolean } {
  const remedy = 'Qualify the names of the column by hand, then plan again.';
  let after: Findings;
  try {
    after = pass(settled, routine, body, triggers);
  } catch (error) {
    return {
      at: 0,
      what: `could not be read again after the rewrite (${error instanceof Error ? error.message : String(error)}).`,
      remedy,
    };
  }
  // A name that means nothing fails today, in a statement that cannot have run; it may come to mean the renamed column.
  const nothing = (key: string): boolean => /^(none|(target|part) none)$/.test(key);
  const same = before.references.every((key, index) => after.references[index] === key || nothing(key));
  if (same && after.references.length === before.references.length)
    return { finds: before.references.some((key, index) => after.references[index] !== key) };
  return { at: before.edits[0]?.start ?? 0, what: 'would have a name with another meaning after the rename.', remedy };
}

function isInteresting(world: World, body: string): boolean {
  const lower = body.toLowerCase();
  for (const name of world.names) if (lower.includes(name.toLowerCase().replaceAll('"', '""'))) return true;
  return /\bnatural\b|tg_argv|_populate_record|\bu&"/.test(lower);
}

/**
 * Pieces of SQL in constants of a function that puts statements together at run time, where an old name can only mean a
 * renamed column: the word changes, the rest of the text stays. Anything that does not read as SQL is left for a person.
 */
function sqlPieces(
  world: World,
  body: string,
  found: Findings,
): readonly { readonly at: number; readonly edits: readonly Edit[] }[] {
  if (found.dynamic === null) return [];
  const { tokens } = createSource(body);
  return found.mentions.flatMap(({ at, value }) => {
    const names = [...world.old].filter((name) => mentions({ world: { ...world, old: new Set([name]) } }, value));
    const token = tokens.find((one) => one.start === at && one.kind === 'string');
    if (token === undefined || !isPiece(value) || !names.every((name) => world.only.has(name))) return [];
    const raw = body.slice(token.start, token.end);
    const edits = names.flatMap((name) =>
      [
        ...raw.matchAll(new RegExp(`(?<![\\p{L}\\p{N}_$])${name.replace(/[$]/g, '\\$&')}(?![\\p{L}\\p{N}_$])`, 'gu')),
      ].map(({ index }) => ({
        start: at + index,
        end: at + index + name.length,
        text: identifier(world.next.get(name) ?? name),
      })),
    );
    return [{ at, edits }];
  });
}

/** Words that only SQL puts next to a name. */
const isPiece = (text: string): boolean =>
  /\b(select|insert\s+into|update|delete\s+from|where|set|from|join|on|and|or|order\s+by|group\s+by|returning|values|using|index|column)\b/i.test(
    text,
  ) && /[=(),<>]|\b(select|where|from|into|by|column)\b/i.test(text);

/** Constants that nothing explains matter where text becomes SQL or a row becomes JSON; elsewhere they are words. */
function doubts(found: Findings, rewritten: ReadonlySet<number>): readonly Problem[] {
  const result: Problem[] = [];
  for (const item of found.literals) {
    if (found.dynamic === null && found.rowJson === null) continue;
    const why = found.dynamic === null ? 'turns a row into JSON, so its keys change' : 'builds SQL at run time';
    result.push({
      at: item.at,
      what: `has the old name as a text, and ${why}.`,
      remedy: 'Name the column instead of its name as a text, or change both by hand.',
    });
  }
  for (const item of found.mentions)
    if (!rewritten.has(item.at) && (found.dynamic !== null || isStatement(item.value)))
      result.push({
        at: item.at,
        what: 'has SQL as a text that names the column.',
        remedy: 'Write this statement without text, or change it by hand in the same change.',
      });
  return result;
}

function isStatement(text: string): boolean {
  try {
    parseSql(text);
    return true;
  } catch {
    // No statement: words for people.
    return false;
  }
}

function notesOf(routine: DbFunction, found: Findings, renameClaims: boolean): Note[] {
  const notes: Note[] = found.fails.map((item) => failing(routine, item));
  for (const item of found.remarks)
    notes.push({
      text: `${routine.signature}: ${item.text}`,
      detail: excerpt(routine.body, item.at),
    });
  for (const item of found.contracts) {
    const moves = renameClaims && item.edit !== null;
    const text = moves
      ? `${routine.signature}: the name of a ${item.what} changes with the column; whoever sets it must change too.`
      : `${routine.signature}: the name of a ${item.what} stays: it belongs to whoever sets or reads it.`;
    notes.push({ text, detail: excerpt(routine.body, item.at) });
  }
  if (found.dynamic === null && found.rowJson === null)
    for (const item of found.literals)
      notes.push({
        text: `${routine.signature}: the text '${item.value}' stays.`,
        detail: excerpt(routine.body, item.at),
      });
  return notes;
}

export const excerpt = (text: string, at: number): string => sqlExcerpt(text, [...text.slice(0, at)].length + 1);

const failing = (routine: DbFunction, item: Findings['fails'][number]): Note => ({
  text: `${routine.signature} fails today, because there is no ${item.relation}; ${routine.language === 'sql' ? 'it' : 'that statement'} stays as it is.`,
  detail: excerpt(routine.body, item.at),
});

export const blocker = (routine: DbFunction, item: Problem): Blocker => ({
  problem: `${routine.signature}: ${item.what}`,
  remedy: item.remedy,
  detail: excerpt(routine.body, item.at),
});

function unreadable(error: unknown, world: World, body: string): Problem {
  const message = error instanceof Error ? error.message : String(error);
  return {
    at: error instanceof PlpgsqlError ? error.at : firstMention(world, body),
    what: `has the old name in it and could not be read (${message}).`,
    remedy: 'Change it by hand in the same change, or take the table out of the rename.',
  };
}

function firstMention(world: World, body: string): number {
  const lower = body.toLowerCase();
  const places = [...world.old].map((name) => lower.indexOf(name.toLowerCase())).filter((at) => at >= 0);
  return places.length === 0 ? 0 : Math.min(...places);
}

function unique<T extends Edit | Problem>(items: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = JSON.stringify(item);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** `SET search_path` of the function, else the platform's default for whoever calls it. */
export function searchPath(routine: Pick<DbFunction, 'settings' | 'schema'>): readonly string[] {
  const given = routine.settings.find((item) => item.startsWith('search_path='));
  if (given === undefined) return ['public', callersPath];
  return given
    .slice('search_path='.length)
    .split(',')
    .map((part) => part.trim().replace(/^"(.*)"$/, '$1'))
    .filter((part) => part !== '' && part !== '$user');
}

function parameters(walk: Walk, routine: DbFunction, triggers: readonly Trigger[]): Block {
  const block: Block = { label: routine.name, variables: new Map(), parent: null, start: null };
  let position = 0;
  for (const argument of routine.arguments) {
    const input = argument.mode === 'i' || argument.mode === 'b' || argument.mode === 'v';
    if (routine.language === 'sql' && !input) continue;
    position += 1;
    newVariable(walk, block, argument.name ?? `$${position}`, {
      position,
      type: argument.type,
      row: walk.world.rowType(argument.type, walk.path)?.shape ?? null,
      record: argument.type === 'record',
    });
  }
  if (routine.language === 'plpgsql') {
    newVariable(walk, block, 'found');
    if (routine.returns === 'trigger') {
      const rows = triggerRows(walk, triggers);
      newVariable(walk, block, 'new', { rows });
      newVariable(walk, block, 'old', { rows });
      for (const name of [
        'name',
        'when',
        'level',
        'op',
        'relid',
        'relname',
        'table_name',
        'table_schema',
        'nargs',
        'argv',
      ])
        newVariable(walk, block, `tg_${name}`);
    }
  }
  return block;
}

/** NEW and OLD are rows of every table whose triggers call the function. */
function triggerRows(walk: Walk, triggers: readonly Trigger[]): readonly Shape[] {
  const seen = new Map<string, Shape>();
  for (const item of triggers)
    seen.set(
      `${item.schema}.${item.table}`,
      relationShape(walk, { schemaname: item.schema, relname: item.table }, null),
    );
  return seen.size === 0 ? [closed] : [...seen.values()];
}

/** `REFERENCING NEW TABLE AS inserted`: a relation of that name in the body. */
function transitionTables(world: World, triggers: readonly Trigger[]): ReadonlyMap<string, Shape> {
  const result = new Map<string, Shape>();
  for (const item of triggers) {
    if (!/\breferencing\b/i.test(item.definition)) continue;
    const node = as(child(parseSql(item.definition)[0] ?? {}, 'stmt'), 'CreateTrigStmt');
    for (const each of node === null ? [] : list(node, 'transitionRels')) {
      const part = as(each, 'TriggerTransition') ?? {};
      const name = string(part, 'name') ?? '';
      const shape = world.relation(item.schema, item.table, [])?.shape;
      if (shape === undefined || !flag(part, 'isTable')) continue;
      const present = result.get(name);
      result.set(name, present === undefined ? shape : union(present, shape));
    }
  }
  return result;
}

function union(a: Shape, b: Shape): Shape {
  const same = (x: Shape, y: Shape): boolean =>
    x.columns.every((item) => y.columns.every((each) => each.before !== item.before || each.after === item.after));
  const more = b.columns.filter((item) => !a.columns.some((each) => each.before === item.before));
  return { columns: [...a.columns, ...more], open: a.open || b.open || !same(a, b) };
}
