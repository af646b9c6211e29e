import type { CheckResult } from '../../rollout/check.ts';
import type { Policy } from '../catalog/types.ts';
import { type Circle, isCircle } from '../circles.ts';
import { identifier, qualified } from '../quote.ts';
import { insert, type Landing, reach, read, remove, update, type Who } from './acts.ts';
import { alikeOf } from './alike.ts';
import { counting, removeSql } from './cast.ts';
import type { TableFacts } from './facts.ts';
import { type Forgery, knownForgery, usualForgery } from './forged.ts';
import { type Attempt, type Probe, performProbes } from './probe.ts';
import { referenceProbes } from './references.ts';
import { findRow, type Row, rowFilter } from './rows.ts';
import type { Scope } from './scope.ts';
import type { Act } from './script.ts';
import { formerMember, noFormer, ofStale, withStale } from './stale.ts';
import {
  circular,
  foreign,
  type Judgement,
  judgeForeign,
  judgeOwn,
  notTried,
  type Question,
  reached,
  refusal,
  result,
  rows,
  worst,
} from './verdict.ts';
import { anonClaims, claims, nameOf, type Side, type World } from './world.ts';

/**
 * Acts upon a table and yields one result per act.
 *
 * @throws whatever the server says about the preparation; nothing is left behind.
 */
export async function probeTable(
  attempt: Attempt,
  table: TableFacts,
  scope: Scope,
  { known, onCircle, only }: Circling,
): Promise<readonly CheckResult[]> {
  const a = findRow(attempt.family, table, 'a');
  const b = findRow(attempt.family, table, 'b') ?? a;
  if (a === undefined || b === undefined) throw new Error(`${nameOf(table)} has no row to act upon`);
  const all = scope.kind === 'none' ? globalProbes(attempt, table, a) : tenantProbes(attempt, table, scope, a, b);
  const probes = only === undefined ? all : all.filter((one) => one.question.id.endsWith(`/${only}`));
  if (known !== null) return probes.map(({ question }) => result(question, circular(known), [], ''));
  return performProbes(
    attempt,
    probes.map((one) => ({
      ...one,
      judge: (tries) => {
        const met = tries.find(({ act, outcome }) => act.role === 'authenticated' && isCircle(outcome.code))?.outcome;
        if (met !== undefined) onCircle({ code: met.code ?? '', message: met.message ?? '' });
        return one.judge(tries);
      },
    })),
  );
}

export type Circling = {
  /** Whoever signs in meets this circle of policies there: nothing is tried. */
  readonly known: Circle | null;
  readonly onCircle: (circle: Circle) => void;
  /** The one probe that is carried out. */
  readonly only?: string;
};

function tenantProbes(attempt: Attempt, table: TableFacts, scope: Scope, a: Row, b: Row): readonly Probe[] {
  const { world, family, quiet } = attempt;
  const { org } = family.ids;
  const prefix = `${world.options.idPrefix ?? '1.7/two-org'}/${nameOf(table)}`;
  const through = scope.kind === 'parent' ? ` (through ${scope.columns.join(', ')})` : '';
  const [own, theirs] = [rowFilter(world, a), rowFilter(world, b)];
  const user = (token: Parameters<typeof claims>[2]): Who => ({
    role: 'authenticated',
    claims: claims(family.ids, 'a', token),
  });
  const me = user({ org: org.a });
  const usual = usualForgery(family.ids);
  const liar = user({ org: org.a, userMetadata: usual.metadata });
  const known = knownForgery(world, family.ids, quiet);
  const old = user({ org: null });
  const broken = user({ org: 'not-a-uuid' });
  const anon: Who = { role: 'anon', claims: anonClaims };

  const ask = (id: string, title: string, expected: string, advice: string): Question => ({
    id: `${prefix}/${id}`,
    title: `${nameOf(table)}${through}: ${title}`,
    expected,
    advice,
  });
  const foreignProbe = (id: string, title: string, advice: string, acts: readonly Act[]): Probe => ({
    question: ask(id, title, `0 rows ${foreign}`, advice),
    acts,
    judge: (tries) => {
      alike.learn(tries, acts.length);
      return worst(tries.map((one) => ofStale(one, judgeForeign(one, foreign), 'in the policy')));
    },
  });
  const alike = alikeOf(world, table, scope);
  const former = formerMember(world, family, quiet);
  const alsoStale = (act: Act): readonly Act[] => withStale(act, alike.refused(act.name) ? noFormer : former);
  const ownProbe = (title: string, act: Act): Probe => ({
    question: ask(act.name, title, '1 row of its own', advice.own),
    acts: [act],
    judge: (tries) =>
      worst(
        tries.map((one) => {
          const judgement = judgeOwn(one, 'of its own');
          return judgement.verdict === 'failed' && closed(world.catalog.policies, table, act)
            ? { verdict: 'passed', observed: `${judgement.observed}: closed to everybody, no policy covers it` }
            : asBefore(world, `${prefix}/${act.name}`, judgement);
        }),
      ),
  });
  const readsOwn = world.profiles === null ? "reads none of B's rows" : 'still reads its own rows and no others';
  const probes: Probe[] = [
    foreignProbe('read', "a user of A cannot read B's rows", advice.read, alsoStale(read('read', me, table, theirs))),
    foreignProbe(
      'update',
      "a user of A cannot update B's rows",
      advice.update,
      alsoStale(update('update', me, world, b, 'blind')),
    ),
    foreignProbe(
      'delete',
      "a user of A cannot delete B's rows",
      advice.delete,
      alsoStale(remove('delete', me, world, b, 'blind')),
    ),
  ];
  // A new organization is nobody else's; and none can be moved.
  const insertsForeign = scope.kind !== 'organization';
  const whose = whoseOf(scope, a, b);
  const forging = (name: string, { metadata, before }: Forgery): readonly Act[] => {
    const who = user({ org: null, userMetadata: metadata });
    return [
      read(`${name}-forged-read`, who, table, theirs),
      update(`${name}-forged-update`, who, world, b, 'blind'),
      remove(`${name}-forged-delete`, who, world, b, 'blind'),
      ...(insertsForeign ? [insert(`${name}-forged-insert`, who, world, b, quiet, whose.b)] : []),
    ].map((act) => ({ ...act, before: [...before, ...(act.before ?? [])] }));
  };
  if (insertsForeign) {
    probes.push(
      foreignProbe(
        'insert',
        'a user of A cannot insert a row for B',
        advice.insert,
        alsoStale(insert('insert', me, world, b, quiet, whose.b)),
      ),
      foreignProbe(
        'move',
        'a user of A cannot move a row to B',
        advice.move,
        alsoStale(move(attempt, scope, a, b, me)),
      ),
    );
  }
  probes.push(
    foreignProbe('token-forged', 'user_metadata that claims B changes nothing', advice.forged, [
      read('forged-read', liar, table, theirs),
      update('forged-update', liar, world, b, 'blind'),
      ...forging('unstamped', usual),
      ...(known === null ? [] : forging('known', known)),
    ]),
    tokenProbe(
      world,
      table,
      ask('token-without-claim', `a token from before the backfill ${readsOwn}`, '', advice.token),
      [read('old-read', old, table, theirs), read('old-own-read', old, table, own)],
    ),
    tokenProbe(
      world,
      table,
      ask('token-not-a-uuid', `a token whose org_id is not a uuid ${readsOwn}`, '', advice.token),
      [read('broken-read', broken, table, theirs), read('broken-own-read', broken, table, own)],
    ),
    ownProbe('a user of A can read its own row', read('own-read', me, table, own)),
  );
  // Organizations, profiles and memberships have rules of their own about who may write: see members.ts.
  if (![world.organizations, world.profiles, world.memberships].includes(table)) {
    probes.push(
      ownProbe('a user of A can insert its own row', insert('own-insert', me, world, a, quiet, whose.a)),
      ownProbe('a user of A can update its own row', update('own-update', me, world, a, 'by key')),
      ownProbe('a user of A can delete its own row', remove('own-delete', me, world, a, 'by key')),
    );
  }
  probes.push(
    foreignProbe('anon-read', 'a request without a login cannot read rows', advice.anon, [
      read('anon-read', anon, table, `(${own}) or (${theirs})`),
    ]),
    foreignProbe('anon-update', 'a request without a login cannot update rows', advice.anon, [
      update('anon-update', anon, world, b, 'blind'),
    ]),
    foreignProbe('anon-delete', 'a request without a login cannot delete rows', advice.anon, [
      remove('anon-delete', anon, world, b, 'blind'),
    ]),
    foreignProbe('anon-insert', 'a request without a login cannot insert rows', advice.anon, [
      insert('anon-insert', anon, world, b, quiet, { ...whose.b, byKey: 'true' }),
    ]),
  );
  probes.push(...referenceProbes(attempt, a, me));
  return world.options.ownOnly === true ? probes.filter((one) => isOwn(one.question.id)) : probes;
}

const isOwn = (id: string): boolean => /\/(?:own-\w+|token-without-claim|token-not-a-uuid)$/.test(id);

/**
 * What this very person could not do before the step either is no fault of the step: policies ask for more than being a
 * member, and the probe's person does not fulfil it. What real users reach is compared for itself.
 */
const asBefore = (world: World, id: string, judgement: Judgement): Judgement =>
  judgement.verdict === 'failed' && world.options.failedBefore?.has(id) === true
    ? {
        verdict: 'skipped',
        observed: `${judgement.observed}, as before this step`,
        advice:
          'The policies ask for more than membership, and the user of this probe does not have it; compare the access of real users (1.7/access).',
      }
    : judgement;

const advice = {
  read: 'Enable row security and allow SELECT only where the row belongs to the caller’s organization.',
  update: 'Allow UPDATE only where the row belongs to the caller’s organization (USING).',
  delete: 'Allow DELETE only where the row belongs to the caller’s organization (USING).',
  insert: 'Allow INSERT only of rows of the caller’s organization (WITH CHECK).',
  own: 'A policy locks out its own organization: its members lose their data.',
  token:
    'Let the policy fall back to the caller’s profile when the claim is missing or is not a uuid: such tokens live until they expire.',
  move: 'Give the UPDATE policy a WITH CHECK, so that a row cannot be handed to another organization.',
  forged: 'Read the organization from app_metadata: every user can write their own user_metadata.',
  anon: 'Revoke the privilege from anon, or write the policy TO authenticated.',
  global:
    'Revoke INSERT, UPDATE and DELETE from anon and authenticated, or enable row security: every user can change what all organizations share.',
} as const;

const columnsOf = (scope: Scope): readonly string[] =>
  scope.kind === 'column' ? [scope.column] : scope.kind === 'parent' ? scope.columns : [];

/** Where an inserted row counts: A's own wherever it is theirs, B's unless a trigger made it A's. */
function whoseOf(scope: Scope, a: Row, b: Row): Readonly<Record<Side, Landing>> {
  const says = (row: Row, operator: string): readonly string[] =>
    columnsOf(scope).map((column) => `${identifier(column)} ${operator} ${row.values.get(column) ?? 'null'}`);
  const all = (row: Row): string => says(row, '=').join(' and ') || 'false';
  return {
    a: { byKey: 'true', else: all(a) },
    b: { byKey: says(a, 'is distinct from').join(' or ') || 'true', else: all(b) },
  };
}

function move({ world, quiet }: Attempt, scope: Scope, a: Row, b: Row, who: Who): Act {
  const pairs = columnsOf(scope).map((column) => `${identifier(column)} = ${b.values.get(column) ?? 'null'}`);
  const name = qualified(a.table.schema, a.table.name);
  const count = counting(name, pairs.join(' and '));
  return {
    ...reach('move', who, world, a, 'blind', `update ${name} set ${pairs.join(', ')}`),
    before: [...removeSql(b, rowFilter(world, b), quiet), count.before],
    observe: count.observe,
  };
}

/** Tokens without a usable claim reach nobody else's rows, and their own where a profile says whose they are. */
function tokenProbe(world: World, table: TableFacts, question: Question, acts: readonly [Act, Act]): Probe {
  const fallsBack = world.profiles !== null;
  const [, ownAct] = acts;
  return {
    question: { ...question, expected: fallsBack ? `its own row, 0 rows ${foreign}` : `0 rows ${foreign}` },
    acts,
    judge: (tries) => {
      const judged = tries.map((one) => {
        if (one.act !== ownAct) return judgeForeign(one, foreign);
        const untried = notTried(one.outcome);
        if (untried !== null) return untried;
        if (!fallsBack) return { verdict: 'passed', observed: `${rows(reached(one), 'of its own')}` } as const;
        const mine = judgeOwn(one, 'of its own');
        return mine.verdict === 'failed' && closed(world.catalog.policies, table, ownAct)
          ? ({ verdict: 'passed', observed: 'own row closed to everybody, no policy covers it' } as const)
          : asBefore(world, question.id, mine);
      });
      // Looking before a step asks only what people may do with what is theirs.
      if (world.options.ownOnly === true) return judged[1] ?? worst(judged);
      return { ...worst(judged), observed: judged.map(({ observed }) => observed).join('; ') };
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
  const prefix = `${world.options.idPrefix ?? '1.7/two-org'}/${nameOf(table)}`;
  const verbs = ['insert', 'update', 'delete', 'read'] as const;
  return (['authenticated', 'anon'] as const).map((role): Probe => {
    // Somebody who belongs to no organization: whoever signs up can do as much.
    const stranger = { role, sub: '00000000-0000-4000-8000-000000000000', app_metadata: {} };
    const who: Who = { role, claims: role === 'anon' ? anonClaims : JSON.stringify(stranger) };
    return {
      question: {
        id: `${prefix}/not-tenant-scoped/${role}`,
        title: `${nameOf(table)}: ${role} cannot write what all organizations share`,
        expected: 'no insert, update or delete; reading is reported',
        advice: advice.global,
      },
      acts: [
        insert(`${role}-insert`, who, world, row, quiet),
        update(`${role}-update`, who, world, row, 'blind'),
        remove(`${role}-delete`, who, world, row, 'blind'),
        read(`${role}-read`, who, table, rowFilter(world, row)),
      ],
      judge: (tries) => {
        const judged = tries.map((one) => judgeForeign(one, 'of a table that all share'));
        const mayAdd = role === 'authenticated' && world.options.appendOnly?.has(nameOf(table)) === true;
        const writes = judged.filter(
          (_, index) =>
            tries[index]?.act.measure === 'rows' && !(mayAdd && tries[index]?.act.name === 'authenticated-insert'),
        );
        const words = tries.map(({ act, outcome }, index) => {
          const verb = verbs.find((one) => act.name.endsWith(one)) ?? act.name;
          if (judged[index]?.verdict === 'skipped') return `${verb} not checked`;
          if (judged[index]?.verdict === 'failed') return `can ${verb}`;
          return `cannot ${verb}${outcome.stage === 'act' ? ` (${refusal(outcome)})` : ''}`;
        });
        const observed = words.join(', ');
        const verdicts = judged.map(({ verdict }) => verdict).join();
        // A waiting list, a contact form: what is added there is shown to nobody who adds.
        if (verdicts === 'failed,passed,passed,passed')
          return { verdict: 'passed', observed: `${observed}; whoever adds here reads nothing` };
        return writes.length === 0 || worst(writes).verdict === 'passed'
          ? { verdict: 'passed', observed: mayAdd ? `${observed}; an append-only log` : observed }
          : { ...worst(writes), observed };
      },
    };
  });
}
