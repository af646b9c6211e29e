import type { Blocker, Note } from '../../rollout/step.ts';
import { plural } from '../../rollout/text.ts';
import type { Catalog, Policy } from '../catalog/types.ts';
import { identifier, qualified } from '../quote.ts';
import { expression } from './expression.ts';
import { parseSql } from './parser.ts';
import { itemOf } from './reference.ts';
import { closed } from './scope.ts';
import { applyEdits, createSource, type Edit } from './source.ts';
import { as, child, list, type Tree } from './tree.ts';
import type { RenameGroup } from './types.ts';
import { createMemory, createWalk, type Findings } from './walk.ts';
import type { World } from './world.ts';

const prefix = 'SELECT ';

/**
 * Policies follow the rename by themselves. What stays in them is text: claims, settings, keys of JSON. With
 * `renameClaims` each such policy is a change of its own, because on hosted Supabase one policy statement locks
 * `auth.users` until its transaction ends (supautils up to 3.4.0). They come after the renames, and go back before.
 */
export function planPolicies(
  catalog: Catalog,
  world: World,
  settled: World,
  renameClaims: boolean,
): { readonly groups: readonly RenameGroup[]; readonly blockers: readonly Blocker[]; readonly notes: readonly Note[] } {
  const groups: RenameGroup[] = [];
  const blockers: Blocker[] = [];
  const staying: string[] = [];
  for (const policy of catalog.policies) {
    const name = `${identifier(policy.name)} on ${qualified(policy.schema, policy.table)}`;
    const parts = (['using', 'check'] as const).map((key) => ({
      key,
      text: policy[key],
      found: policy[key] === null ? null : read(world, policy, policy[key]),
    }));
    if (parts.some((part) => (part.found?.keys ?? 0) > 0))
      blockers.push({
        problem: `Policy ${name} reads a renamed column out of a row turned into JSON, by its name as a text.`,
        remedy: 'Name the column itself in the policy.',
        detail: policy.using ?? policy.check ?? '',
      });
    const contracts = parts.flatMap((part) => part.found?.contracts ?? []);
    if (contracts.length === 0) continue;
    const changes = parts.flatMap((part) => {
      const { text, found } = part;
      if (text === null || found === null || found.problems.length > 0) return [];
      const claims = found.contracts.flatMap((item): Edit[] => (item.edit === null ? [] : [item.edit]));
      if (claims.length === 0) return [];
      // Written again as text, so columns need their new names, and must mean the same columns as before.
      const apply = (edits: readonly Edit[]): string => applyEdits(prefix + text, edits).slice(prefix.length);
      const after = apply([...found.edits, ...claims]);
      const proof = read(settled, policy, after)?.references ?? [];
      const same = proof.join('\n') === found.references.join('\n');
      return same ? [{ key: part.key, before: apply(found.edits), after }] : [];
    });
    if (!renameClaims || changes.length === 0) {
      staying.push(name);
      continue;
    }
    const sql = (when: 'before' | 'after'): string =>
      `alter policy ${name}${changes.map((item) => `\n  ${item.key === 'using' ? 'using' : 'with check'} (${item[when]})`).join('')};`;
    groups.push({
      id: `claims of policy ${name}`,
      title: `Change the claim names in policy ${name}`,
      tables: [],
      up: sql('after'),
      down: sql('before'),
      functions: [],
      swallowing: [],
    });
  }
  const notes: Note[] =
    staying.length === 0
      ? []
      : [
          {
            text: `${plural(staying.length, 'policy compares', 'policies compare')} with a claim, setting or key that has an old name; it stays, because it belongs to whoever sets it.`,
            detail: staying.join('\n'),
          },
        ];
  return { groups, blockers, notes };
}

function read(world: World, policy: Policy, text: string): Findings | null {
  if (![...world.names].some((name) => text.includes(name))) return null;
  let value: Tree | null;
  try {
    const stmts = parseSql(prefix + text);
    value = child(
      as(list(as(child(stmts[0] ?? {}, 'stmt'), 'SelectStmt') ?? {}, 'targetList')[0] ?? null, 'ResTarget') ?? {},
      'val',
    );
  } catch {
    // A syntax newer than the parser; the policy follows by itself all the same.
    return null;
  }
  const walk = createWalk(
    { world, path: ['public'], language: 'sql', source: createSource(prefix + text), memory: createMemory() },
    null,
  );
  const shape = world.relation(policy.schema, policy.table, [])?.shape ?? closed;
  const scope = { items: [itemOf(walk, policy.table, shape)], parent: null, tables: new Map() };
  if (value !== null) expression(walk, value, scope);
  return walk.found;
}
