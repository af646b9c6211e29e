import { identifier } from '../../../src/database/quote.ts';
import { primaryColumn, profileUser, type Survey } from '../survey.ts';

/**
 * The column of organizations that names their owner, quoted, where policies or functions of the app let in whoever
 * stands there: such an owner belongs to the organization although no membership says so. Null where nothing asks it, or
 * where it holds no id of a user.
 */
export function ownerColumn(found: Survey): string | null {
  const { organizations, profiles, catalog } = found;
  if (organizations === null) return null;
  const column = organizations.columns.find((one) => /(^|_)owner(_|$)/i.test(one.name) && one.base === 'uuid');
  if (column === undefined) return null;
  const target = organizations.constraints.find(
    (one) => one.type === 'f' && one.columns.join() === column.name,
  )?.references;
  const ofUsers = target == null || (target.schema === 'auth' && target.table === 'users');
  const ofProfiles =
    target?.schema === profiles?.schema &&
    target?.table === profiles?.name &&
    target?.columns.join() === profileUser(found);
  if (!ofUsers && !ofProfiles) return null;
  const says = (text: string): boolean =>
    new RegExp(`(?<![\\w$])${column.name}(?![\\w$])`, 'i').test(text) && /\bauth\s*\.\s*uid\s*\(/i.test(text);
  const ofTable = (text: string): boolean => new RegExp(`(?<![\\w$])${organizations.name}(?![\\w$])`, 'i').test(text);
  const asked =
    catalog.policies.some((one) => {
      const text = `${one.using ?? ''} ${one.check ?? ''}`;
      const here = one.schema === organizations.schema && one.table === organizations.name;
      return one.permissive && says(text) && (here || ofTable(text));
    }) || catalog.functions.some((one) => !/trigger$/.test(one.returns) && says(one.body) && ofTable(one.body));
  return asked && primaryColumn(organizations) !== null ? identifier(column.name) : null;
}
