import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { isCalledIn } from '../catalog/calls.ts';
import type { DbFunction } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { isAfterwards, judgeAfterwards, readAfterwards } from './afterwards.ts';
import { argumentsOf } from './arguments.ts';
import { mentioned, named, stateSql } from './bodies.ts';
import { createCast, removeSql } from './cast.ts';
import type { ApiRole, TableFacts } from './facts.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { addRow, type Family, findFilter, findRow } from './rows.ts';
import type { Act } from './script.ts';
import { type Former, formerMember, isStale, noFormer, ofStale, present, withStale } from './stale.ts';
import { type Judgement, judgeUnanswered, refusal, skipped, type Try, worst } from './verdict.ts';
import { besideToken, marks } from './views.ts';
import { anonClaims, claims, nameOf, type World } from './world.ts';

const callers = (fn: DbFunction): ApiRole[] =>
  (['authenticated', 'anon'] as const).filter((role) => fn.executors.includes(role) || fn.executors.includes('PUBLIC'));

/** What a rollback does not take back, or what ends other sessions. `net.http_…` only queues, inside the transaction. */
export const outside =
  /\b(dblink\w*|pg_terminate_backend|pg_cancel_backend|pg_sleep\w*|pg_reload_conf|lo_(import|export)|pg_(read|write)_file\w*|setval|copy\s+[\w.]+\s+(to|from))\b|(?<!net\.)\bhttp(_get|_post|_put|_patch|_delete|_head)?\s*\(/i;

const isScalar = (type: string): boolean =>
  ['boolean', 'uuid', 'integer', 'bigint', 'smallint', 'numeric', 'text', 'void'].includes(type);

/**
 * Calls a SECURITY DEFINER function that API roles may execute, with B's ids, as A and without a login, and looks
 * whether B's rows came back or were changed. The same call as B shows whether the question was a real one: if even B
 * gets and changes nothing, the result is skipped. Functions that run with their caller's rights are under the policies
 * of the tables and need no probe of their own, unless they lead to one that does not.
 */
export async function probeFunction(run: Run, fn: DbFunction, full: boolean): Promise<readonly CheckResult[]> {
  const results = await callFunction(run, fn, full);
  // A number or a word about the caller: only that it tells of others is worth a line.
  return isSingle(fn)
    ? results.filter(({ verdict, advice }) => verdict === 'failed' || advice === countsForAll)
    : results;
}

const countsForAll =
  'It says one number about the rows of every organization to whoever calls it, and asks nobody who they are: whether that may be known, only a person can tell.';

/** "How many are there?", as a public page shows it: no row comes back, and it is meant for everybody or for nobody. */
const isCounter = (world: World, fn: DbFunction): boolean =>
  isSingle(fn) &&
  /^(integer|bigint|smallint|numeric)$/.test(fn.returns) &&
  ![...named(world, fn)].some(({ body }) => asksCaller.test(body));

const asksCaller =
  /\bauth\.(uid|jwt|role|email)\b|\bcurrent_(setting|user|role|org_id)\b|\bsession_user\b|\bmy_org_ids\b/i;

const isSingle = (fn: DbFunction): boolean =>
  fn.arguments.length === 0 && fn.volatility !== 'volatile' && !fn.returnsSet && isScalar(fn.returns);

async function callFunction(run: Run, fn: DbFunction, full: boolean): Promise<readonly CheckResult[]> {
  const roles = callers(fn);
  const { world } = run;
  if (roles.length === 0 || !(fn.securityDefiner || callsInside(world, fn))) return [];
  if (fn.kind === 'procedure') {
    const question = {
      id: `${run.prefix}/${fn.signature}`,
      title: `${fn.signature}: nobody can reach B by calling it with B's ids`,
      expected: '',
    };
    return mentioned(world, fn).length === 0
      ? []
      : [{ ...skipped(question, 'A procedure may commit: it was not called.'), matters: true }];
  }
  if (fn.kind !== 'function') return [];
  if (fn.returns === 'trigger' || fn.returns === 'event_trigger') return [];
  const conditions = world.catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']);
  const needed = isCalledIn(fn, conditions);
  // "Am I an owner?", "which is my organization?": nothing is asked about anybody else, and nothing can change.
  if (isSingle(fn) && (needed || ['boolean', 'uuid', 'void'].includes(fn.returns))) return [];
  const id = `${run.prefix}/${fn.signature}`;
  const otherwise = needed
    ? '; a policy calls it, so API roles need EXECUTE'
    : '; or revoke EXECUTE from anon and authenticated';
  const question = (role: ApiRole) => ({
    id: `${id}/${role === 'anon' ? 'anon-call' : 'call'}`,
    title: `${fn.signature}: ${role === 'anon' ? 'a request without a login' : 'a user of A'} cannot reach B by calling it with B's ids`,
    expected: 'nothing of another organization comes back or changes',
    advice: `Compare the argument with the caller’s organization in its body${otherwise}.`,
  });
  // What was not called was called for nobody: that is one thing to look at, not two.
  const uncalled =
    roles.length === 1
      ? question(roles[0] as ApiRole)
      : { ...question('authenticated'), title: `${fn.signature}: nobody can reach B by calling it with B's ids` };
  const skipAll = (reason: string): readonly CheckResult[] => [skipped(uncalled, reason)];
  // It goes past row security, it works on rows of organizations, and nobody saw what it does with those of others.
  // Yes or no shows no row, and a function that may not write changes none.
  const open = fn.returns === 'boolean' && fn.volatility !== 'volatile' ? {} : { matters: true };
  const unseen = (reason: string): readonly CheckResult[] => skipAll(reason).map((result) => ({ ...result, ...open }));
  if (fn.language !== 'sql' && fn.language !== 'plpgsql')
    return unseen(`What a function in ${fn.language} does is not known: it was not called.`);
  const tables = mentioned(world, fn);
  if (outside.test(fn.body)) {
    const reason = 'It does something that cannot be rolled back: it was not called.';
    return tables.length === 0 ? skipAll(reason) : unseen(reason);
  }
  if (tables.length === 0) {
    const reason = 'Its body names no table that belongs to organizations: it was not called.';
    // Which table a statement means that is put together at run time, nobody can read.
    return fn.language === 'plpgsql' && /\bexecute\b/i.test(fn.body) ? unseen(reason) : skipAll(reason);
  }
  const family = await createCast(world, full ? { full, wanted: new Set(tables.map(nameOf)) } : {});
  for (const table of tables) for (const person of ['a', 'b'] as const) await addRow(world, family, table, person);
  const given = await argumentsOf(world, family, tables, fn);
  if (typeof given === 'string') return unseen(given);

  const { org } = family.ids;
  const call = given
    .map(
      ({ name, sql, variadic }) =>
        `${variadic ? 'variadic ' : ''}${name === null ? sql : `${identifier(name)} => ${sql}`}`,
    )
    .join(', ');
  // Whoever has to give their own id gives that, and B's of everything else.
  const { user } = family.ids;
  const posing = call.includes(user.b) ? call.replaceAll(user.b, user.a) : null;
  // What was handed in proves nothing when it comes back.
  const telling = marks(world, family).filter((mark) => !given.some(({ sql }) => sql.includes(mark.slice(2, -2))));
  // Of a yes or no, the yes tells: B gets it, and A must not.
  const says = fn.returns === 'boolean' && !fn.returnsSet;
  const lines = (call: string): string =>
    `(select r::text as line from ${qualified(fn.schema, fn.name)}(${call}) r) lines`;
  const textOf = (call: string): string =>
    `select count(*) from ${lines(call)} where ${says ? `line = 'true'` : `line like any (array[${telling.join(', ')}])`}`;
  // The token hands in the organization, as an argument would: below nothing, where no more than that came back.
  const beside = besideToken(world, family, telling);
  const echoing = `select case when bool_or(line like any (array[${beside.join(', ')}])) then count(*) else -count(*) end from ${lines(call)}
    where line like any (array[${telling.join(', ')}])`;
  let echoed = false;
  const answerOf = (call: string): string =>
    `select md5(coalesce((select string_agg(r::text, '|' order by r::text) from ${qualified(fn.schema, fn.name)}(${call}) r), ''))`;
  const state = stateSql(world, family, tables);
  const act = (name: string, role: Act['role'], token: string, given = call): Act => ({
    name,
    role,
    claims: token,
    before: [`select set_config('voxanne_probe.state', (${state}), true)`],
    sql: [textOf(given)],
    measure: 'value',
    observe: `select case when (${state}) is distinct from current_setting('voxanne_probe.state') then 1 else 0 end`,
  });
  const asB = claims(family.ids, 'b', { org: org.b });
  const own = present(world, family);
  const tokens = { anon: anonClaims, authenticated: claims(family.ids, 'a', { org: org.a }) };
  const stale = { anon: noFormer, authenticated: formerMember(world, family, run.quiet) };
  const touched = ({ outcome }: Try): boolean =>
    outcome.stage === 'done' && (Number(outcome.result ?? 0) > 0 || (outcome.seen ?? 0) > 0);
  let answersB = false;
  const refused = new Set<string>();
  const control: Probe = {
    question: { id, title: fn.signature, expected: '', advice: '' },
    acts: [...withStale(act('control-b', 'authenticated', asB), own), act('control', 'self', asB)],
    judge: (tries) => {
      answersB ||= tries.some((one) => one.act.role === 'authenticated' && one.outcome.stage === 'done');
      return {
        verdict: tries.some(touched) ? 'passed' : 'failed',
        observed: tries.map(({ outcome }) => outcome.message ?? 'nothing').join('; '),
      };
    },
  };
  const judgeCall = (one: Try): Judgement => {
    if (isAfterwards(one.act)) return judgeAfterwards(one);
    const unanswered = judgeUnanswered(one);
    if (unanswered !== null) return unanswered;
    const came = Number(one.outcome.result ?? 0);
    echoed ||= came < 0;
    if (says && came > 0 && (one.outcome.seen ?? 0) === 0) {
      const advice = 'It answers yes to A as it does to B: what it says may be no secret, and no row came back.';
      return { verdict: 'skipped', observed: 'not checked', advice };
    }
    const words = [
      ...(came > 0 ? [`${plural(came, 'row')} of another organization came back`] : []),
      ...((one.outcome.seen ?? 0) > 0 ? ['rows of another organization changed'] : []),
    ];
    return {
      verdict: words.length > 0 ? 'failed' : 'passed',
      observed: words.join('; ') || 'nothing of another organization',
    };
  };
  const probes = roles.map((role): Probe => {
    const acts = withStale(act(role, role, tokens[role]), stale[role]).map((one) =>
      says || !isStale(one) ? one : { ...one, sql: [echoing] },
    );
    const poses = posing === null || role === 'anon' ? [] : [act(`${role}-posing`, role, tokens[role], posing)];
    // Whoever signed up by phone has no address, and a comparison with none refuses nobody.
    const nameless =
      role === 'anon' || ![...named(world, fn)].some(({ body }) => /mail/i.test(body))
        ? []
        : [act(`${role}-nameless`, role, claims(family.ids, 'a', { org: null }))];
    const after =
      fn.volatility !== 'volatile' || role === 'anon'
        ? []
        : readAfterwards(world, family, `${qualified(fn.schema, fn.name)}(${posing ?? call})`, stale[role]);
    return {
      question: question(role),
      acts: [...acts, ...poses, ...nameless, ...after],
      judge: (tries) => {
        const asked = tries.filter((one) => acts.includes(one.act));
        if (asked.length === acts.length && asked.every(saysNo)) refused.add(question(role).id);
        return worst(tries.map((one) => ofStale(one, judgeCall(one), 'in its body', otherwise)));
      },
    };
  });
  const [first, ...results] = await performProbes({ world, settings: run.settings, family, quiet: run.quiet }, [
    control,
    ...probes,
  ]);
  if (first?.verdict === 'passed') {
    if (!echoed || !run.quiet || results.some(({ verdict }) => verdict === 'failed')) return results;
    // What it says of the organization that the token names may still come from rows of that organization.
    const given = dependence(run, family, tables, answerOf(call));
    const probe = given(
      'depends-echo',
      'authenticated',
      tokens.authenticated,
      stale.authenticated,
      question('authenticated'),
    );
    const [depends] = await performProbes({ world, settings: run.settings, family, quiet: run.quiet }, [probe]);
    return results.map((one) => (one.id === depends?.id && depends.verdict === 'failed' ? depends : one));
  }
  if (fn.volatility !== 'volatile' && run.quiet && results.every(({ verdict }) => verdict !== 'failed')) {
    const given = dependence(run, family, tables, answerOf(call));
    const [telling, ...others] = await performProbes({ world, settings: run.settings, family, quiet: run.quiet }, [
      given('depends-b', 'authenticated', asB, own, { id, title: fn.signature, expected: '', advice: '' }),
      ...roles.map((role) => given(`depends-${role}`, role, tokens[role], stale[role], question(role))),
    ]);
    // Where what B gets depends on B's rows, the call can tell, and what others get must not.
    if (telling?.verdict === 'failed' && isCounter(world, fn))
      return [{ ...skipped(uncalled, countsForAll), matters: true }];
    if (telling?.verdict === 'failed')
      return others.map((one) => (one.verdict === 'skipped' ? { ...one, ...open } : one));
  }
  // The same call, answered to B and refused to A by the function itself: it asks who is calling.
  const distinguishes = (result: CheckResult): boolean => answersB && refused.has(result.id);
  const told = results.filter(
    (result) =>
      result.verdict === 'failed' || result.observed.startsWith('refused: permission denied') || distinguishes(result),
  );
  if (told.length === results.length) return results;
  const reason = `Called by B itself, it returns and changes nothing of B either, so the call proves nothing (${first?.observed ?? ''}).`;
  const [unproven] = results.filter((result) => !told.includes(result));
  return [
    ...told,
    ...(told.length > 0 && unproven !== undefined ? [{ ...skipped(unproven, reason), ...open }] : unseen(reason)),
  ];
}

/** An error that a function raises to refuse: `raise exception`, or a missing privilege. */
const saysNo = ({ outcome }: Try): boolean =>
  outcome.stage === 'act' && (outcome.code === '42501' || outcome.code === 'P0001');

/**
 * Numbers and sums show no row: whether what somebody gets depends on B's rows is asked by calling once with them there
 * and once without.
 */
const dependence =
  ({ world, quiet }: Run, family: Family, tables: readonly TableFacts[], answer: string) =>
  (name: string, role: ApiRole, token: string, former: Former, question: Probe['question']): Probe => {
    const removals = tables.flatMap((table) => {
      const row = findRow(family, table, 'b');
      const filter = row === undefined ? null : findFilter(world, row);
      return row === undefined || filter === null ? [] : removeSql(row, filter, quiet);
    });
    const keep = (setting: string): string => `select set_config('voxanne_probe.${setting}', (${answer}), true)`;
    const act = (token: string, first: readonly string[] = []): Act => ({
      name,
      role,
      claims: token,
      before: [
        ...first,
        `select set_config('request.jwt.claims', ${literal(token)}, true)`,
        `set local role ${identifier(role)}`,
        keep('once'),
        keep('again'),
        'reset role',
        ...removals,
      ],
      sql: [
        `select case when current_setting('voxanne_probe.once') <> current_setting('voxanne_probe.again') then 2
          when (${answer}) <> current_setting('voxanne_probe.once') then 1 else 0 end`,
      ],
      measure: 'value',
    });
    return {
      question,
      acts: withStale(act(token), former).map((one) =>
        isStale(one) ? { ...act(one.claims, one.before?.slice(0, one.stale?.membership)), name: one.name } : one,
      ),
      judge: (tries) => worst(tries.map((one) => ofStale(one, judgeDependence(one), 'in its body'))),
    };
  };

function judgeDependence({ outcome }: Try): Judgement {
  const result = outcome.stage === 'done' ? Number(outcome.result) : null;
  if (result === 1) return { verdict: 'failed', observed: 'what it returns depends on rows of another organization' };
  if (result === 0)
    return { verdict: 'passed', observed: 'what it returns does not depend on rows of another organization' };
  if (outcome.stage !== 'done' && /^(42501|P0001)$/.test(outcome.code ?? ''))
    return { verdict: 'passed', observed: refusal(outcome) };
  return {
    verdict: 'skipped',
    observed: 'not checked',
    advice:
      result === 2 ? 'Called twice, it gives two different answers.' : `The call failed: ${outcome.message ?? ''}.`,
  };
}

/**
 * A function with its caller's rights is a door where it calls one with its owner's rights that the API does not show:
 * that one is probed nowhere else. What policies call is left out: it answers about the caller.
 */
const callsInside = (world: World, fn: DbFunction): boolean => {
  const conditions = world.catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']);
  return [...named(world, fn)].some(
    (one) =>
      one !== fn &&
      one.securityDefiner &&
      !world.options.schemas.includes(one.schema) &&
      !isCalledIn(one, conditions) &&
      mentioned(world, one).length > 0,
  );
};
