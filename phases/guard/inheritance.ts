import type { Table } from '../../src/database/catalog/types.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { rulesOf } from '../1-database/isolation/rules.ts';
import type { Survey } from '../1-database/survey.ts';
import type { Since } from './changed.ts';
import { type Standing, standing } from './standing.ts';

/**
 * Whoever reads a table reads the rows of those that inherit from it, under its policies alone. One whose rows are
 * everybody's shows those of every organization then.
 */
export function fromInheritance(found: Survey, since: Since): readonly GuardFinding[] {
  const rules = new Map(rulesOf(found).map((rule) => [rule.table.oid, rule]));
  const tables = new Map(found.catalog.tables.map((one) => [one.oid, one]));
  const isOpen = (table: Table): boolean => ['lookup', 'log', undefined].includes(rules.get(table.oid)?.kind);
  return standing(
    found.catalog.tables.flatMap((table): readonly Standing[] =>
      table.isPartition || isOpen(table)
        ? []
        : table.parents.flatMap((oid): readonly Standing[] => {
            const parent = tables.get(oid);
            if (parent === undefined || !isOpen(parent)) return [];
            const [child, name] = [table, parent].map((one) => `${one.schema}.${one.name}`);
            return [
              {
                kind: 'inheritance',
                object: child ?? '',
                reason: `${child} inherits from ${name}: whoever reads ${name} reads its rows as well, and the policies there keep no organizations apart.`,
                instruction: `alter table ${child} no inherit ${name};`,
                about: `table ${child}`,
              },
            ];
          }),
    ),
    since,
  );
}
