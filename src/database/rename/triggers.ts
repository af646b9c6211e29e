import type { Blocker, Note } from '../../rollout/step.ts';
import type { Catalog, Trigger } from '../catalog/types.ts';
import { firesSql, identifier, literal, qualified } from '../quote.ts';
import type { Routine } from './routine.ts';
import { changed, fields } from './scope.ts';
import { applyEdits, createSource, type Edit, isName } from './source.ts';
import type { World } from './world.ts';

export type TriggerPlan = { readonly up: string; readonly down: string; readonly roots: readonly string[] };

/** Triggers whose arguments name a renamed column: PostgreSQL keeps them as bytes and does not follow. */
export function planTriggers(
  catalog: Catalog,
  world: World,
  routines: ReadonlyMap<string, Routine>,
  isLeft: (signature: string) => boolean,
): {
  readonly triggers: readonly TriggerPlan[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
} {
  const triggers: TriggerPlan[] = [];
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  for (const item of catalog.triggers) {
    if (!item.arguments.some((argument) => world.old.has(argument)) || isClone(catalog, item)) continue;
    const shape = world.relation(item.schema, item.table, [])?.shape;
    const moving = shape?.columns.filter(changed) ?? [];
    const places = item.arguments.flatMap((argument, index) =>
      moving.some((each) => each.before === argument) ? [index] : [],
    );
    if (shape === undefined || places.length === 0) continue;
    const called = catalog.functions.find((each) => each.signature === item.function);
    // Nobody looks at an argument that the body does not ask for.
    if (called?.language === 'plpgsql' && !/tg_argv/i.test(called.body)) continue;
    const known = routines.get(item.function)?.columnArguments ?? new Set<number>();
    const where = `Trigger ${identifier(item.name)} on ${qualified(item.schema, item.table)}`;
    if (!places.every((index) => known.has(index))) {
      if (isLeft(item.function)) {
        notes.push({
          text: `${where} keeps the old name as an argument, as decided: ${item.function} gets it as it is.`,
          detail: item.definition,
        });
        continue;
      }
      blockers.push({
        problem: `${item.function}: ${where} has the old name as an argument, and the function does not show that it means the column.`,
        remedy: 'Create the trigger again by hand with the right argument, or take the table out of the rename.',
        detail: item.definition,
      });
      continue;
    }
    if (!/^CREATE TRIGGER /.test(item.definition)) {
      blockers.push({
        problem: `${where} is a constraint trigger with the old name as an argument, which cannot be replaced.`,
        remedy: 'Drop it and create it again by hand in the same change.',
        detail: item.definition,
      });
      continue;
    }
    const renamed = (name: string): string => fields(shape, name, 'before')[0]?.after ?? name;
    const fires = firesSql(qualified(item.schema, item.table), item.name, item.fires);
    const state = fires === '' ? '' : `;\n${fires}`;
    triggers.push({
      up: orReplace(rewrite(item, places, renamed)) + state,
      down: orReplace(item.definition) + state,
      roots: moving.flatMap((each) => each.roots),
    });
  }
  return { triggers, blockers, notes };
}

/** A partition's copy of its parent's trigger changes with the parent's. */
function isClone(catalog: Catalog, item: Trigger): boolean {
  const table = catalog.tables.find((each) => each.schema === item.schema && each.name === item.table);
  return (
    table?.isPartition === true &&
    catalog.tables
      .filter((each) => table.parents.includes(each.oid))
      .some((parent) =>
        catalog.triggers.some(
          (each) =>
            each.schema === parent.schema &&
            each.table === parent.name &&
            each.name === item.name &&
            each.function === item.function,
        ),
      )
  );
}

const orReplace = (definition: string): string => definition.replace(/^CREATE TRIGGER /, 'CREATE OR REPLACE TRIGGER ');

/** The definition with new arguments; `UPDATE OF` and `WHEN` in it are older than the rename and need the new names. */
function rewrite(item: Trigger, places: readonly number[], renamed: (name: string) => string): string {
  const { tokens } = createSource(item.definition);
  const edits: Edit[] = [];
  const replace = (index: number): void => {
    const token = tokens[index];
    if (isName(token) && renamed(token.value) !== token.value)
      edits.push({ start: token.start, end: token.end, text: identifier(renamed(token.value)) });
  };
  const call = tokens.findLastIndex((token) => token.kind === 'name' && token.value === 'execute');
  let columns = false;
  let argument = -1;
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token?.kind === 'name' && token.value === 'of' && tokens[i - 1]?.value === 'update') columns = true;
    else if (token?.kind === 'name' && (token.value === 'on' || token.value === 'or')) columns = false;
    else if (columns) replace(i);
    else if (i < call && tokens[i - 1]?.value === '.' && ['new', 'old'].includes(tokens[i - 2]?.value ?? ''))
      replace(i);
    else if (i > call && token?.kind === 'string') {
      argument += 1;
      const text = item.arguments[argument];
      if (places.includes(argument) && text !== undefined)
        edits.push({ start: token.start, end: token.end, text: literal(renamed(text)) });
    }
  }
  return applyEdits(item.definition, edits);
}
