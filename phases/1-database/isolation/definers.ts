import { decide } from '../../../src/config/answers.ts';
import { isCalledIn } from '../../../src/database/catalog/calls.ts';
import type { DbFunction } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { grants } from '../restore.ts';
import type { Survey } from '../survey.ts';
import { dangerOf } from './dangers.ts';
import { calledIn, type Reach, reachOf, textOf } from './definer-bodies.ts';
import { rulesOf } from './rules.ts';

const api = ['PUBLIC', 'anon', 'authenticated'];

export type Definers = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

export type DefinerConfig = {
  /** Names that a tenant key had before. */
  readonly from: readonly string[];
  /** The operator lets EXECUTE be taken from API roles. */
  readonly revoke: boolean;
  /** Functions that a person looked at, by signature: API roles keep them, or lose them. */
  readonly accepted: readonly string[];
  readonly revoked: readonly string[];
  /** Schemas that the API serves. */
  readonly exposed: readonly string[];
};

/**
 * SECURITY DEFINER functions that API roles may call: row security does not hold inside them. One that takes an
 * organization id works on the organization that a caller names; one that takes none may work on all of them.
 *
 * `conditions` are those of the policies that stand after the step: they need the functions that they call.
 *
 * One that asks who is calling may well compare; the probe calls it, and nothing is taken away from it here.
 */
export function planDefiners(survey: Survey, config: DefinerConfig, conditions: readonly string[]): Definers {
  const changes: SqlChange[] = [];
  const notes: Note[] = [];
  const named: DbFunction[] = [];
  const asked: DbFunction[] = [];
  const unjudged: Blocker[] = [];
  const whole: { readonly function: DbFunction; readonly reach: Reach }[] = [];
  const asking = askingNames(survey);
  const guarded = guardedTables(survey);
  for (const one of survey.catalog.functions) {
    if (!callable(one)) continue;
    const by = decisionOn(one, config);
    if (by === 'accepted') {
      notes.push({ text: `${one.signature} runs with its owner's rights; API roles keep it, as decided.` });
      continue;
    }
    const needed = isCalledIn(one, conditions);
    if (by === 'revoked' && one.ours) {
      if (needed) unjudged.push(neededByPolicy(one));
      else asked.push(one);
      continue;
    }
    const danger = config.exposed.includes(one.schema) ? dangerOf(one, survey) : null;
    if (danger !== null) {
      unjudged.push(notJudged(one, danger, needed));
      continue;
    }
    if (answersBelonging(one, survey)) {
      if (!needed && !asks(one, asking))
        notes.push({
          text: `${one.signature} runs with its owner's rights and says yes or no to who belongs where, for whoever asks; it shows no row and changes none.`,
        });
      continue;
    }
    if (!takesOrganization(one, [survey.to, ...config.from])) {
      const reach = config.exposed.includes(one.schema) && !asks(one, asking) ? reachOf(one, guarded) : null;
      if (reach === null || needed) continue;
      if (reach.everyRow && one.ours) whole.push({ function: one, reach });
      else unjudged.push(unasked(one, reach));
    } else if (needed) {
      notes.push({
        text: `${one.signature} runs with its owner's rights and takes an organization; a policy calls it, so API roles keep it.`,
      });
    } else if (!one.ours) {
      notes.push({
        text: `${one.signature} runs with its owner's rights, takes an organization and belongs to another role.`,
      });
    } else if (asksCaller(one) || calledIn(textOf(one)).some((name) => asking.has(name))) {
      notes.push({
        text: `${one.signature} runs with its owner's rights, takes an organization and asks who is calling: see that it compares the two.`,
      });
      if (config.revoke && one.executors.some((role) => role === 'PUBLIC' || role === 'anon'))
        changes.push(signedIn(one));
    } else {
      named.push(one);
    }
  }
  if (!config.revoke && named.length + whole.length > 0) {
    return {
      changes: [],
      notes,
      blockers: [...(named.length > 0 ? [namesAny(named)] : []), ...whole.map(givesAll), ...unjudged],
    };
  }
  for (const one of [...asked, ...named, ...whole.map((each) => each.function)]) {
    changes.push({
      kind: 'sql',
      id: `execute ${one.signature}`,
      title: `Revoke EXECUTE on ${one.signature} from API roles; the service role keeps it`,
      mode: 'transaction',
      // What PUBLIC loses, the service role loses with it.
      up: `revoke all on ${one.kind} ${one.signature} from public, anon, authenticated;\ngrant execute on ${one.kind} ${one.signature} to service_role;`,
      down: restoreExecute(one),
    });
  }
  return { changes, blockers: unjudged, notes };
}

function namesAny(open: readonly DbFunction[]): Blocker {
  const [first] = open;
  return {
    problem:
      open.length === 1
        ? `${first?.signature} runs with its owner's rights for any organization that a caller names, and API roles may call it.`
        : `${open.length} functions run with their owner's rights for any organization that a caller names, and API roles may call them.`,
    remedy:
      'Compare the argument with the caller inside the function, or revoke EXECUTE from API roles with --revoke-execute (decisions.revokeExecute); the service role keeps it.',
    detail: open.map((one) => one.signature).join('\n'),
    answers: [revokeAll],
  };
}

/** Certain enough to stop: the function is shown, with what it does to whose rows. */
const revokeAll = decide(
  'revokeExecute',
  true,
  'API roles can no longer call any function of this kind; the service role keeps it.',
);
const givesAll = ({ function: one, reach }: { readonly function: DbFunction; readonly reach: Reach }): Blocker => ({
  problem: `${one.signature} runs with its owner's rights on every organization's rows of ${reach.tables.join(', ')}, and API roles may call it.`,
  remedy:
    'Add a condition on public.current_org_id() to it, or revoke EXECUTE from API roles with --revoke-execute (decisions.revokeExecute); the service role keeps it.',
  detail: one.definition ?? one.signature,
  answers: [revokeAll],
});

/** A filter by an argument or by a flag may be all that is needed (a token of an invitation, a public page). */
const unasked = (one: DbFunction, reach: Reach): Blocker =>
  notJudged(one, `works on rows of ${reach.tables.join(', ')} and does not ask who is calling`, false);

/** What a function does can be told, whether it may cannot: the operator looks, and decides by name. */
function notJudged(one: DbFunction, what: string, needed: boolean): Blocker {
  const flag = `'${one.signature}'`;
  const accept = `leave it as it is with --accept-function ${flag}`;
  return {
    problem: `${one.signature} runs with its owner's rights, API roles may call it, and it ${what}: nobody has judged whether it shows or changes what belongs to another organization.`,
    remedy: needed
      ? `Look at it: add a condition on public.current_org_id(); or ${accept} (decisions.acceptFunction). A policy calls it, so API roles need EXECUTE.`
      : `Look at it: add a condition on public.current_org_id(); or ${accept}; or revoke EXECUTE from API roles with --revoke-function ${flag} (decisions.acceptFunction, decisions.revokeFunction).`,
    detail: one.definition ?? one.signature,
    answers: [
      ...(needed
        ? []
        : [decide('revokeFunction', [one.signature], 'API roles can no longer call it; the service role keeps it.')]),
      decide(
        'acceptFunction',
        [one.signature],
        'It stays as it is: API roles call it, and it goes on bypassing row security.',
      ),
    ],
  };
}

/** Whoever may not execute what a policy calls gets an error for every request to its table. */
const neededByPolicy = (one: DbFunction): Blocker => ({
  problem: `A policy calls ${one.signature}: without EXECUTE, every request of API roles to that policy's table would fail (42501).`,
  remedy:
    'Take it out of --revoke-function (decisions.revokeFunction). To close it, compare its argument with the caller inside the function, or rewrite the policy so that it does without it.',
  detail: one.definition ?? one.signature,
});

function decisionOn(one: DbFunction, config: DefinerConfig): 'accepted' | 'revoked' | null {
  const named = (list: readonly string[]): boolean =>
    list.some((name) => name === one.signature || name.replace(/\s+/g, '') === one.signature.replace(/\s+/g, ''));
  // Whoever accepted a function and was told afterwards what it reaches may well revoke it then.
  return named(config.revoked) ? 'revoked' : named(config.accepted) ? 'accepted' : null;
}

/** "Is this user a member of that organization?": yes or no, out of the tables that say who belongs where alone. */
function answersBelonging(one: DbFunction, survey: Survey): boolean {
  if (one.returns !== 'boolean' || one.returnsSet || one.volatility === 'volatile') return false;
  const tables = new Set(survey.catalog.tables.map((table) => `${table.schema}.${table.name}`));
  const directory = [survey.memberships?.table, survey.profiles, survey.organizations].flatMap((table) =>
    table == null ? [] : [`${table.schema}.${table.name}`],
  );
  const text = textOf(one);
  const ofTheApp = new Set(survey.catalog.functions.map((each) => each.name.toLowerCase()));
  // What it calls, or puts together, may read anything.
  if (/\bexecute\b/i.test(text) || calledIn(text).some((name) => ofTheApp.has(name))) return false;
  const reach = reachOf(one, tables);
  return reach !== null && reach.tables.length > 0 && reach.tables.every((name) => directory.includes(name));
}

/** Tables whose rows belong to somebody. */
const guardedTables = (survey: Survey): ReadonlySet<string> =>
  new Set(
    rulesOf(survey)
      .filter((rule) => rule.kind !== 'lookup' && rule.kind !== 'log')
      .map(({ table }) => `${table.schema}.${table.name}`),
  );

/** Names of functions that ask who is calling, themselves or through another. */
function askingNames(survey: Survey): ReadonlySet<string> {
  const asking = new Set<string>();
  for (let before = -1; before !== asking.size; ) {
    before = asking.size;
    for (const one of survey.catalog.functions) if (asks(one, asking)) asking.add(one.name.toLowerCase());
  }
  return asking;
}

const asks = (one: DbFunction, asking: ReadonlySet<string>): boolean => {
  const text = textOf(one);
  return (
    asksCaller({ body: text }) ||
    /\bcurrent_setting\s*\(/i.test(text) ||
    calledIn(text).some((name) => asking.has(name))
  );
};

/** It asks who is calling: nobody, where nobody has signed in, and `org <> NULL` is never true. */
const signedIn = (one: DbFunction): SqlChange => ({
  kind: 'sql',
  id: `execute ${one.signature}`,
  title: `Let only signed-in users and the service role execute ${one.signature}`,
  mode: 'transaction',
  up: `revoke all on ${one.kind} ${one.signature} from public, anon;\ngrant execute on ${one.kind} ${one.signature} to ${
    one.executors.includes('PUBLIC') || one.executors.includes('authenticated') ? 'authenticated, ' : ''
  }service_role;`,
  down: restoreExecute(one),
});

export const callable = (one: DbFunction): boolean =>
  one.securityDefiner &&
  (one.kind === 'function' || one.kind === 'procedure') &&
  one.returns !== 'trigger' &&
  one.returns !== 'event_trigger' &&
  one.executors.some((role) => api.includes(role));

function takesOrganization(one: DbFunction, names: readonly string[]): boolean {
  return one.arguments.some(({ name, type, mode }) => {
    if (mode === 'o' || mode === 't') return false;
    if (!/^(uuid|text|character varying|bigint|integer|jsonb?)$/.test(type)) return false;
    const plain = (name ?? '')
      .toLowerCase()
      .replace(/^(p|_|v|in|arg|target)_+/, '')
      .replace(/^_+/, '');
    return (
      names.includes(plain) ||
      /^(org|organi[sz]ation|tenant|clinic|company|workspace|account)(_?id|_?uuid)?$/.test(plain)
    );
  });
}

const asksCaller = (one: Pick<DbFunction, 'body'>): boolean =>
  /\bauth\s*\.\s*(uid|jwt|role|email)\s*\(|request\.jwt|current_org_id|current_org_role/i.test(one.body);

const restoreExecute = (one: DbFunction): string =>
  one.kind === 'function'
    ? grants(one)
    : [
        `revoke all on procedure ${one.signature} from public, anon, authenticated, service_role;`,
        ...one.executors.map(
          (role) =>
            `grant execute on procedure ${one.signature} to ${role === 'PUBLIC' ? 'public' : identifier(role)};`,
        ),
      ].join('\n');
