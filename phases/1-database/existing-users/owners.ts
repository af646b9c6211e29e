import { identifier } from '../../../src/database/quote.ts';
import { mentions, wordPattern } from '../../../src/database/words.ts';
import { primaryColumn, profileUser, type Survey } from '../survey.ts';

/**
 * The column of organizations that names their owner, quoted, where the app lets in whoever stands there also to what
 * belongs to the organization: such an owner belongs to it although no membership says so. Null where nothing beyond the
 * organization's own row asks it, since that is all they had, and where it holds no id of a user.
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
    mentions(text, column.name) && mentions(text, organizations.name) && /\bauth\s*\.\s*uid\s*\(/i.test(text);
  const functions = catalog.functions.filter((one) => !/trigger$/.test(one.returns) && says(one.body));
  const asked = catalog.policies.some((one) => {
    if (!one.permissive || (one.schema === organizations.schema && one.table === organizations.name)) return false;
    const text = `${one.using ?? ''} ${one.check ?? ''}`;
    return says(text) || functions.some((each) => new RegExp(`${wordPattern(each.name)}\\s*\\(`, 'i').test(text));
  });
  return asked && primaryColumn(organizations) !== null ? identifier(column.name) : null;
}
