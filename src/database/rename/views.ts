import type { Blocker, Note } from '../../rollout/step.ts';
import type { Catalog, View } from '../catalog/types.ts';
import { qualified } from '../quote.ts';
import { parseSql } from './parser.ts';
import type { Shape } from './scope.ts';
import { createSource } from './source.ts';
import { statement } from './statement.ts';
import { child } from './tree.ts';
import type { ColumnRename } from './types.ts';
import { createMemory, createWalk, type Findings } from './walk.ts';
import { createWorld, type ViewRename, type World } from './world.ts';

export type ViewPlan = {
  readonly renames: readonly ViewRename[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/**
 * Output columns that show a renamed column under its old name. PostgreSQL follows the rename inside the definition and
 * keeps the output name, so each is renamed on its own; views on views need as many rounds as they are deep.
 */
export function planViews(catalog: Catalog, renames: readonly ColumnRename[]): ViewPlan {
  let views: readonly ViewRename[] = [];
  for (;;) {
    const world = createWorld(catalog, renames, views);
    const found: ViewRename[] = [];
    const blockers: Blocker[] = [];
    const notes: Note[] = [];
    for (const view of catalog.views) {
      if (!view.columns.some((item) => world.old.has(item.name)) && !view.definition.includes("'")) continue;
      const read = readView(world, view);
      const name = qualified(view.schema, view.name);
      if (read === null) {
        notes.push({ text: `The definition of ${name} could not be read; its output columns stay.` });
        continue;
      }
      if (read.findings.keys > 0 || read.findings.problems.some((item) => item.what.includes('JSON')))
        blockers.push({
          problem: `${name} reads a renamed column out of a row turned into JSON, by its name as a text.`,
          remedy: 'Name the column itself in the view.',
          detail: view.definition,
        });
      view.columns.forEach((item, index) => {
        const to = world.next.get(item.name);
        const roots = read.shape.columns[index]?.roots ?? [];
        if (to === undefined || roots.length === 0) return;
        const twice = found.some((each) => each.schema === view.schema && each.table === view.name && each.to === to);
        if (twice || view.columns.some((each) => each.name === to)) {
          notes.push({
            text: `${name} has a column ${to} from then on, so its ${item.name}, which shows the same, keeps its name.`,
          });
          return;
        }
        if (!view.ours) {
          blockers.push({
            problem: `${name} shows a renamed column, and this role does not own it.`,
            remedy: 'Connect as its owner, or take the table out of the rename.',
          });
          return;
        }
        found.push({
          schema: view.schema,
          table: view.name,
          from: item.name,
          to,
          roots: [...new Set(roots)],
          materialized: view.materialized,
        });
      });
    }
    if (found.length === views.length) return { renames: found, blockers, notes };
    views = found;
  }
}

function readView(world: World, view: View): { readonly shape: Shape; readonly findings: Findings } | null {
  try {
    const node = child(parseSql(view.definition)[0] ?? {}, 'stmt');
    if (node === null) return null;
    const walk = createWalk(
      { world, path: ['public'], language: 'sql', source: createSource(view.definition), memory: createMemory() },
      null,
    );
    const shape = statement(walk, node, null);
    return { shape, findings: walk.found };
  } catch {
    // A syntax newer than the parser: the caller says so.
    return null;
  }
}
