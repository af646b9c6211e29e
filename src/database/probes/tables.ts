import type { CheckResult } from '../../rollout/check.ts';
import type { Policy } from '../catalog/types.ts';
import { identifier, qualified } from '../quote.ts';
import { preparation, removeSql } from './cast.ts';
import type { ApiRole, ColumnFacts, TableFacts } from './facts.ts';
import { type Family, findRow, insertSql, type Row, rowFilter } from './rows.ts';
import { type Act, evidence, type Outcome, perform, type Settings } from './script.ts';
import { type Judgement, judgeForeign, judgeOwn, notTried, type Question, refusal, result, rows } from './verdict.ts';
import { anonClaims, claims, nameOf, type World } from './world.ts';

/** How a table is told apart by organization. */
export type Scope =
  | { readonly kind: 'organization' }
  | { readonly kind: 'column'; readonly column: string }
  /** It has no such column, but a NOT NULL foreign key leads to a row that has. */
  | { readonly kind: 'parent'; readonly columns: readonly string[]; readonly table: string }
  | { readonly kind: 'none' };

export type Attempt = {
  readonly world: World;
  readonly settings: Settings;
  readonly family: Family;
  /** Whether triggers and foreign keys rest while rows are prepared. */
  readonly quiet: boolean;
  /** More statements before the acts: the rows that were copied from existing ones. */
  readonly extra?: readonly string[];
};

type Probe = {
  readonly question: Question;
  readonly acts: readonly Act[];
  readonly judge: (outcomes: readonly Outcome[]) => Judgement;
};

/**
 * Acts upon a table and yields one result per act.
 *
 * @throws whatever the server says about the preparation; nothing is left behind.
 */
export async function probeTable(attempt: Attempt, table: TableFacts, scope: Scope): Promise<readonly CheckResult[]> {
  const a = findRow(attempt.family, table, 'a');
  const b = findRow(attempt.family, table, 'b') ?? a;
  if (a === undefined || b === undefined) throw new Error(`${nameOf(table)} has no row to act upon`);
  const probes = scope.kind === 'none' ? globalProbes(attempt, table, a) : tenantProbes(attempt, table, scope, a, b);
  const prepared = [...preparation(attempt.world, attempt.family, attempt.quiet), ...(attempt.extra ?? [])];
  const outcomes = await perform(
    attempt.world.client,
    attempt.settings,
    prepared,
    probes.flatMap(({ acts }) => acts),
  );
  return probes.map(({ question, acts, judge }) => {
    const own = acts.flatMap((act) => outcomes.get(act.name) ?? []);
    const judgement = judge(own);
    // The act that explains the verdict is the one to show: the first that failed, else the first.
    const shown =
      acts.find((_, index) => own[index] !== undefined && judge([own[index]]).verdict === judgement.verdict) ?? acts[0];
    return result(question, judgement, own, shown === undefined ? '' : evidence(attempt.settings, prepared, shown));
  });
}

const foreign = 'of another organization';

function tenantProbes(attempt: Attempt, table: TableFacts, scope: Scope, a: Row, b: Row): readonly Probe[] {
  const { world, family, quiet } = attempt;
  const { ids } = family;
  const name = qualified(table.schema, table.name);
  const prefix = `${world.options.idPrefix ?? '1.7/two-org'}/${nameOf(table)}`;
  const [own, theirs] = [rowFilter(world, a), rowFilter(world, b)];
  const token = claims(ids, 'a', { org: ids.org.a });
  const tokens = {
    plain: token,
    none: claims(ids, 'a', { org: null }),
    forged: claims(ids, 'a', {
      org: ids.org.a,
      userMetadata: { org_id: ids.org.b, organization_id: ids.org.b, tenant_id: ids.org.b },
    }),
    forgedOnly: claims(ids, 'a', {
      org: null,
      userMetadata: { org_id: ids.org.b, organization_id: ids.org.b, tenant_id: ids.org.b },
    }),
    noUuid: claims(ids, 'a', { org: 'not-a-uuid' }),
  };
  const as = (role: ApiRole, json: string) => ({ role, claims: json });
  const read = (act: string, who: { role: ApiRole; claims: string }, filter: string): Act => ({
    name: act,
    ...who,
    sql: [`select count(*) from ${name} where ${filter}`],
    measure: 'value',
  });
  const insert = (act: string, who: { role: ApiRole; claims: string }, row: Row, filter: string): Act => ({
    name: act,
    ...who,
    before: removeSql(row, filter, quiet),
    sql: [insertSql(row, insertable(table, who.role))],
    measure: 'rows',
    observe: `select count(*) from ${name} where ${filter}`,
  });
  const update = (act: string, who: { role: ApiRole; claims: string }, row: Row, filter: string): Act => ({
    name: act,
    ...who,
    ...at(table, filter),
    sql: [`update ${name} set ${assignment(world, row, who.role)} where ${target(table, filter)}`],
    measure: 'rows',
  });
  const remove = (act: string, who: { role: ApiRole; claims: string }, filter: string): Act => ({
    name: act,
    ...who,
    ...at(table, filter),
    sql: [`delete from ${name} where ${target(table, filter)}`],
    measure: 'rows',
  });
  const me = as('authenticated', token);
  const anon = as('anon', anonClaims);
  const both = `(${own}) or (${theirs})`;
  const ask = (id: string, title: string, expected: string, advice: string): Question => ({
    id: `${prefix}/${id}`,
    title: `${nameOf(table)}: ${title}`,
    expected,
    advice,
  });
  const foreignProbe = (id: string, title: string, advice: string, acts: readonly Act[]): Probe => ({
    question: ask(id, title, `0 rows ${foreign}`, advice),
    acts,
    judge: (outcomes) =>
      worst(outcomes.map((outcome, index) => judgeForeign(outcome, reached(outcome), foreign, acts[index] as Act))),
  });
  const ownProbe = (id: string, title: string, act: Act): Probe => ({
    question: ask(
      id,
      title,
      '1 row of its own',
      'A policy shuts its own organization out: its members lose their data.',
    ),
    acts: [act],
    judge: ([outcome]) => {
      if (outcome === undefined) throw new Error(`${act.name} has no outcome`);
      const judgement = judgeOwn(outcome, reached(outcome), 'of its own', act);
      return judgement.verdict === 'failed' && closed(world.catalog.policies, table, act)
        ? { verdict: 'passed', observed: `${judgement.observed}: closed to everybody, no policy covers it` }
        : judgement;
    },
  });
  const probes: Probe[] = [
    foreignProbe('read', 'a user of A reads rows of B', advice.read, [read('read', me, theirs)]),
    foreignProbe('update', 'a user of A updates a row of B', advice.update, [update('update', me, b, theirs)]),
    foreignProbe('delete', 'a user of A deletes a row of B', advice.delete, [remove('delete', me, theirs)]),
  ];
  if (scope.kind !== 'organization') {
    probes.push(
      foreignProbe('insert', 'a user of A inserts a row for B', advice.insert, [insert('insert', me, b, theirs)]),
      moveProbe(attempt, table, scope, a, b, foreignProbe, me),
    );
  }
  probes.push(
    foreignProbe('token-forged', 'user_metadata that claims B changes nothing', advice.forged, [
      read('forged-read', as('authenticated', tokens.forged), theirs),
      read('forged-only-read', as('authenticated', tokens.forgedOnly), theirs),
      update('forged-update', as('authenticated', tokens.forged), b, theirs),
      update('forged-only-update', as('authenticated', tokens.forgedOnly), b, theirs),
      ...(scope.kind === 'organization'
        ? []
        : [insert('forged-only-insert', as('authenticated', tokens.forgedOnly), b, theirs)]),
    ]),
    tokenProbe(
      ask,
      'token-without-claim',
      'a token from before the backfill',
      [
        read('none-theirs', as('authenticated', tokens.none), theirs),
        read('none-own', as('authenticated', tokens.none), own),
      ],
      world,
      table,
    ),
    tokenProbe(
      ask,
      'token-not-a-uuid',
      'a token whose org_id is no uuid',
      [
        read('no-uuid-theirs', as('authenticated', tokens.noUuid), theirs),
        read('no-uuid-own', as('authenticated', tokens.noUuid), own),
      ],
      world,
      table,
    ),
    ownProbe('own-read', 'a user of A reads its own row', read('own-read', me, own)),
  );
  // Organizations, profiles and memberships have rules of their own about who may write: see members.ts.
  if (![world.organizations, world.profiles, world.memberships].includes(table)) {
    probes.push(
      ownProbe('own-insert', 'a user of A inserts its own row', insert('own-insert', me, a, own)),
      ownProbe('own-update', 'a user of A updates its own row', {
        ...update('own-update', me, a, own),
        sql: [`update ${name} set ${assignment(world, a, 'authenticated')} where ${own}`],
      }),
      ownProbe('own-delete', 'a user of A deletes its own row', {
        ...remove('own-delete', me, own),
        sql: [`delete from ${name} where ${own}`],
      }),
    );
  }
  probes.push(
    foreignProbe('anon-read', 'without a login: read', advice.anon, [read('anon-read', anon, both)]),
    foreignProbe('anon-update', 'without a login: update', advice.anon, [update('anon-update', anon, b, theirs)]),
    foreignProbe('anon-delete', 'without a login: delete', advice.anon, [remove('anon-delete', anon, theirs)]),
    foreignProbe('anon-insert', 'without a login: insert', advice.anon, [insert('anon-insert', anon, b, theirs)]),
  );
  return probes;
}

const advice = {
  read: 'Enable row security and allow SELECT only where the row belongs to the caller’s organization.',
  update: 'Allow UPDATE only where the row belongs to the caller’s organization (USING).',
  delete: 'Allow DELETE only where the row belongs to the caller’s organization (USING).',
  insert: 'Allow INSERT only of rows of the caller’s organization (WITH CHECK).',
  move: 'Give the UPDATE policy a WITH CHECK, so that a row cannot be handed to another organization.',
  forged: 'Read the organization from app_metadata: every user can write their own user_metadata.',
  anon: 'Revoke the privilege from anon, or write the policy TO authenticated.',
  global:
    'Revoke INSERT, UPDATE and DELETE from anon and authenticated, or enable row security: every user can change what all organizations share.',
} as const;

/** Rows that an act got at: what it left behind where that was looked at, else what came back or was changed. */
const reached = (outcome: Outcome): number => outcome.seen ?? Number(outcome.result ?? 0);

function worst(judgements: readonly Judgement[]): Judgement {
  const found =
    judgements.find(({ verdict }) => verdict === 'failed') ??
    judgements.find(({ verdict }) => verdict === 'skipped') ??
    judgements[0];
  if (found === undefined) throw new Error('no act was judged');
  return found;
}

const at = (table: TableFacts, filter: string): { cursor?: string } =>
  // Foreign tables know no WHERE CURRENT OF.
  table.kind === 'f'
    ? {}
    : { cursor: `select 1 from ${qualified(table.schema, table.name)} where ${filter} for update` };

const target = (table: TableFacts, filter: string): string =>
  table.kind === 'f' ? filter : 'current of voxanne_probe';

/** Where only some columns are granted, only these are written: the rest would be refused for the wrong reason. */
const insertable = (table: TableFacts, role: ApiRole): ((column: ColumnFacts) => boolean) => {
  const granted = table.columns.filter((column) => column.grants.includes(`${role}.insert`));
  return granted.length === 0 ? () => true : (column) => granted.includes(column);
};

/** Sets a column to the value that it has: enough to know whether the row can be reached, and no constraint minds. */
function assignment(world: World, row: Row, role: ApiRole): string {
  const keys = new Set([...row.table.primary, world.tenantColumns.get(nameOf(row.table))]);
  const open = row.table.columns.filter((column) => !column.generated);
  const granted = open.filter((column) => column.grants.includes(`${role}.update`));
  const choice = granted.length > 0 ? granted : open;
  const column =
    choice.find(({ name }) => !keys.has(name) && row.values.has(name)) ??
    choice.find(({ name, notNull }) => !keys.has(name) && !notNull) ??
    choice.find(({ name }) => row.values.has(name)) ??
    choice[0];
  if (column === undefined) throw new Error(`${nameOf(row.table)} has no column`);
  return `${identifier(column.name)} = ${row.cloned === true ? identifier(column.name) : (row.values.get(column.name) ?? column.default ?? 'null')}`;
}

function moveProbe(
  { world, quiet }: Attempt,
  table: TableFacts,
  scope: Scope,
  a: Row,
  b: Row,
  foreignProbe: (id: string, title: string, advice: string, acts: readonly Act[]) => Probe,
  me: { readonly role: ApiRole; readonly claims: string },
): Probe {
  const name = qualified(table.schema, table.name);
  const columns = scope.kind === 'column' ? [scope.column] : scope.kind === 'parent' ? scope.columns : [];
  const sets = columns.map((column) => `${identifier(column)} = ${b.values.get(column)}`).join(', ');
  const now = columns.map((column) => `${identifier(column)} = ${b.values.get(column)}`).join(' and ');
  const own = rowFilter(world, a);
  return foreignProbe('move', 'a user of A moves its own row to B', advice.move, [
    {
      name: 'move',
      ...me,
      before: removeSql(b, rowFilter(world, b), quiet),
      ...at(table, own),
      sql: [`update ${name} set ${sets} where ${target(table, own)}`],
      measure: 'rows',
      observe: `select count(*) from ${name} where ${now}`,
    },
  ]);
}

function tokenProbe(
  ask: (id: string, title: string, expected: string, advice: string) => Question,
  id: string,
  title: string,
  acts: readonly [Act, Act],
  world: World,
  table: TableFacts,
): Probe {
  const fallsBack = world.profiles !== null;
  return {
    question: ask(
      id,
      `${title} reads`,
      fallsBack ? `its own row, 0 rows ${foreign}` : `0 rows ${foreign}`,
      'Let the policy fall back to the caller’s profile when the claim is missing or is no uuid: such tokens live until they expire.',
    ),
    acts,
    judge: (outcomes) => {
      const [theirs, own] = outcomes;
      if (theirs === undefined) throw new Error(`${id} has no outcome`);
      // Shown alone, the second read is not a read of another organization.
      if (own === undefined) return judgeForeign(theirs, reached(theirs), foreign, acts[0]);
      const leak = judgeForeign(theirs, reached(theirs), foreign, acts[0]);
      if (leak.verdict !== 'passed' || !fallsBack) return leak;
      const untried = notTried(own);
      if (untried !== null) return untried;
      const mine = judgeOwn(own, reached(own), 'of its own', acts[1]);
      if (mine.verdict === 'failed' && closed(world.catalog.policies, table, acts[1])) {
        return { verdict: 'passed', observed: `${leak.observed}; own row closed to everybody, no policy covers it` };
      }
      return {
        ...mine,
        observed: `${leak.observed}; ${own.stage === 'act' ? mine.observed : rows(reached(own), 'of its own')}`,
      };
    },
  };
}

/** Row security is on and no permissive policy lets the role do this at all: meant for the server alone. */
function closed(policies: readonly Policy[], table: TableFacts, act: Act): boolean {
  const statement = act.sql.at(-1) ?? '';
  const command = statement.startsWith('select') ? 'SELECT' : statement.slice(0, 6).toUpperCase();
  const needed = command === 'UPDATE' || command === 'DELETE' ? [command, 'SELECT'] : [command];
  return needed.some(
    (one) =>
      !policies.some(
        (policy) =>
          policy.schema === table.schema &&
          policy.table === table.name &&
          policy.permissive &&
          (policy.command === 'ALL' || policy.command === one) &&
          (policy.roles.includes('public') || policy.roles.includes(act.role)),
      ),
  );
}

/**
 * Tables that belong to no organization. Reading is no failure, since shared look-up tables are made to be read; it is
 * reported, because the operator may know better. Writing by anon or by any authenticated user is one: it changes what
 * every organization sees.
 */
function globalProbes({ world, quiet }: Attempt, table: TableFacts, row: Row): readonly Probe[] {
  const name = qualified(table.schema, table.name);
  const prefix = `${world.options.idPrefix ?? '1.7/two-org'}/${nameOf(table)}`;
  const filter = rowFilter(world, row);
  return (['authenticated', 'anon'] as const).map((role): Probe => {
    const json =
      role === 'anon'
        ? anonClaims
        : JSON.stringify({ role, sub: '00000000-0000-4000-8000-000000000000', app_metadata: {} });
    const who = { role, claims: json };
    const acts: readonly Act[] = [
      {
        name: `${role}-insert`,
        ...who,
        before: removeSql(row, filter, quiet),
        sql: [insertSql(row, insertable(table, role))],
        measure: 'rows',
        observe: `select count(*) from ${name} where ${filter}`,
      },
      {
        name: `${role}-update`,
        ...who,
        ...at(table, filter),
        sql: [`update ${name} set ${assignment(world, row, role)} where ${target(table, filter)}`],
        measure: 'rows',
      },
      {
        name: `${role}-delete`,
        ...who,
        ...at(table, filter),
        sql: [`delete from ${name} where ${target(table, filter)}`],
        measure: 'rows',
      },
      { name: `${role}-read`, ...who, sql: [`select count(*) from ${name} where ${filter}`], measure: 'value' },
    ];
    return {
      question: {
        id: `${prefix}/not-tenant-scoped/${role}`,
        title: `${nameOf(table)}: not tenant-scoped, what ${role} may do`,
        expected: 'no insert, update or delete; reading is reported',
        advice: advice.global,
      },
      acts,
      judge: (outcomes) => {
        const judged = outcomes.map((outcome, index) =>
          judgeForeign(outcome, reached(outcome), '', acts[index] as Act),
        );
        if (outcomes.length === 1) return judged[0] as Judgement;
        const words = ['insert', 'update', 'delete', 'read'].map((verb, index) => {
          const outcome = outcomes[index];
          const can = judged[index]?.verdict === 'failed';
          return can ? `can ${verb}` : `cannot ${verb}${outcome?.stage === 'act' ? ` (${refusal(outcome)})` : ''}`;
        });
        const writes = judged.slice(0, 3);
        return { ...worst(writes), observed: words.join(', ') };
      },
    };
  });
}
