import { chainAround } from '../../chains.ts';
import { type Columns, tableOfChain, tableOfValue } from '../../columns.ts';
import type { Hit } from '../../rule-context.ts';
import { declaredBy, referencesOf } from '../../scope.ts';
import { keyName, memberOf, type SyntaxNode, stringValue, unwrap, wrapped } from '../../syntax.ts';
import { reasonOf } from './hits.ts';
import { columnFirst } from './queries.ts';
import { tableOfObject } from './tables.ts';

/** What a use of a constant does with it. `table`: it names a column of it; null: it is something else, or unknown. */
type Use = { readonly table: string | null };

/** `const TENANT_COLUMN = 'organization_id'`, or a key of an object of such names: renamed where every use is a column. */
export function* inConstant(literal: SyntaxNode, columns: Columns): Iterable<Hit> {
  const name = stringValue(literal) ?? '';
  if (!columns.oldNames.includes(name)) return;
  const uses = usesOfConstant(literal, columns);
  if (uses === null) return;
  const asColumn = uses.flatMap(({ table }) =>
    table !== null && columns.renamed(table, name) !== null ? [table] : [],
  );
  const [table] = asColumn;
  const to = table === undefined ? null : columns.renamed(table, name);
  if (table === undefined || to === null) return;
  const reason = reasonOf(table, name, to);
  const only = asColumn.length === uses.length && !isExported(literal);
  if (only) yield { node: literal, reason, edits: [{ start: literal.start + 1, end: literal.end - 1, text: to }] };
  else
    yield {
      node: literal,
      reason,
      certainty: 'likely',
      instruction: `The constant is used for ${table} and elsewhere: rename it if all its uses mean a renamed column, else give this one a constant of its own.`,
    };
}

/** Where a literal is used by its name; null when it is no constant. */
function usesOfConstant(literal: SyntaxNode, columns: Columns): readonly Use[] | null {
  const value = wrapped(literal);
  const parent = value.parent;
  if (parent?.kind === 'variable_declarator' && parent.child(0) !== value) return usesOfName(parent, null, columns);
  if (parent?.kind !== 'pair' || parent.child(1) !== value) return null;
  const object = parent.parent ? wrapped(parent.parent).parent : null;
  return object?.kind === 'variable_declarator' ? usesOfName(object, keyName(parent.child(0)), columns) : null;
}

function usesOfName(declarator: SyntaxNode, key: string | null, columns: Columns): readonly Use[] | null {
  const name = declarator.child(0);
  const binding = name?.kind === 'identifier' ? declaredBy(name) : null;
  if (binding === null || !/^\s*(?:export\s+)?const\b/.test(declarator.parent?.text ?? '')) return null;
  const references = referencesOf(binding);
  if (key === null) return references.map((one) => meaningAt(one, columns));
  return references.flatMap((one) => {
    const member = one.parent ? memberOf(one.parent) : null;
    return one.parent && member?.object === one && member.name === key ? [meaningAt(one.parent, columns)] : [];
  });
}

function meaningAt(node: SyntaxNode, columns: Columns): Use {
  const value = wrapped(node);
  const parent = value.parent;
  if (parent?.kind === 'arguments' && parent.parent) {
    const chain = chainAround(parent.parent);
    const link = chain?.links.find((one) => one.call === parent.parent);
    const first = link?.args[0];
    if (
      chain &&
      link &&
      first &&
      unwrap(first) === unwrap(value) &&
      (columnFirst.test(link.name) || link.name === 'select')
    )
      return { table: tableOfChain(chain) };
  }
  // { [COLUMN]: id }, row[COLUMN], `id, ${COLUMN}`
  if (parent?.kind === 'computed_property_name')
    return { table: tableOfObject(parent.parent?.parent ?? null, columns) };
  if (parent?.kind === 'subscript_expression' && parent.child(0) !== value) {
    const object = parent.child(0);
    return { table: object === null ? null : tableOfValue(object, columns) };
  }
  if (parent?.kind === 'template_substitution') {
    const chain = chainAround(parent);
    return { table: chain === null ? null : tableOfChain(chain) };
  }
  return { table: null };
}

const isExported = (literal: SyntaxNode): boolean => {
  const declaration = literal.above('lexical_declaration');
  return declaration?.parent?.kind === 'export_statement';
};
