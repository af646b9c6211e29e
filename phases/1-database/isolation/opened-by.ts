import type { DbFunction } from '../../../src/database/catalog/types.ts';
import type { Survey } from '../survey.ts';
import { calledIn, textOf } from './definer-bodies.ts';

const ours = new Set(['current_org_id', 'current_org_role', 'my_org_ids']);

/**
 * The app's own function that says which of several organizations is open, as its policies ask it. Conditions that ask it
 * may stay beside ours, so that both have to give the same answer, or the caller would see nothing: of the memberships
 * that count, ours takes the one that the app's names.
 *
 * Only one that finds its tables wherever it is called from, that refuses nobody, and that does not ask ours.
 */
export function openedBy(survey: Survey): DbFunction | null {
  const { catalog, memberships } = survey;
  if (survey.model !== 'active' || memberships === null) return null;
  const tables = new Set(survey.tenants.map(({ table }) => `${table.schema}.${table.name}`));
  const conditions = catalog.policies
    .filter((one) => tables.has(`${one.schema}.${one.table}`))
    .map((one) => `${one.using ?? ''} ${one.check ?? ''}`);
  // Once ours asks it, it stays so, although policies that said nothing else are gone.
  const before = catalog.functions.find((one) => one.schema === 'public' && one.name === 'current_org_id')?.body ?? '';
  const calls = (text: string, name: string): boolean => calledIn(text).includes(name.toLowerCase());
  const uses = (one: DbFunction): number =>
    conditions.filter((text) => calls(text, one.name)).length + (calls(before, one.name) ? 1000 : 0);
  const found = catalog.functions.filter(
    (one) =>
      one.kind === 'function' &&
      one.ours &&
      !ours.has(one.name) &&
      !one.returnsSet &&
      one.arguments.length === 0 &&
      [survey.idType, 'text', 'uuid'].includes(one.returns) &&
      (one.language === 'sql' || one.language === 'plpgsql') &&
      one.settings.some((setting) => setting.startsWith('search_path=')) &&
      !/\b(insert|update|delete|set_config|raise)\b/i.test(one.body) &&
      uses(one) > 0 &&
      !asksOurs(catalog.functions, one),
  );
  return found.sort((a, b) => uses(b) - uses(a))[0] ?? null;
}

/** Whether it calls ours, itself or through another: then ours cannot call it. */
function asksOurs(all: readonly DbFunction[], one: DbFunction): boolean {
  const seen = new Set<string>();
  const visit = (text: string): boolean =>
    calledIn(text).some((name) => {
      if (ours.has(name)) return true;
      if (seen.has(name)) return false;
      seen.add(name);
      return all.filter((each) => each.name.toLowerCase() === name).some((each) => visit(textOf(each)));
    });
  return visit(textOf(one));
}
