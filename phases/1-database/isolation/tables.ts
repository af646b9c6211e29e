import { loadParser } from '../../../src/database/rename/parser.ts';
import type { Target } from '../../target.ts';
import type { Survey } from '../survey.ts';
import { circularPolicies } from './broken-today.ts';
import { isAmongCallers, isCallers, isCallersAs, showsAll } from './caller.ts';
import { judging } from './classify.ts';
import type { PolicyContext } from './judged.ts';
import { planTable, type TablePlan } from './policies.ts';
import { renameColumns } from './rename.ts';
import { rulesOf } from './rules.ts';

/**
 * The policies of every table that has a rule: what would be made, dropped, kept and asked now. `standing`: the rule
 * stands, and what was added beside it is judged for itself; a step that was stopped half-way goes on without.
 */
export async function planTables(
  found: Survey,
  config: Target['config'],
  after: readonly string[],
  count: PolicyContext['count'],
  standing = false,
  broken: ReadonlySet<string> = new Set(),
): Promise<readonly TablePlan[]> {
  const isCurrent =
    standing && found.catalog.functions.some((one) => one.schema === 'public' && one.name === 'current_org_id');
  const context: PolicyContext = {
    world: await judging(found, found.from),
    circular: config.decisions.dropPolicy.length + broken.size === 0 ? new Set() : await circularPolicies(found),
    broken,
    strict: isCurrent ? await judging(found, found.from, true) : null,
    isCallers: (column, type) =>
      type === found.idType || (integers.has(type) && integers.has(found.idType))
        ? isCallers(found, column)
        : type === `${found.idType}[]`
          ? isAmongCallers(found, column)
          : null,
    isCallersAs: (column, roles) => isCallersAs(found, column, roles),
    breadth: showsAll(found) ? 'all' : 'current',
    decisions: decisionsOf(config),
    count,
    renamed: renamerOf(found),
    after,
  };
  const tables: TablePlan[] = [];
  for (const rule of rulesOf(found)) {
    const { schema, name } = rule.table;
    const policies = found.catalog.policies.filter((one) => one.schema === schema && one.table === name);
    tables.push(await planTable(rule, policies, context));
  }
  return tables;
}

/** PostgreSQL compares these with each other. */
const integers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);

/** Column names of now as those that stand after step 1.2. */
export const renamerOf = (found: Survey): PolicyContext['renamed'] =>
  found.tenants.some((one) => one.renamed)
    ? (expression) => renameColumns(expression, found.from, found.to)
    : (expression) => expression;

export const decisionsOf = ({ decisions }: Target['config']): PolicyContext['decisions'] =>
  Object.fromEntries([
    ...decisions.dropPolicy.map((name) => [name, 'drop'] as const),
    ...decisions.keepPolicy.map((name) => [name, 'keep'] as const),
  ]);

/** Policies that stand now, as `schema.table: policy`, by what they let through. */
export type Standing = {
  /** What is the caller's own, or shared with their organization. */
  readonly own: ReadonlySet<string>;
  /** What is tied to the caller by something else than the organization that it belongs to. */
  readonly sharing: ReadonlySet<string>;
  /** Everything, for callers whom it lets in because of who they are. */
  readonly anywhere: ReadonlySet<string>;
  /** The caller's organization, beside whatever else. */
  readonly binding: ReadonlySet<string>;
};

export async function standingPolicies(found: Survey, config: Target['config']): Promise<Standing> {
  await loadParser();
  const plans = await planTables(found, config, [], async () => null);
  const named = (of: (plan: TablePlan) => readonly string[]): ReadonlySet<string> =>
    new Set(
      plans.flatMap((plan) => of(plan).map((name) => `${plan.rule.table.schema}.${plan.rule.table.name}: ${name}`)),
    );
  return {
    own: named((plan) => plan.own),
    sharing: named((plan) => plan.sharing),
    anywhere: named((plan) => plan.anywhere),
    binding: named((plan) => plan.binding),
  };
}
