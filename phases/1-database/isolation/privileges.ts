import { identifier } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Note } from '../../../src/rollout/step.ts';
import type { TableGrant } from './facts.ts';
import type { Rule } from './rules.ts';

/**
 * Row security does not apply to TRUNCATE, and REFERENCES, TRIGGER and MAINTAIN look at every row or act on them all.
 * Whoever comes through the API needs none of them: they are revoked, and granted again exactly by a rollback.
 */
export function planPrivileges(
  rules: readonly Rule[],
  grants: readonly TableGrant[],
): { readonly changes: readonly SqlChange[]; readonly notes: readonly Note[] } {
  const changes: SqlChange[] = [];
  const others: string[] = [];
  for (const { table, sql } of rules) {
    const here = grants.filter((one) => one.table === table.oid);
    const own = here.filter((one) => one.byOwner);
    const label = `${table.schema}.${table.name}`;
    if (own.length < here.length) others.push(label);
    if (own.length === 0 || !table.ours) continue;
    const privileges = [...new Set(own.map((one) => one.privilege.toLowerCase()))].join(', ');
    const roles = [...new Set(own.map((one) => one.role))].map(roleSql).join(', ');
    changes.push({
      kind: 'sql',
      id: `privileges ${label}`,
      title: `Revoke ${privileges.toUpperCase()} on ${label} from API roles: row security does not limit ${privileges.includes(',') ? 'them' : 'it'}`,
      mode: 'transaction',
      up: `revoke ${privileges} on table ${sql} from ${roles};`,
      down: own
        .map(
          (one) =>
            `grant ${one.privilege.toLowerCase()} on table ${sql} to ${roleSql(one.role)}${one.grantable ? ' with grant option' : ''};`,
        )
        .join('\n'),
    });
  }
  const notes =
    others.length === 0
      ? []
      : [
          {
            text: `API roles hold TRUNCATE, TRIGGER or REFERENCES on ${others.length === 1 ? others[0] : `${others.length} tables`} from another role than the owner, who alone can revoke them.`,
            detail: others.join('\n'),
          },
        ];
  return { changes, notes };
}

const roleSql = (role: string): string => (role === 'public' ? 'public' : identifier(role));
