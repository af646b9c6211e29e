import { identifier } from '../quote.ts';
import {
  type Binding,
  type Block,
  bareColumn,
  bindingKey,
  type Column,
  changed,
  fields,
  findItem,
  findVariable,
  type Item,
  type Scope,
  type Shape,
  type Variable,
  type When,
} from './scope.ts';
import { tokenAt } from './source.ts';
import { edit, problem, remark, shapesOf, type Walk } from './walk.ts';

/** What a name of one to three parts means, by PostgreSQL's rules for the language and `#variable_conflict`. */
export function resolve(walk: Walk, parts: readonly string[], scope: Scope | null, when: When): Binding {
  const asColumn = columnMeaning(parts, scope, when);
  const asVariable = variableMeaning(walk, parts, when);
  if (asVariable.kind === 'none') return asColumn;
  if (asColumn.kind === 'none') return asVariable;
  if (walk.language === 'sql' || walk.conflict === 'use_column') return asColumn;
  if (walk.conflict === 'use_variable') return asVariable;
  // Under the default both would be an error at run time, so a relation of unknown columns does not have it.
  if (asColumn.kind === 'open') return asVariable;
  if (asVariable.kind === 'open') return asColumn;
  return { kind: 'ambiguous', what: 'a column and a variable' };
}

function columnMeaning(parts: readonly string[], scope: Scope | null, when: When): Binding {
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 1) {
    const found = bareColumn(scope, first, when);
    if (found.kind !== 'none') return found;
    const item = findItem(scope, first);
    return item === null ? found : { kind: 'row', item };
  }
  const item = parts.length === 2 ? findItem(scope, first) : findItem(scope, second, first);
  if (item === null) return { kind: 'none' };
  const [hit, twin] = fields(item.shape, parts.length === 2 ? second : third, when);
  if (hit !== undefined && twin !== undefined) return { kind: 'ambiguous', what: `two columns of \`${first}\`` };
  if (hit !== undefined) return { kind: 'column', item, column: hit };
  return item.shape.open ? { kind: 'open', what: first } : { kind: 'none' };
}

function variableMeaning(walk: Walk, parts: readonly string[], when: When): Binding {
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 1) {
    const found = findVariable(walk.block, first);
    return found === null ? { kind: 'none' } : { kind: 'variable', ...found };
  }
  if (parts.length === 2) {
    const record = findVariable(walk.block, first);
    if (record !== null) return fieldMeaning(walk, record.variable, second, when);
    const labelled = findVariable(walk.block, second, first);
    return labelled === null ? { kind: 'none' } : { kind: 'variable', ...labelled };
  }
  const record = findVariable(walk.block, second, first);
  return record === null ? { kind: 'none' } : fieldMeaning(walk, record.variable, third, when);
}

function fieldMeaning(walk: Walk, variable: Variable, name: string, when: When): Binding {
  const shapes = shapesOf(walk, variable);
  if (shapes === null) return { kind: 'none' };
  const columns = shapes.flatMap((shape) => fields(shape, name, when));
  if (shapes.length === 0 || shapes.some((shape) => shape.open)) {
    // A field that is known and unknown at once is certain only if nothing about it changes.
    return columns.length > 0 && !columns.some(changed)
      ? { kind: 'field', variable, columns }
      : { kind: 'open', what: variable.name };
  }
  return columns.length === 0 ? { kind: 'none' } : { kind: 'field', variable, columns };
}

const write = 'Qualify the column with its table, or take the table out of the rename.';

/**
 * Notes what a name means and edits it if its meaning would get lost. Returns the last part's new name.
 *
 * @param at where the name begins in the present source.
 */
export function follow(
  walk: Walk,
  parts: readonly string[],
  at: number,
  scope: Scope | null,
  binding: Binding = resolve(walk, parts, scope, 'before'),
): string {
  const last = parts.at(-1) ?? '';
  if (!parts.some((part) => walk.world.names.has(part))) return last;
  walk.found.references.push(bindingKey(binding));
  const old = walk.world.old.has(last);
  if (binding.kind === 'none') {
    if (old && parts.length > 1 && !isKnown(walk, parts, scope))
      problem(walk, at, `\`${parts.join('.')}\` is a column of something that is not known here.`, write);
    else if (old) remark(walk, at, `\`${parts.join('.')}\` names nothing that the database has; it is left as it is.`);
    return last;
  }
  if (binding.kind === 'open' && old && walk.filled && walk.world.only.has(last)) {
    // A relation that is filled in at run time: whichever it is, its column of that name is renamed.
    const next = walk.world.next.get(last) ?? last;
    write_(walk, parts, [...parts.slice(0, -1), next], at);
    return next;
  }
  if (binding.kind === 'ambiguous' || binding.kind === 'open') {
    if (old || binding.kind === 'ambiguous')
      problem(
        walk,
        at,
        binding.kind === 'open'
          ? `\`${parts.join('.')}\` may be a column of \`${binding.what}\`, whose columns are not known.`
          : `\`${parts.join('.')}\` is ambiguous between ${binding.what}; PostgreSQL refuses it today.`,
        write,
      );
    return last;
  }
  for (const root of rootsOf(binding)) walk.found.roots.add(root);
  const name = newName(walk, binding, last, at);
  if (name === null) return last;
  const wanted = bindingKey(binding);
  const choices = candidates(walk, parts, name, binding, scope);
  const choice = choices.find((each) => bindingKey(resolve(walk, each, scope, 'after')) === wanted);
  if (choice === undefined || choice.join('.') !== [...parts.slice(0, -1), name].join('.'))
    for (const root of rootsInSight(scope, name)) walk.found.roots.add(root);
  if (choice !== undefined) {
    write_(walk, parts, choice, at);
    return name;
  }
  if (
    binding.kind === 'variable' &&
    binding.block !== null &&
    parts.length === 1 &&
    labelBlock(walk, binding.block, scope, at, last)
  )
    return name;
  problem(walk, at, `\`${parts.join('.')}\` cannot be told from another \`${name}\` after the rename.`, write);
  return name;
}

/** Whether the part before the column is something whose columns are all known. */
const isKnown = (walk: Walk, parts: readonly string[], scope: Scope | null): boolean =>
  findItem(scope, parts.at(-2) ?? '') !== null || findVariable(walk.block, parts.at(-2) ?? '') !== null;

/** Renamed tables in sight whose new name made this reference change: it belongs to their transaction. */
function rootsInSight(scope: Scope | null, name: string): readonly string[] {
  const result: string[] = [];
  for (let level = scope; level !== null; level = level.parent)
    for (const item of level.items)
      for (const each of fields(item.shape, name, 'after')) if (changed(each)) result.push(...each.roots);
  return result;
}

function rootsOf(binding: Binding): readonly string[] {
  if (binding.kind === 'column' || binding.kind === 'output') return binding.column.roots;
  return binding.kind === 'field' ? binding.columns.flatMap((item) => item.roots) : [];
}

/** The new name, or null when the meanings of one name would get different names. */
function newName(walk: Walk, binding: Binding, last: string, at: number): string | null {
  if (binding.kind === 'column' || binding.kind === 'output') return binding.column.after;
  if (binding.kind !== 'field') return last;
  return commonName(walk, binding.columns, at, `${binding.variable.name}.${last}`);
}

/** Columns that one name stands for must go on having one name. */
export function commonName(walk: Walk, columns: readonly Column[], at: number, what: string): string | null {
  const after = new Set(columns.map((item) => item.after));
  if (after.size <= 1) return [...after][0] ?? null;
  const moving = columns.filter(changed);
  if (moving.every((item) => item.pin !== null)) {
    for (const item of moving) if (item.pin !== null) walk.memory.pins.add(item.pin);
    return columns[0]?.before ?? null;
  }
  problem(
    walk,
    at,
    `\`${what}\` stands for columns of which only some are renamed.`,
    'Rename the others too, or give each its own name with AS in the queries.',
  );
  return null;
}

function candidates(
  walk: Walk,
  parts: readonly string[],
  name: string,
  binding: Binding,
  scope: Scope | null,
): readonly (readonly string[])[] {
  const plain = [...parts.slice(0, -1), name];
  if (parts.length > 1 || binding.kind === 'output') return [plain];
  if (binding.kind === 'column') {
    const item = binding.item.via === undefined ? binding.item : binding.item.via.get(binding.column);
    const dotted = item?.name == null ? [] : [[item.name, name]];
    return changed(binding.column) && collides(walk, scope, binding.column) ? [...dotted, plain] : [plain, ...dotted];
  }
  if (binding.kind === 'variable') {
    const { label, name: own } = binding.variable;
    return label === null ? [plain] : [plain, [label, own]];
  }
  return [plain];
}

/** Whether anything else in sight has the old or the new name: a bare name is then qualified, needed or not. */
function collides(walk: Walk, scope: Scope | null, target: Column): boolean {
  if (findVariable(walk.block, target.before) !== null || findVariable(walk.block, target.after) !== null) return true;
  let others = 0;
  for (let level = scope; level !== null; level = level.parent)
    for (const item of level.items)
      if (item.bare)
        for (const each of item.shape.columns)
          if ([each.before, each.after].some((name) => name === target.before || name === target.after)) others += 1;
  return others > 1;
}

function write_(walk: Walk, parts: readonly string[], choice: readonly string[], at: number): void {
  const first = tokenAt(walk.source, at);
  if (choice.length === parts.length) {
    choice.forEach((name, index) => {
      const token = walk.source.tokens[first + 2 * index];
      if (name !== parts[index] && token !== undefined) edit(walk, token.start, token.end, identifier(name));
    });
    return;
  }
  const token = walk.source.tokens[first];
  if (token !== undefined) edit(walk, token.start, token.end, choice.map(identifier).join('.'));
}

/** A variable of a block without label: the block gets one, so that the variable can be named with it. */
function labelBlock(walk: Walk, block: Block, scope: Scope | null, at: number, name: string): boolean {
  if (block.start === null || block.label !== null) return false;
  const present = walk.labels.get(block);
  const label = present ?? `block_${walk.labels.size + 1}`;
  if (findItem(scope, label) !== null || findVariable(walk.block, label) !== null) return false;
  if (present === undefined) {
    walk.labels.set(block, label);
    walk.found.edits.push({ start: block.start, end: block.start, text: `<<${label}>>\n` });
  }
  write_(walk, [name], [label, name], at);
  return true;
}

/** A name that can only be a column of one relation: INSERT lists, SET targets; `all`: every name of the list. */
export function followTarget(walk: Walk, shape: Shape, name: string, at: number, all: readonly string[]): void {
  if (!walk.world.names.has(name)) return;
  const [hit] = fields(shape, name, 'before');
  if (hit?.aside != null && all.some((each) => each !== name && fields(shape, each, 'before')[0]?.key === hit.key)) {
    // Both columns are written, and go on being written: the one under the name that it gets.
    for (const root of hit.roots) walk.found.roots.add(root);
    const own = walk.source.tokens[tokenAt(walk.source, at)];
    if (own !== undefined) edit(walk, own.start, own.end, identifier(hit.aside));
    return;
  }
  walk.found.references.push(`target ${hit?.key ?? 'none'}`);
  if (hit === undefined) {
    if (!shape.open || !walk.world.old.has(name)) return;
    const own = walk.source.tokens[tokenAt(walk.source, at)];
    if (walk.filled && walk.world.only.has(name) && own !== undefined)
      edit(walk, own.start, own.end, identifier(walk.world.next.get(name) ?? name));
    else problem(walk, at, `\`${name}\` is a column of a table that the database does not have.`, write);
    return;
  }
  for (const root of hit.roots) walk.found.roots.add(root);
  const token = walk.source.tokens[tokenAt(walk.source, at)];
  if (changed(hit) && token !== undefined) edit(walk, token.start, token.end, identifier(hit.after));
}

export const itemOf = (walk: Walk, name: string | null, shape: Shape, more: Partial<Item> = {}): Item => {
  walk.items += 1;
  return { ordinal: walk.items, name, schema: null, shape, bare: true, dotted: true, ...more };
};
