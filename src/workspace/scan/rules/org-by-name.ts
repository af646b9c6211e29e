import { chainAround, linkOf } from '../chains.ts';
import { clientRole } from '../clients.ts';
import { isOfOperator } from '../for-platform.ts';
import { isCompared } from '../guards.ts';
import { isForMachines } from '../machine-guards.ts';
import { isMembershipTable, isOrgColumn, isOrgTable } from '../names.ts';
import { originsOf } from '../origins.ts';
import { holdersOf } from '../refusals.ts';
import type { Hit, RuleContext } from '../rule-context.ts';
import { referencesOf } from '../scope.ts';
import { memberOf, type SyntaxNode, stringValue, wrapped } from '../syntax.ts';

/** Columns by which an address names an organization. */
const name = /^(?:slug|(?:custom_?|sub)?_?domain|host(?:name)?|handle)$/i;

/**
 * An organization that is looked up by the address (`/[slug]/dashboard`) past row security, and whose rows are then read
 * though nothing asks whether the caller belongs there. It is advice: a page for the public does the same by right.
 */
export function* orgByName(node: SyntaxNode, { workspace }: RuleContext): Iterable<Hit> {
  const chain = chainAround(node);
  if (chain === null || !isOrgTable(chain.table ?? '') || linkOf(chain, 'insert', 'update', 'upsert', 'delete')) return;
  const value = chain.links.find((link) => link.name === 'eq' && name.test(stringValue(link.args[0] ?? null) ?? ''))
    ?.args[1];
  if (value === undefined || !originsOf(value).some(({ kind }) => kind === 'request')) return;
  const declarator = wrapped(chain.node).parent;
  if (declarator?.kind !== 'variable_declarator' || clientRole(chain.base, workspace) !== 'service') return;
  const rows = holdersOf(declarator).flatMap(referencesOf);
  const ids = rows.flatMap((row) => (row.parent && memberOf(row.parent)?.name === 'id' ? row.parent : []));
  const table = ids.map(tableKeptBy).find((one) => one !== null);
  if (table == null || isCompared([...ids, ...rows]) || isForMachines(node) || isOfOperator(node)) return;
  yield {
    node: chain.node,
    reason: `The organization is the one that the address names, and its ${table} are read past row security without asking whether the caller belongs to it.`,
    instruction:
      'Look the membership of the authenticated user up and refuse the request without one; a page for the public selects what is public by name.',
    certainty: 'likely',
    advice: true,
  };
}

/** The table that `.eq('org_id', org.id)` keeps to the organization, unless it says who belongs there. */
function tableKeptBy(id: SyntaxNode): string | null {
  const chain = chainAround(id);
  const table = chain?.table ?? null;
  if (chain === null || table === null || isMembershipTable(table) || isOrgTable(table)) return null;
  const keeps = chain.links.some(
    ({ args }) => isOrgColumn(stringValue(args[0] ?? null) ?? '') && args[1]?.contains(id),
  );
  return keeps ? table : null;
}
