import type { DbFunction } from '../../../src/database/catalog/types.ts';
import type { Survey } from '../survey.ts';
import { calledIn, textOf } from './definer-bodies.ts';
import { nodes } from './expression.ts';
import { type Judging, queryOf } from './scope.ts';
import { source } from './source.ts';

const ours = new Set(['current_org_id', 'current_org_role', 'my_org_ids', 'my_colleagues']);

/**
 * The app's own function that says which of several organizations is open, as its policies ask it. Conditions that ask it
 * may stay beside ours, so that both have to give the same answer, or the caller would see nothing: of the memberships
 * that count, ours takes the one that the app's names.
 *
 * Only one that finds its tables wherever it is called from, that refuses nobody, and that does not ask ours; and none
 * that says just what ours says anyway: a second function costs every query of every table.
 */
export function openedBy(survey: Survey, world: Judging): DbFunction | null {
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
      !asksOurs(catalog.functions, one) &&
      !(profileOpens(survey) && saysProfile(survey, one, world)),
  );
  return found.sort((a, b) => uses(b) - uses(a))[0] ?? null;
}

/** A column of the profile says which organization is open: ours takes that one before it looks at the token. */
export const profileOpens = (survey: Survey): boolean =>
  survey.model === 'active' && survey.from.some((name) => /^(active|current|selected)_/.test(name));

/** Its answer is the organization of the profile, and where it asks memberships as well, of one that says so. */
function saysProfile({ profiles }: Survey, one: DbFunction, world: Judging): boolean {
  const query = queryOf(one);
  const call = { FuncCall: { funcname: [one.schema, one.name].map((sval) => ({ String: { sval } })) } };
  const scope = { ranges: [], params: new Map(), positional: [], outer: null, path: ['public'], depth: 0 };
  const said = source(call, scope, world);
  const reads = query === null ? [] : nodes(query, 'RangeVar').map(({ relname }) => relname);
  return (
    said.is === 'organization' &&
    said.exact &&
    said.breadth === 'current' &&
    profiles !== null &&
    reads.includes(profiles.name)
  );
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
