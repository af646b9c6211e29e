import type { CheckResult } from '../../rollout/check.ts';
import type { DbFunction, View } from '../catalog/types.ts';
import { identifier, qualified } from '../quote.ts';
import { insert, read, remove, update, type Who } from './acts.ts';
import { argumentsOf } from './arguments.ts';
import { mentioned, named, stateSql } from './bodies.ts';
import { createCast } from './cast.ts';
import type { TableFacts } from './facts.ts';
import { outside } from './functions.ts';
import { beyondInvitations, invitationsIn, invite, tenantMarks } from './invited.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { addRow, type Family, findRow, rowFilter } from './rows.ts';
import { chooseIds, scopeOf } from './scope.ts';
import type { Act } from './script.ts';
import {
  foreign,
  type Judgement,
  judgeForeign,
  judgeUnanswered,
  type Question,
  rows,
  type Try,
  worst,
} from './verdict.ts';
import { baseTables } from './views.ts';
import { claims, nameOf, type World } from './world.ts';

/** Doors that ask invitations, tried by somebody whom B has invited and who is no member of B. */

const question = (run: Run, name: string): Question => ({
  id: `${run.prefix}/${name}/invited`,
  title: `${name}: whom B has invited does not reach B's rows before they accept`,
  expected: 'nothing of B but the invitation and the name of the organization',
  advice:
    'Ask for a membership that counts: an invitation that nobody has accepted makes nobody a member, and shows itself and the name of the organization alone.',
});

const whom = 'by somebody whom it has invited and who has not accepted';

const a = ({ ids }: Family): Who => ({ role: 'authenticated', claims: claims(ids, 'a', { org: ids.org.a }) });
const b = ({ ids }: Family): Who => ({ role: 'authenticated', claims: claims(ids, 'b', { org: ids.org.b }) });

const invited = (act: Act, invitation: readonly string[]): Act => ({
  ...act,
  name: `invited-${act.name}`,
  before: [...invitation, ...(act.before ?? [])],
});

/** A function with its owner's rights that asks invitations: what comes back of B, and what it changes there. */
export async function probeInvitedCall(run: Run, fn: DbFunction, full: boolean): Promise<readonly CheckResult[]> {
  const { world, quiet } = run;
  const callable = fn.executors.includes('authenticated') || fn.executors.includes('PUBLIC');
  const opaque = fn.language !== 'sql' && fn.language !== 'plpgsql';
  if (!callable || !fn.securityDefiner || fn.kind !== 'function' || opaque || outside.test(fn.body)) return [];
  if (fn.returns === 'trigger' || fn.returns === 'event_trigger') return [];
  const invitations = invitationsIn(world, [...named(world, fn)].map(({ body }) => body).join('\n'));
  const tables = mentioned(world, fn);
  const others = beyondInvitations(world, tables);
  if (invitations.length === 0 || others.length === 0) return [];
  const family = await castOf(world, tables, full);
  const given = await argumentsOf(world, family, tables, fn);
  if (typeof given === 'string') return [];
  const invitation = await invite(world, family, invitations, quiet);
  const call = given
    .map(
      ({ name, sql, variadic }) =>
        `${variadic ? 'variadic ' : ''}${name === null ? sql : `${identifier(name)} => ${sql}`}`,
    )
    .join(', ');
  const { user, email } = family.ids;
  const posing = call.replaceAll(user.b, user.a).replaceAll(email.b, email.a);
  const marks = tenantMarks(
    world,
    family,
    given.map(({ sql }) => sql),
  );
  const state = stateSql(world, family, others);
  const act = (name: string, who: Who, call: string): Act => ({
    name,
    ...who,
    before: [`select set_config('voxanne_probe.state', (${state}), true)`],
    sql: [
      marks.length === 0
        ? `select count(*) * 0 from ${qualified(fn.schema, fn.name)}(${call}) r`
        : `select count(*) from (select r::text as line from ${qualified(fn.schema, fn.name)}(${call}) r) lines where line like any (array[${marks.join(', ')}])`,
    ],
    measure: 'value',
    observe: `select case when (${state}) is distinct from current_setting('voxanne_probe.state') then 1 else 0 end`,
  });
  return performed(run, family, fn.signature, {
    shown: [act('control-b', b(family), call), { ...act('control', b(family), call), role: 'self' }],
    tried: [...new Set([call, posing])].map((one, at) => invited(act(`call-${at}`, a(family), one), invitation)),
    judge: judgeCall,
  });
}

/** A view with its owner's rights whose condition asks invitations: which rows of B it shows. */
export async function probeInvitedView(run: Run, view: View, full: boolean): Promise<readonly CheckResult[]> {
  const { world, quiet } = run;
  const readable = view.readers.includes('authenticated') || view.readers.includes('PUBLIC');
  const invitations = view.securityInvoker || view.materialized ? [] : invitationsIn(world, view.definition);
  if (!readable || invitations.length === 0) return [];
  const bases = await baseTables(world, view);
  const family = await castOf(world, bases, full);
  const invitation = await invite(world, family, invitations, quiet);
  const marks = tenantMarks(world, family);
  if (marks.length === 0) return [];
  const act = (name: string, who: Who): Act => ({
    name,
    ...who,
    sql: [
      `select count(*) from ${qualified(view.schema, view.name)} v where v::text like any (array[${marks.join(', ')}])`,
    ],
    measure: 'value',
  });
  return performed(run, family, nameOf(view), {
    shown: [act('control-b', b(family)), { ...act('control', b(family)), role: 'self' }],
    tried: [invited(act('view', a(family)), invitation)],
    judge: (one) => judgeForeign(one, foreign),
  });
}

/** A table whose policies ask invitations, of whatever else than the invitations: its rows of B. */
export async function probeInvitedTable(run: Run, table: TableFacts): Promise<readonly CheckResult[]> {
  const { world, quiet } = run;
  const policies = world.catalog.policies.filter(
    (one) =>
      one.permissive &&
      `${one.schema}.${one.table}` === nameOf(table) &&
      one.roles.some((role) => role === 'public' || role === 'authenticated'),
  );
  const texts = policies.map((one) => `${one.using ?? ''} ${one.check ?? ''}`).join('\n');
  const isTenants = beyondInvitations(world, [table]).length > 0 && scopeOf(world, table).kind !== 'none';
  const invitations = isTenants ? invitationsIn(world, texts) : [];
  const ids = invitations.length === 0 ? null : await chooseIds(world, table);
  if (ids === null) return [];
  const family = await createCast(world, { ids });
  for (const person of ['a', 'b'] as const) await addRow(world, family, table, person);
  const row = findRow(family, table, 'b');
  if (row === undefined) return [];
  const invitation = await invite(world, family, invitations, quiet);
  const who = a(family);
  const filter = rowFilter(world, row);
  const acts = [
    read('read', who, table, filter),
    update('update', who, world, row, 'blind'),
    remove('delete', who, world, row, 'blind'),
    insert('insert', who, world, row, quiet),
  ];
  return performed(run, family, nameOf(table), {
    shown: [],
    tried: acts.map((one) => invited(one, invitation)),
    judge: (one) => judgeForeign(one, foreign),
  });
}

/** B's rows and A's of these tables. */
async function castOf(world: World, tables: readonly TableFacts[], full: boolean): Promise<Family> {
  const family = await createCast(world, full ? { full, wanted: new Set(tables.map(nameOf)) } : {});
  for (const table of tables) for (const person of ['a', 'b'] as const) await addRow(world, family, table, person);
  return family;
}

type Tried = {
  /** The same by B itself: where nothing of B comes back, nothing follows from the others. */
  readonly shown: readonly Act[];
  readonly tried: readonly Act[];
  readonly judge: (one: Try) => Judgement;
};

async function performed(run: Run, family: Family, name: string, acts: Tried): Promise<readonly CheckResult[]> {
  const told = (judgement: Judgement): Judgement =>
    judgement.verdict === 'failed' ? { ...judgement, observed: `${judgement.observed}, ${whom}` } : judgement;
  const probes: readonly Probe[] = [
    {
      question: { id: '', title: '', expected: '', advice: '' },
      acts: acts.shown,
      judge: (tries) => ({
        verdict:
          acts.shown.length === 0 || tries.some((one) => acts.judge(one).verdict === 'failed') ? 'passed' : 'skipped',
        observed: '',
      }),
    },
    { question: question(run, name), acts: acts.tried, judge: (tries) => told(worst(tries.map(acts.judge))) },
  ];
  const attempt = { world: run.world, settings: run.settings, family, quiet: run.quiet };
  const [shown, ...results] = await performProbes(attempt, probes);
  // What it shows to nobody is said where it is called by a user of A.
  return results.filter(({ verdict }) => verdict === 'failed' || shown?.verdict === 'passed');
}

function judgeCall(one: Try): Judgement {
  const unanswered = judgeUnanswered(one);
  if (unanswered !== null) return unanswered;
  const came = Number(one.outcome.result ?? 0);
  const words = [
    ...(came > 0 ? [rows(came, `${foreign} came back`)] : []),
    ...((one.outcome.seen ?? 0) > 0 ? [`rows ${foreign} changed`] : []),
  ];
  return {
    verdict: words.length > 0 ? 'failed' : 'passed',
    observed: words.join('; ') || `nothing ${foreign}`,
  };
}
