import type { ClientBase } from 'pg';
import { decide } from '../../src/config/answers.ts';
import { qualified } from '../../src/database/quote.ts';
import { loadParser } from '../../src/database/rename/parser.ts';
import { rolledBack } from '../../src/database/rolled-back.ts';
import { countDoors } from '../../src/isolation/doors.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { checkAdvisors } from './advisors.ts';
import { checkDocuments, checkIsolation } from './checks.ts';
import { checkAccess, lookAtAccess } from './isolation/access.ts';
import { askAnywhere, type Reached, reachedIn } from './isolation/anywhere.ts';
import { checkCatalog } from './isolation/checks.ts';
import { judging } from './isolation/classify.ts';
import { closeReferences } from './isolation/close-references.ts';
import { planDefiners } from './isolation/definers.ts';
import { type IsolationFacts, isolationFacts } from './isolation/facts.ts';
import { planHelpers } from './isolation/functions.ts';
import type { PolicyContext } from './isolation/judged.ts';
import { linksOf, unexplained } from './isolation/links.ts';
import { stoppedTriggers } from './isolation/logs.ts';
import { openedBy } from './isolation/opened-by.ts';
import { planPlatform } from './isolation/platform-policies.ts';
import type { TablePlan } from './isolation/policies.ts';
import { dropId } from './isolation/policy-changes.ts';
import { planPrivileges } from './isolation/privileges.ts';
import { proofsOf } from './isolation/proofs.ts';
import { type Asking, circles as circlesOf } from './isolation/recursion.ts';
import { referenceNotes } from './isolation/references.ts';
import { planReportingRoles } from './isolation/reporting-roles.ts';
import { roleSource, rulesOf } from './isolation/rules.ts';
import { decisionsOf, planTables, renamerOf } from './isolation/tables.ts';
import { planViews } from './isolation/views.ts';
import { checkLive } from './live.ts';
import { modelQuestions } from './survey/questions.ts';
import { type Survey, survey } from './survey.ts';

export const step: Step<Target> = {
  id: '1.7',
  title: 'Isolate organizations',
  why: "Until row security is on, any signed-in user can read and change every organization's rows, and so may anyone with the public key. From here on the database answers for the caller's organization only.",
  running: {
    before: 'Code that reads or writes across organizations as a signed-in user must use the service role instead.',
    after:
      'Users reach only what their memberships and the kept policies allow, with their next statement; nobody has to sign in again.',
  },
  plan,
  queries: async function* (target) {
    const found = await survey(target);
    yield* checkDocuments(target, found, '1.7');
    yield* checkCatalog(target, found);
  },
  look: lookAtAccess,
  proofs: (target, changes) => proofsOf(target, changes, { look: lookAtAccess, checks: checkDatabase }),
  checks: async function* (target, signal, before) {
    yield* checkDatabase(target, signal, before);
    yield* checkAdvisors(target, signal);
    yield* checkLive(target, await survey(target), signal);
  },
};

/** What can be asked on the one connection, and so also in a transaction that is rolled back. */
async function* checkDatabase(
  target: Target,
  signal: AbortSignal,
  before: unknown,
  only?: ReadonlySet<string>,
): ReturnType<Step<Target>['checks']> {
  const found = await survey(target);
  if (only === undefined) {
    yield* checkDocuments(target, found, '1.7');
    yield* checkCatalog(target, found);
  }
  yield* countDoors(checkRights(target, found, signal, before, only), '1.7/doors');
}

async function* checkRights(
  target: Target,
  found: Survey,
  signal: AbortSignal,
  before: unknown,
  only?: ReadonlySet<string>,
): ReturnType<Step<Target>['checks']> {
  const notMade = new Map<string, string>();
  for await (const result of checkIsolation(target, found, signal, only, before)) {
    const [, , door, what] = result.id.split('/');
    if (door !== undefined && what === undefined && result.verdict === 'skipped')
      notMade.set(door, result.advice ?? result.observed);
    yield result;
  }
  yield* checkAccess(target, found, signal, before, only, notMade);
}

async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const client = await target.session.work();
  const facts = await isolationFacts(client, found);
  const made = await planIsolation(found, facts, target.config, counter(client), reachedIn(client, found));
  if (!target.config.decisions.sameOrganizationReferences)
    return { ...made, notes: [...made.notes, ...(await referenceNotes(client, found))] };
  const closing = await closeReferences(client, found);
  const blockers = [...made.blockers, ...closing.blockers];
  return {
    changes: blockers.length > 0 ? [] : [...made.changes, ...closing.changes],
    blockers,
    notes: [...made.notes, ...closing.notes],
  };
}

/**
 * The order keeps every moment safe. New policies do nothing while row security is off, and where it is on they add
 * nothing to the old ones. What would come alive with row security is dropped while it is still inert. Then row security
 * goes on; only then do the old policies of guarded tables go, so that nobody is without one in between. Each policy
 * statement is a change, and so a transaction, of its own: on hosted projects it locks the auth tables until commit.
 */
export async function planIsolation(
  found: Survey,
  facts: IsolationFacts,
  config: Target['config'],
  count: PolicyContext['count'] = async () => null,
  reached: Reached = async () => new Map(),
): Promise<Plan> {
  await loadParser();
  const blockers: Blocker[] = [...blocked(found), ...unattributed(found, facts.pointing)];
  const world = await judging(found, found.from);
  const helpers = planHelpers(found, config.decisions.createProfiles, openedBy(found, world));
  const views = planViews(found, facts.views, config.decisions.acceptView);
  const rules = rulesOf(found);
  const privileges = planPrivileges(rules, facts.grants);
  const readers = planReportingRoles(facts.reporting, config.decisions.reportingRoles);
  const tables = await planTables(found, config, helpers.ids, count, false, facts.broken);
  const platform = await planPlatform(facts.platform, world, decisionsOf(config));
  const definers = planDefiners(
    found,
    {
      from: found.from,
      revoke: config.decisions.revokeExecute,
      accepted: config.decisions.acceptFunction,
      revoked: config.decisions.revokeFunction,
      exposed: config.exposedSchemas,
    },
    conditionsAfter(found, tables),
  );
  const narrowed = await askAnywhere(
    tables.flatMap((one) => one.narrowed),
    reached,
  );
  blockers.push(
    ...helpers.blockers,
    ...definers.blockers,
    ...readers.blockers,
    ...platform.blockers,
    ...views.blockers,
    ...tables.flatMap((one) => one.blockers),
    ...narrowed.blockers,
  );
  if (blockers.length === 0) blockers.push(...(await circular(found, tables, renamerOf(found))));
  if (blockers.length > 0) return { changes: [], blockers, notes: [...definers.notes, ...views.notes] };

  const changes: SqlChange[] = [
    ...helpers.changes,
    ...tables.flatMap((one) => one.create),
    ...readers.changes,
    ...tables.flatMap((one) => [...one.dropInert, ...one.enable]),
    ...tables.flatMap((one) => one.dropOld),
    ...privileges.changes,
    ...platform.changes,
    ...views.changes,
    ...definers.changes,
  ];
  const notes: Note[] = [
    ...definers.notes,
    ...views.notes,
    ...readers.notes,
    ...platform.notes,
    ...privileges.notes,
    ...tables.flatMap((one) => one.notes),
    ...narrowed.notes,
    ...closed(tables),
  ];
  if (changes.length > 0) notes.push(...general(found));
  return { changes, blockers: [], notes };
}

/** What policies ask once the step is done: of those that stay and of the new ones. */
function conditionsAfter(found: Survey, tables: readonly TablePlan[]): readonly string[] {
  const gone = new Set(tables.flatMap((one) => [...one.dropInert, ...one.dropOld].map((change) => change.id)));
  return [
    ...found.catalog.policies
      .filter((one) => !gone.has(dropId(one)))
      .map((one) => `${one.using ?? ''} ${one.check ?? ''}`),
    ...tables.flatMap((one) => one.create.map((change) => change.up)),
  ];
}

/** Reading that works today and would end in a circle of policies once the new ones stand. */
async function circular(
  found: Survey,
  tables: readonly TablePlan[],
  renamed: (expression: string) => string,
): Promise<readonly Blocker[]> {
  const gone = new Set(tables.flatMap((one) => [...one.dropInert, ...one.dropOld].map((change) => change.id)));
  const guarded = new Set([
    ...found.catalog.tables.filter((one) => one.rowSecurity).map((one) => `${one.schema}.${one.name}`),
    ...tables.map((one) => `${one.rule.table.schema}.${one.rule.table.name}`),
  ]);
  const staying: readonly Asking[] = found.catalog.policies
    .filter((one) => !gone.has(dropId(one)) && one.roles.some((role) => role === 'public' || role === 'authenticated'))
    .map((one) => ({
      table: `${one.schema}.${one.table}`,
      name: one.name,
      command: one.command,
      conditions: [one.using, one.check].map((text) => (text === null ? null : renamed(text))),
    }));
  const fresh = tables.flatMap((one) => one.asks);
  const circles = await circlesOf([...staying, ...fresh].filter((one) => guarded.has(one.table)));
  const own = new Set(found.catalog.policies.map((one) => `${one.schema}.${one.table}: ${one.name}`));
  /** What the app asked there without a circle, in place of a rule that asks another table. */
  const sharing = (way: readonly string[]): readonly string[] =>
    tables.flatMap(({ rule: { table }, leaving, sharing: names }) =>
      way.includes(`${table.schema}.${table.name}`)
        ? leaving.filter((one) => names.includes(one.name)).map((one) => `${table.schema}.${table.name}: ${one.name}`)
        : [],
    );
  return [...circles].map(([policy, way]) => ({
    answers: [
      ...sharing(way).map((name) =>
        decide('keepPolicy', [name], 'It stays as it is, and no rule that asks the other table takes its place.'),
      ),
      ...[...staying]
        .filter((one) => way.includes(one.table) && circles.has(one) && own.has(`${one.table}: ${one.name}`))
        .map((one) =>
          decide(
            'dropPolicy',
            [`${one.table}: ${one.name}`],
            `The policy is dropped, and the organization's rule takes its place: every member may do with these rows of ${one.table} what it let through.`,
          ),
        ),
    ],
    problem: `Once the new policies stand, policy "${policy.name}" of ${policy.table} would refer to itself in a circle: ${way.join(' → ')}. PostgreSQL refuses such a query (42P17).`,
    remedy:
      'Ask through a function that runs with its owner’s rights (security definer) in the policy that closes the circle; or keep the app’s own policy that does so with --keep-policy (decisions.keepPolicy); or let the organization’s rule take its place with --drop-policy (decisions.dropPolicy); or leave one of the tables out with exclude.',
    detail: policy.conditions.filter((one) => one !== null).join('\n'),
  }));
}

/** Counts rows for a question; never worth waiting long, and never an error of the plan. */
const counter =
  (client: ClientBase): PolicyContext['count'] =>
  async (table, condition) => {
    try {
      return await rolledBack(
        client,
        async () => {
          await client.query(`set local statement_timeout = '2s'`);
          const { rows } = await client.query<{ some: string; all: string }>(
            `select count(*) filter (where ${condition})::text as some, count(*)::text as all from ${table}`,
          );
          return rows[0] ?? null;
        },
        'read only',
      );
    } catch (error) {
      if (error instanceof Error && 'code' in error) return null;
      throw error;
    }
  };

/** One note per set of commands: a schema often has many tables of the same kind. */
function* closed(tables: readonly TablePlan[]): Iterable<Note> {
  const groups = new Map<string, string[]>();
  for (const one of tables.filter((table) => table.closed.length > 0)) {
    const key = one.closed.join(', ');
    groups.set(key, [...(groups.get(key) ?? []), one.rule.sql]);
  }
  for (const [commands, names] of groups) {
    yield {
      text: `No policy allowed ${commands} to users on ${names.length === 1 ? names[0] : `${names.length} tables`}, so that stays closed: only the service role does it. Add a policy where users should.`,
      ...(names.length > 1 ? { detail: names.join('\n') } : {}),
    };
  }
}

function* blocked(found: Survey): Iterable<Blocker> {
  if (found.organizations === null) {
    yield {
      problem: 'There is no organizations table, so nothing says what a tenant is.',
      remedy: 'Name it with names.organizations in the configuration file.',
    };
  }
  if (found.membershipCandidates.length > 1) {
    yield {
      problem: `More than one table could hold memberships: ${found.membershipCandidates.map((one) => `${one.schema}.${one.name}`).join(', ')}.`,
      remedy: 'Name the right one with names.memberships in the configuration file: it decides who may manage members.',
    };
  }
  yield* modelQuestions(found);
  const rules = rulesOf(found);
  yield* stoppedTriggers(
    found,
    rules.filter((rule) => rule.kind === 'lookup' || rule.kind === 'log').map((rule) => rule.table),
  );
  const foreign = rules.filter((rule) => !rule.table.ours);
  if (foreign.length > 0) {
    yield {
      problem: `${plural(foreign.length, 'table')} ${foreign.length === 1 ? 'belongs' : 'belong'} to another role, which alone may turn row security on: ${foreign.map((rule) => rule.sql).join(', ')}.`,
      remedy:
        'Run as their owner, transfer them to your role (alter table … owner to …), or leave them out with exclude.',
    };
  }
}

/** Rows that nobody can be told to own, with ids that nothing explains: shown to everybody, they might be a leak. */
function* unattributed(found: Survey, pointing: IsolationFacts['pointing']): Iterable<Blocker> {
  for (const { kind, table } of rulesOf(found)) {
    const label = `${table.schema}.${table.name}`;
    if (kind !== 'lookup' || table.rowSecurity || found.shared.has(label)) continue;
    const columns = unexplained(table);
    const values = pointing.get(table.oid) ?? [];
    const why = [
      ...(columns.length === 0
        ? []
        : [`what ${columns.join(', ')} ${columns.length === 1 ? 'refers' : 'refer'} to is not known`]),
      ...(values.length === 0
        ? []
        : [`${values.join(', ')} ${values.length === 1 ? 'holds' : 'hold'} ids of organizations, their rows or users`]),
    ];
    if (why.length === 0) continue;
    yield {
      problem: `Nothing says whose rows ${label} holds: it has no organization, and ${why.join('; ')}.`,
      remedy: `Give it a foreign key or an organization column; or say that its rows are everybody's, and every signed-in user reads them, with --shared-table ${label} (decisions.sharedTable); or leave it out with exclude.`,
      answers: [
        decide(
          'sharedTable',
          [label],
          'Every signed-in user reads all of its rows; only the service role writes them.',
        ),
      ],
    };
  }
}

function* general(found: Survey): Iterable<Note> {
  const rules = rulesOf(found);
  const list = (kind: (typeof rules)[number]['kind']): string =>
    rules
      .filter((rule) => rule.kind === kind && !rule.table.rowSecurity)
      .map((rule) => rule.sql)
      .join(', ');
  const lookup = list('lookup');
  if (lookup !== '') {
    yield {
      text: `Without an organization: signed-in users may read every row, and only the service role writes: ${lookup}. Where rows belong to someone, give the table an org_id, or drop its policy lookup_select.`,
    };
  }
  const log = list('log');
  if (log !== '') {
    yield {
      text: `Filled by triggers on behalf of whoever writes, and without an organization: ${log}. Signed-in users may add rows and nobody but the service role reads them.`,
    };
  }
  const personal = list('personal');
  if (personal !== '') yield { text: `Seen and written by their own user only: ${personal}.` };
  const child = list('child');
  if (child !== '') {
    yield {
      text: `Guarded through the row that they refer to: ${child}. A row that refers to none is for the service role alone.`,
    };
  }
  const byName = rulesOf(found).filter(
    (rule) => rule.kind === 'child' && (linksOf(found).get(rule.table.oid) ?? []).some((link) => !link.declared),
  );
  if (byName.length > 0) {
    yield {
      text: `Without a foreign key; the name of a column says which row they refer to: ${byName.map((rule) => rule.sql).join(', ')}.`,
      detail: byName
        .flatMap(({ table }) => (linksOf(found).get(table.oid) ?? []).filter((link) => !link.declared))
        .map((link) => `${link.columns.join(', ')} → ${link.parent.schema}.${link.parent.name}`)
        .join('\n'),
    };
  }
  if (roleSource(found) === null) {
    yield {
      text: 'No column says what role a member has, so nobody may change an organization or its members through the API; the service role may.',
    };
  }
  for (const table of found.excluded)
    yield { text: `${qualified(table.schema, table.name)} is excluded by the configuration.` };
  for (const table of found.catalog.tables.filter((one) => one.kind === 'foreign')) {
    yield {
      text: `${qualified(table.schema, table.name)} is a foreign table, which knows no row security; revoke its grants from anon and authenticated if it holds an organization's rows.`,
    };
  }
  yield {
    text: 'The service role, realtime of the service role and functions that run with their owner’s rights bypass row security as before.',
  };
}
