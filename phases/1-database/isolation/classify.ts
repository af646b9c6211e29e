import type { DbFunction, Policy, Table } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import type { Tree } from '../../../src/database/rename/tree.ts';
import { profileUser, type Survey, tenantOf } from '../survey.ts';
import { joined } from './caller.ts';
import { calledIn, textOf } from './definer-bodies.ts';
import { nodes, same, tree } from './expression.ts';
import { features } from './features.ts';
import { type Atom, both, judge } from './judge.ts';
import { roleSource } from './rules.ts';
import type { Directory, Judging, Scope } from './scope.ts';
import { alternativesOf, unbracketed } from './split.ts';

/**
 * What one alternative of a policy's condition amounts to.
 *
 * - `organization`: the row is of the caller's organization, and nothing else is asked.
 * - `within`: asked beside the organization, or by what cannot be read to its end: it may only stay beside our rule.
 * - `own`: the row is the caller's own, or linked to one that is.
 * - `shared`: another column of the row names the caller's organization.
 * - `open`: true for everybody, or for whoever signs up.
 * - `public`: asks the row, a setting, a header or the time, and not who is calling.
 * - `metadata`: asks what users write about themselves, for more than their organization.
 * - `never`: true for nobody who comes through the API.
 */
export type Meaning = 'organization' | 'within' | 'own' | 'shared' | 'open' | 'public' | 'metadata' | 'never';

export type Alternative = {
  readonly meaning: Meaning;
  /** What it asks, as the app wrote it. */
  readonly text: string;
  /** The same with what may not be believed left out, and a second organization asked as ours. Null: nothing is left. */
  readonly safe: string | null;
  /** Whatever else it asks, a column that says whose the row is holds an organization of the caller. */
  readonly bound: boolean;
  /**
   * It ties the row to the caller by something else than the organization that the row belongs to, as a table of shares
   * does: it may let through rows of others, and mean that.
   */
  readonly shares: boolean;
  /**
   * It asks who is calling, and of the row at most what it is, not whose: as a platform's own people are let through
   * everywhere. `role`: only which role they have as a member, and that is one of the organization of their membership.
   */
  readonly anywhere: { readonly by: 'person' | 'role'; readonly who: string; readonly where: string | null } | null;
};

export type Guarded = {
  readonly schema: string;
  readonly name: string;
  /** Columns that say which organization a row belongs to, as they are called now. */
  readonly keys: readonly string[];
  /** SQL that a column holds an organization of the caller, alone or in a list; null where its type says neither. */
  readonly isCallers: (sql: string, column: string) => string | null;
  /**
   * SQL that a column holds an organization where the caller has one of these roles, for a table whose policies must not
   * read it themselves: ours ask in a subquery, and PostgreSQL refuses a subquery within one over the same table.
   */
  readonly isCallersAs?: (column: string, roles: readonly string[]) => string;
  /** The new rule shows all organizations of the caller, or the one that is open. */
  readonly breadth: 'current' | 'all';
};

/** What a condition lets through, alternative by alternative. No condition lets everything through. */
export async function meaningsOf(
  expression: string | null,
  table: Guarded,
  world: Judging,
  anon: boolean,
): Promise<readonly Alternative[]> {
  if (expression === null)
    return [{ meaning: 'open', text: 'true', safe: null, bound: false, shares: false, anywhere: null }];
  const found: Alternative[] = [];
  for (const parts of alternativesOf(expression)) found.push(await meaningOf(parts, table, world, anon));
  return found;
}

async function meaningOf(
  parts: readonly string[],
  table: Guarded,
  world: Judging,
  anon: boolean,
): Promise<Alternative> {
  const scope = rowScope(table, world);
  const isKey = (column: string | null): boolean => column !== null && table.keys.includes(column);
  // An invitation, a customer, a guest of a project: whoever has such a row in an organization is no member of it for
  // that, and each of its rows is not theirs. Which organization somebody was invited to, they may see.
  const ofWholeOrganization = (by: readonly string[] | undefined): boolean =>
    by !== undefined && by.length > 0 && by.every(isKey) && `${table.schema}.${table.name}` !== world.organizations;
  const atoms: Atom[] = [];
  let tied = false;
  const who: string[] = [];
  const where: string[] = [];
  for (const part of parts) {
    const root = await tree(part);
    const judged: Atom = root === null ? { is: 'unknown' } : judge(root, scope, world);
    const atom: Atom = judged.is === 'own' && ofWholeOrganization(judged.by) ? { is: 'unknown' } : judged;
    atoms.push(atom);
    const found = root === null || atom.is !== 'unknown' ? null : features(root, scope, world);
    if (atom.is === 'caller' || atom.is === 'signed in' || (found?.asks === true && !found.row))
      who.push(unbracketed(part));
    else if (atom.is === 'row') where.push(unbracketed(part));
    if (root === null) continue;
    tied ||= atom.is === 'inherits' || (atom.is === 'organization' && !isKey(atom.column)) || found?.row === true;
  }
  const ofRole = atoms.every(
    (one) => one.is === 'signed in' || one.is === 'row' || (one.is === 'caller' && one.member === true),
  );
  const anywhere: Alternative['anywhere'] =
    who.length === 0 || who.length + where.length < parts.length
      ? null
      : { by: ofRole ? 'role' : 'person', who: joined(who), where: where.length === 0 ? null : joined(where) };
  const text = joined(parts.map(unbracketed));
  const [key] = table.keys;
  const trusted = parts.flatMap((part, index) => {
    const atom = atoms[index];
    if (atom?.is === 'metadata' && isKey(atom.column)) return [];
    if (atom?.is === 'organization' && atom.exact && atom.column !== null && !isKey(atom.column)) {
      return [table.isCallers(quotedColumn(part, atom.column), atom.column) ?? unbracketed(part)];
    }
    if (
      atom?.is === 'organization' &&
      atom.roles !== undefined &&
      atom.column !== null &&
      table.isCallersAs !== undefined
    )
      return [table.isCallersAs(quotedColumn(part, atom.column), atom.roles)];
    if (atom?.is === 'caller' && atom.roles !== undefined && table.isCallersAs !== undefined && key !== undefined)
      return [table.isCallersAs(identifier(key), atom.roles)];
    return [unbracketed(part)];
  });
  const safe = trusted.length === 0 ? null : joined(trusted);
  const bound = atoms.some((one) => one.is === 'organization' && isKey(one.column));
  const result = (meaning: Meaning): Alternative => ({
    meaning,
    text,
    safe,
    bound,
    shares: meaning === 'within' && tied && !bound,
    anywhere: meaning === 'within' ? anywhere : null,
  });
  if (atoms.some((one) => one.is === 'metadata' && !isKey(one.column))) return result('metadata');
  if (atoms.some((one) => one.is === 'metadata')) {
    const rest = both(atoms.filter((one) => one.is !== 'metadata'));
    return result(
      rest.is === 'true' || rest.is === 'signed in' ? 'organization' : rest.is === 'false' ? 'never' : 'within',
    );
  }
  const whole = both(atoms);
  switch (whole.is) {
    case 'organization': {
      if (whole.exact && isKey(whole.column)) {
        return result(whole.breadth === 'current' && table.breadth === 'all' ? 'within' : 'organization');
      }
      const onKey = atoms.some((one) => one.is === 'organization' && isKey(one.column));
      const second = atoms.some((one) => one.is === 'organization' && one.column !== null && !isKey(one.column));
      return result(!onKey && second ? 'shared' : 'within');
    }
    case 'true':
    case 'signed in':
      return result('open');
    case 'false':
      return result('never');
    case 'own':
      // Members whom the owner of their organization manages, and nobody's own membership.
      return result(whole.through === 'organization' && table.isCallersAs !== undefined ? 'within' : 'own');
    case 'inherits':
      // What the policies of another table let through: for visitors that is a public page as well.
      return result(anon ? 'public' : 'within');
    case 'setting':
      // A setting that names the organization narrows to it; beside the membership it cannot name another.
      return result(atoms.some((one) => one.is === 'setting' && isKey(one.column ?? null)) ? 'within' : 'public');
    case 'row':
      return result('public');
    default:
      return result('within');
  }
}

/** The column as the condition writes it, in quotes where it needs them. */
const quotedColumn = (part: string, column: string): string => (part.includes(`"${column}"`) ? `"${column}"` : column);

/** The row that a policy guards, as its conditions name it. */
export const rowScope = (table: Pick<Guarded, 'schema' | 'name'>, world: Judging): Scope => ({
  ranges: [
    {
      alias: table.name,
      table: `${table.schema}.${table.name}`,
      columns: world.columns.get(`${table.schema}.${table.name}`) ?? new Set(),
      row: true,
    },
  ],
  params: new Map(),
  positional: [],
  outer: null,
  path: ['public', table.schema],
  depth: 0,
});

/**
 * Everything that conditions are judged with, out of the survey. `strict`: only what says now where the caller belongs
 * counts for that, and only with the conditions of a membership that counts.
 */
export async function judging(survey: Survey, from: readonly string[], strict = false): Promise<Judging> {
  const { catalog, memberships, profiles } = survey;
  const columns = new Map(
    catalog.tables.map((table) => [`${table.schema}.${table.name}`, new Set(table.columns.map((one) => one.name))]),
  );
  columns.set('auth.users', new Set(['id', 'email', 'raw_user_meta_data', 'raw_app_meta_data']));
  const directories: Directory[] = [];
  const living = survey.living('o') === 'true';
  if (memberships !== null) {
    const active = await activeParts(memberships.active('m'));
    directories.push({
      table: `${memberships.table.schema}.${memberships.table.name}`,
      user: memberships.userColumn,
      role: memberships.roleColumn,
      keys: keyNames(survey, memberships.table),
      breadth: 'all',
      counts: (condition) => active.some((one) => same(one, condition)),
      meets: (conditions) =>
        !strict || (living && active.every((one) => conditions.some((condition) => same(one, condition)))),
    });
  }
  if (profiles !== null && survey.profileOrg !== null && (!strict || survey.truth === 'profiles')) {
    const active = await activeParts(survey.profileCounts.active('m'));
    directories.push({
      table: `${profiles.schema}.${profiles.name}`,
      user: profileUser(survey),
      role: roleSource(survey)?.table === profiles ? (roleSource(survey)?.column ?? null) : null,
      keys: keyNames(survey, profiles),
      breadth: 'current',
      counts: (condition) => active.some((one) => same(one, condition)),
      meets: (conditions) =>
        !strict || (living && active.every((one) => conditions.some((condition) => same(one, condition)))),
    });
  }
  const rowSecurity = new Set(
    catalog.tables.filter((one) => one.rowSecurity).map((one) => `${one.schema}.${one.name}`),
  );
  const asking = askingFunctions(catalog.functions);
  return {
    organizations: survey.organizations === null ? null : `${survey.organizations.schema}.${survey.organizations.name}`,
    functions: catalog.functions,
    columns,
    views: new Map(catalog.views.map((view) => [`${view.schema}.${view.name}`, view])),
    directories,
    claims: new Set(strict ? [] : [survey.to, ...from, 'org_id', 'organization_id', 'tenant_id']),
    one: survey.model === 'one',
    guards: (table) => rowSecurity.has(table),
    asking: (one) => asking.has(one.oid),
  };
}

/** Every column of a table that means the organization: it may still carry an old name beside the new one. */
function keyNames(survey: Survey, table: Table): ReadonlySet<string> {
  const tenant = tenantOf(survey, table);
  return new Set(tenant === null ? [survey.to] : [tenant.key, ...tenant.also].map((one) => one.name));
}

/** Each condition of "the membership counts", with columns as any alias may write them. */
async function activeParts(condition: string): Promise<readonly Tree[]> {
  if (condition === 'true') return [];
  const parts: Tree[] = [];
  for (const alternative of alternativesOf(condition, 1)) {
    for (const part of alternative) {
      const root = await tree(part);
      if (root !== null) parts.push(root);
    }
  }
  return parts;
}

const asksCaller =
  /\bauth\s*\.\s*(uid|jwt|role|email)\s*\(|request\.jwt|\bcurrent_org_id\b|\bcurrent_org_role\b|\bmy_org_ids\b/i;

/** Oids of the functions that ask who is calling, themselves or through another. */
export function askingFunctions(functions: readonly DbFunction[]): ReadonlySet<number> {
  const names = new Set<string>();
  const oids = new Set<number>();
  for (let before = -1; before !== oids.size; ) {
    before = oids.size;
    for (const one of functions) {
      const text = textOf(one);
      if (!oids.has(one.oid) && (asksCaller.test(text) || calledIn(text).some((name) => names.has(name)))) {
        oids.add(one.oid);
        names.add(one.name.toLowerCase());
      }
    }
  }
  return oids;
}

/** Of a policy: the condition that decides which rows one command finds, and the one that its new rows must pass. */
export const usingOf = (policy: Policy, command: Policy['command']): string | null =>
  command === 'INSERT' ? null : policy.using;
export const checkOf = (policy: Policy, command: Policy['command']): string | null =>
  command === 'INSERT' || command === 'UPDATE' ? (policy.check ?? policy.using) : null;

/** Tables that a condition itself reads, as the caller: `schema.name`. */
export async function readBy(expression: string | null): Promise<readonly string[]> {
  const root = expression === null ? null : await tree(expression);
  if (root === null) return [];
  return nodes(root, 'RangeVar').map((one) => `${one.schemaname ?? 'public'}.${one.relname}`);
}

export async function hasSubquery(expression: string | null): Promise<boolean> {
  const root = expression === null ? null : await tree(expression);
  return root !== null && nodes(root, 'SubLink').length > 0;
}
