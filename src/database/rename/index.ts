import type { Blocker, Note } from '../../rollout/step.ts';
import type { Catalog, Trigger } from '../catalog/types.ts';
import { formGroups } from './groups.ts';
import { planJobs } from './jobs.ts';
import { loadParser } from './parser.ts';
import { payloadNotes } from './payloads.ts';
import { planPolicies } from './policies.ts';
import { type Routine, rewriteRoutine } from './routine.ts';
import { changed } from './scope.ts';
import { commentNotes, refusals } from './tables.ts';
import { planTriggers } from './triggers.ts';
import type { ColumnRename, RenameOptions, RenamePlan } from './types.ts';
import { planViews } from './views.ts';
import { createWorld, type World } from './world.ts';

export { legacyComment, planLegacyReads } from './legacy.ts';
export type { ColumnRename, Job, RenameOptions, RenamePlan } from './types.ts';

/**
 * Everything that must go with `ALTER TABLE … RENAME COLUMN` because PostgreSQL does not follow it: function bodies,
 * view columns, trigger arguments. Bodies are parsed and every name is resolved twice, in the catalog of before and of
 * after; a body that cannot be proven to mean the same is a blocker, never a guess.
 */
export async function planRename(
  catalog: Catalog,
  renames: readonly ColumnRename[],
  options: RenameOptions,
): Promise<RenamePlan> {
  if (renames.length === 0) return { groups: [], blockers: [], notes: [] };
  await loadParser();
  const views = planViews(catalog, renames);
  const relations = options.relations ?? null;
  const world = createWorld(catalog, renames, views.renames, false, relations);
  const settled = createWorld(catalog, renames, views.renames, true, relations);
  const triggersOf = new Map<string, Trigger[]>();
  for (const item of catalog.triggers) triggersOf.set(item.function, [...(triggersOf.get(item.function) ?? []), item]);
  const routines: Routine[] = [];
  for (const item of catalog.functions) {
    const one = rewriteRoutine(world, settled, item, triggersOf.get(item.signature) ?? [], options);
    routines.push(unlessLeft(await unlessFailing(one, options), options));
  }
  const jobs = planJobs(world, settled, options);
  const bySignature = new Map(routines.map((item) => [item.function.signature, item]));
  const triggers = planTriggers(catalog, world, bySignature, (signature) => isLeft(signature, options));
  const policies = planPolicies(catalog, world, settled, options.renameClaims);
  const blockers: Blocker[] = [
    ...refusals(catalog, renames),
    ...views.blockers,
    ...routines.flatMap((item) => item.blockers),
    ...triggers.blockers,
    ...jobs.blockers,
    ...policies.blockers,
  ];
  const notes: Note[] = [
    ...views.notes,
    ...routines.flatMap((item) => [...item.notes, ...argumentNotes(world, item)]),
    ...triggers.notes,
    ...policies.notes,
    ...jobs.notes,
    ...payloadNotes(world, catalog),
    ...rowNotes(world, catalog),
    ...commentNotes(catalog, renames),
  ];
  return {
    groups: [
      ...formGroups(renames, views.renames, routines, [...triggers.triggers, ...jobs.plans]),
      ...policies.groups,
    ],
    blockers,
    notes,
  };
}

/** A function that the server refuses whenever it is called is nobody's loss: it stays as it is. */
async function unlessFailing(item: Routine, options: RenameOptions): Promise<Routine> {
  // A sql body that is rewritten is validated when it is written back: what fails there must be known before.
  const asked = item.blockers.length > 0 || (item.body !== null && item.function.language === 'sql');
  if (!asked || options.failsToday === undefined) return item;
  const why = await options.failsToday(item.function);
  if (why === null) return item;
  const note: Note = {
    text: `${item.function.signature} fails today whenever it is called (${why}); it stays as it is.`,
  };
  return { ...item, body: null, blockers: [], notes: [note], swallows: false, columnArguments: new Set() };
}

const isLeft = (signature: string, { leave = [] }: RenameOptions): boolean => {
  const plain = (text: string): string => text.replace(/\s+/g, '');
  return leave.some((one) => plain(one) === plain(signature));
};

/** What cannot be rewritten with certainty stays as it is where the operator looked at it and said so. */
function unlessLeft(item: Routine, options: RenameOptions): Routine {
  const { signature } = item.function;
  if (item.blockers.length === 0 || !isLeft(signature, options)) return item;
  const note: Note = {
    text: `${signature} stays as it is, as decided: what it says under an old name no longer finds that column.`,
    detail: item.blockers.map((one) => [one.problem, one.detail].filter(Boolean).join('\n')).join('\n'),
  };
  return { ...item, body: null, blockers: [], notes: [note], swallows: false, columnArguments: new Set() };
}

/** Names in a signature are what callers write; `CREATE OR REPLACE` refuses to change them. */
function argumentNotes(world: World, item: Routine): readonly Note[] {
  if (item.roots.size === 0) return [];
  return item.function.arguments
    .filter((argument) => argument.name !== null && world.old.has(argument.name))
    .map((argument) => ({
      text: `${item.function.signature}: the ${argument.mode === 'i' || argument.mode === 'v' ? 'argument' : 'result column'} ${argument.name} keeps its name, which is what callers use.`,
    }));
}

/** Functions that give whole rows: the column's name in their answer follows the table. */
function rowNotes(world: World, catalog: Catalog): readonly Note[] {
  const rows = catalog.functions.filter(
    (item) => world.rowType(item.returns.replace(/^SETOF /i, ''), [])?.shape.columns.some(changed) === true,
  );
  if (rows.length === 0) return [];
  const text = `${rows.length === 1 ? 'One function returns' : `${rows.length} functions return`} whole rows of renamed tables: in responses of the API the key changes with the column.`;
  return [{ text, detail: rows.map((item) => item.signature).join('\n') }];
}
