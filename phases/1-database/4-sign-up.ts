import { decide } from '../../src/config/answers.ts';
import type { DbFunction, Trigger } from '../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import { loadParser } from '../../src/database/rename/parser.ts';
import type { SqlChange } from '../../src/rollout/change.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import type { Target } from '../target.ts';
import { checkAccessTokenHook, planAccessTokenHook } from './access-token-hook.ts';
import { checkDocuments, checkSignUps } from './checks.ts';
import { signUpMakesOrganization } from './existing-users/nowhere.ts';
import { freeName } from './keys/facts.ts';
import { statements } from './migration.ts';
import { findTrigger, functionDown, replaceable, triggerDown } from './restore.ts';
import { fromAppMetadata } from './sign-up/app-metadata.ts';
import { makersOf } from './sign-up/app-triggers.ts';
import { wrongValues } from './sign-up/given.ts';
import { signUpText } from './sign-up/sql.ts';
import { keyNames, type TakingPart, takingPart } from './sign-up/taking-part.ts';
import { primaryColumn, type Survey, survey } from './survey.ts';
import { asToday, asTodayAnswer } from './values.ts';

export const step: Step<Target> = {
  id: '1.4',
  title: 'Give each sign-up an organization',
  why: 'Every new user needs an organization, a profile, a membership and an org_id in the token from the first second. Without this trigger a sign-up leaves a user who belongs nowhere, and the app guesses.',
  running: {
    before: '',
    after:
      'New users get an organization, a profile, a membership and org_id from their first token on; existing users follow in 1.5.',
  },
  plan,
  queries: async function* (target) {
    yield* checkDocuments(target, await survey(target), '1.4');
  },
  checks: async function* (target, signal) {
    const found = await survey(target);
    yield* checkDocuments(target, found, '1.4');
    yield* checkSignUps(target, found, signal);
    if (target.config.accessTokenHook) yield* checkAccessTokenHook(target, found);
  },
};

async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const blockers = await signUpBlockers(found, target);
  if (blockers.length > 0) return { changes: [], blockers, notes: [] };
  const made = signUpText(found, target);
  if (made === null) return { changes: [], blockers, notes: [] };
  const notes: Note[] = [...made.notes, ...onboardingNote(found, target)];
  const changes: SqlChange[] = [];
  const parts = statements(made.text);
  const app = takingPart(found, target);
  changes.push(...userIndex(found));
  changes.push(...believed(found, app, target, notes));
  for (const [at, ddl] of parts.entries()) {
    const called = /^create or replace function public\.(\w+)/m.exec(ddl)?.[1];
    if (called !== undefined) {
      if (
        called === 'follow_membership' &&
        !parts.some((one) => /^create or replace trigger on_membership_changed/m.test(one))
      )
        continue;
      const rights = parts
        .slice(at + 1)
        .filter((one) => new RegExp(`^(revoke|grant) .* on function public\\.${called}\\(`, 'm').test(one));
      changes.push(...define(found, called, ddl, rights.join('\n')));
    }
    const trigger = triggerPattern.exec(ddl);
    if (trigger !== null) changes.push(...attach(found, ddl, trigger, app, notes));
  }
  if (!target.config.accessTokenHook) return { changes, blockers: [], notes };
  const hook = planAccessTokenHook(found, target);
  return { changes: [...changes, ...hook.changes], blockers: hook.blockers, notes: [...notes, ...hook.notes] };
}

/** The name of a trigger, its table as it is quoted, and its function. */
const triggerPattern =
  /^create or replace trigger (\w+) [^;]*? on ((?:"(?:[^"]|"")*"|[\w.])+)\s[^;]*execute function public\.(\w+)/m;

/** Everything that stops this step and can be told from the catalog: the survey step says it before the first change. */
export async function signUpBlockers(found: Survey, target: Target): Promise<readonly Blocker[]> {
  await loadParser();
  const { organizations } = found;
  const blockers: Blocker[] = [];
  if (organizations === null)
    blockers.push(missingTable('organizations', target.config.names.organizations ?? 'public.organizations'));
  if (found.membershipCandidates.length > 1 && found.memberships === null) {
    blockers.push({
      problem: `More than one table could hold the memberships: ${found.membershipCandidates.map((one) => `${one.schema}.${one.name}`).join(', ')}.`,
      remedy: 'Name it with --memberships or names.memberships in the configuration file.',
    });
  }
  if (organizations !== null && primaryColumn(organizations) === null) {
    blockers.push({
      problem: `${organizations.schema}.${organizations.name} has no primary key of one column, so nothing can name an organization.`,
      remedy: 'Give it one first.',
    });
  }
  if (blockers.length > 0) return blockers;
  blockers.push(...(await wrongValues(found, target)));
  blockers.push(...(signUpText(found, target)?.blockers ?? []));
  for (const one of takingPart(found, target)) {
    if (!one.stays || one.trusts.length === 0) continue;
    const { function: signature } = one.trigger;
    const keys = one.trusts.join(', ');
    const early = firesLater(one.trigger.definition)
      ? ''
      : ` It finds nothing there while a user is made: what an admin gives with a new user is written after that, so that whoever is to join an organization gets it by a membership or by org_id in app metadata, which sign-up follows.`;
    const rewritten = fromAppMetadata(found.catalog, signature, keyNames(found));
    if (rewritten !== null && target.config.decisions.readAppMetadata.includes(signature)) continue;
    blockers.push({
      problem: `Trigger ${one.trigger.name} on auth.users stays, since ${one.beyond.length === 0 ? 'a sign-up makes what it makes today' : `it does more than make an organization, a profile or a membership (it ${one.beyond.join(', ')})`}; and it takes ${keys} from user-editable metadata: whoever signs up chooses it.`,
      remedy:
        rewritten === null
          ? `Change ${signature} so that it reads ${keys} from raw_app_meta_data or from a table, then rerun.`
          : `Let it read ${keys} from raw_app_meta_data, which only the server writes, with --read-app-metadata ${literal(signature)} (decisions.readAppMetadata).${early}`,
      detail: [one.trigger.definition, ...(rewritten ?? []).map((each) => each.definition)].join('\n\n'),
      ...(rewritten === null
        ? {}
        : {
            answers: [
              decide(
                'readAppMetadata',
                [signature],
                `Only what the server puts into app metadata counts as ${keys}; a sign-up form that sends them is no longer believed.${early}`,
              ),
            ],
          }),
    });
  }
  return blockers;
}

/** The trigger also sees what the auth server writes once the row is there: app metadata that comes with a new user. */
const firesLater = (definition: string): boolean => /\b(?:AFTER|BEFORE)\b[^(]*\bUPDATE\b[^(]*\bON\b/i.test(definition);

/** Sign-up triggers of the app that stay and believed what whoever signs up wrote: they ask the server's map instead. */
function believed(found: Survey, app: readonly TakingPart[], target: Target, notes: Note[]): readonly SqlChange[] {
  const signatures = app
    .filter((one) => one.stays && one.trusts.length > 0)
    .map((one) => one.trigger.function)
    .filter((one) => target.config.decisions.readAppMetadata.includes(one));
  const made = signatures.flatMap((one) => fromAppMetadata(found.catalog, one, keyNames(found)) ?? []);
  const once = made.filter((one, at) => made.findIndex((each) => each.before === one.before) === at);
  for (const { before } of once)
    notes.push({
      text: `${before.signature} no longer trusts user-editable metadata: it reads the organization and the role from raw_app_meta_data.`,
    });
  return once.map(({ before, definition }) => ({
    kind: 'sql',
    id: `app metadata ${before.signature}`,
    title: `Let ${before.signature} read organization and role from app metadata`,
    mode: 'transaction',
    up: `${definition};`,
    down: `${before.definition};`,
  }));
}

/** An app whose users make their organizations themselves would give everybody two. */
function onboardingNote(found: Survey, target: Target): readonly Note[] {
  const { organizations } = found;
  if (organizations === null || !signUpMakesOrganization(target)) return [];
  const made = new Set(['authenticated', 'public']);
  const policies = found.catalog.policies.filter(
    (one) =>
      one.schema === organizations.schema &&
      one.table === organizations.name &&
      one.permissive &&
      one.command === 'INSERT' &&
      one.roles.some((role) => made.has(role)),
  );
  const doors = [
    ...makersOf(found.catalog, organizations).map((one) => one.signature),
    ...policies.map((one) => `policy "${one.name}"`),
  ];
  if (doors.length === 0) return [];
  return [
    {
      text: `Signed-in users can make organizations themselves (${doors.join(', ')}). If they do so after they sign up, ${asToday}: otherwise each also gets one at sign-up.`,
      answers: [asTodayAnswer],
    },
  ];
}

/** Who belongs where is asked by the user, at each sign-in and change of a membership: without an index that reads them all. */
function userIndex(found: Survey): readonly SqlChange[] {
  const { memberships } = found;
  if (memberships === null || memberships.table.kind !== 'table' || memberships.table.isPartition) return [];
  const { table, userColumn } = memberships;
  if (table.indexes.some((one) => one.valid && !one.partial && one.columns[0] === userColumn)) return [];
  const name = freeName(found, table.schema, table.name, `${userColumn}_idx`, new Set());
  const index = qualified(table.schema, name);
  return [
    {
      kind: 'sql',
      id: `index of users ${table.schema}.${table.name}`,
      title: `Create index on ${userColumn} of ${table.schema}.${table.name} concurrently`,
      mode: 'autocommit',
      up: `create index concurrently ${identifier(name)} on ${memberships.sql} (${identifier(userColumn)})`,
      down: `drop index concurrently ${index}`,
      applied: `select exists (select from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass(${literal(index)}) and i.indisvalid)`,
      clean: `drop index concurrently if exists ${index}`,
    },
  ];
}

function define(found: Survey, name: string, ddl: string, rights: string): readonly SqlChange[] {
  const before =
    found.catalog.functions.find((one) => one.schema === 'public' && one.name === name && sameArguments(one, ddl)) ??
    null;
  if (before !== null && sameFunction(before, ddl)) return [];
  const signature = signatureOf(ddl);
  return [
    {
      kind: 'sql',
      id: `function public.${name}`,
      title: `${before === null ? 'Create' : 'Replace'} function public.${signature}`,
      mode: 'transaction',
      up: `${ddl}\n${rights}`,
      down: before === null ? `drop function public.${signature};` : functionDown(before, 'public', name),
    },
  ];
}

/** `name(type)` of a definition of ours. */
const signatureOf = (ddl: string): string => {
  const [, name = '', list = ''] = /create or replace function public\.(\w+)\(([^)]*)\)/.exec(ddl) ?? [];
  return `${name}(${list.replace(/^\w+ /, '')})`;
};

const sameArguments = (one: DbFunction, ddl: string): boolean => {
  const [, type = ''] = /\((.*)\)/.exec(signatureOf(ddl)) ?? [];
  return one.arguments.map((each) => each.type).join() === type;
};

function attach(
  found: Survey,
  ddl: string,
  [, name = '', on = '', functionName = '']: RegExpExecArray,
  app: readonly TakingPart[],
  notes: Note[],
): readonly SqlChange[] {
  const users = on === 'auth.users';
  const table = users ? { schema: 'auth', name: 'users' } : tableOf(found, on);
  if (table === null) return [];
  const before = findTrigger(found.catalog, table.schema, table.name, name);
  const created = name === 'on_auth_user_created';
  const replaced = created ? app.filter((one) => !one.stays).map((one) => one.trigger) : [];
  const kept = created ? app.filter((one) => one.stays) : [];
  // Triggers fire in the order of their names, and ours completes what theirs made.
  const later = kept
    .map((one) => one.trigger)
    .filter((one) => / AFTER /.test(one.definition) && !/CONSTRAINT TRIGGER/.test(one.definition) && one.name >= name);
  if (before !== null && sameTrigger(before, ddl) && replaced.length === 0 && later.length === 0) {
    notes.push(...kept.map(keptNote));
    return [];
  }
  const mine = before !== null && later.some((one) => one.name === name);
  const gone = replaced.filter((one) => one.name !== name);
  const copies = later.map((one, at) => ({ one, as: `on_auth_user_app_${at + 1}` }));
  for (const one of replaced) {
    notes.push({
      text: `Trigger ${one.name} on auth.users does the same job; it is kept in the journal and restored on rollback.`,
      detail: one.definition,
    });
  }
  for (const one of app.filter((each) => created && !each.stays && each.trusts.length > 0)) {
    notes.push({
      text: `Trigger ${one.trigger.name} took ${one.trusts.join(', ')} from user-editable metadata: whoever signed up chose it. What replaces it does not.`,
      detail: one.trigger.definition,
    });
  }
  notes.push(...kept.map(keptNote));
  if (before !== null && !mine && !replaced.includes(before))
    notes.push({
      text: `Trigger ${name} is there already and is replaced; rollback restores it.`,
      detail: before.definition,
    });
  const extra = [
    ...(gone.length === 0 ? [] : [`instead of ${gone.map((one) => one.name).join(', ')}`]),
    ...(copies.length === 0 ? [] : [`after ${copies.map(({ one }) => one.name).join(', ')}`]),
  ].join(', ');
  const sql = `${table.schema}.${table.name}`;
  return [
    {
      kind: 'sql',
      id: `trigger ${sql}.${name}`,
      title: `${before === null ? 'Create' : 'Replace'} trigger ${name} on ${sql}${extra === '' ? '' : `, ${extra}`}`,
      mode: 'transaction',
      // One transaction: with both triggers at work a sign-up would get two organizations.
      up: [
        ...gone.map((one) => `drop trigger ${identifier(one.name)} on auth.users;`),
        ...copies.flatMap(({ one, as }) => [
          ...(one.name === name ? [] : [`drop trigger ${identifier(one.name)} on auth.users;`]),
          `${renamed(one.definition, one.name, as)};`,
        ]),
        ddl,
      ].join('\n'),
      down: [
        ...copies.map(({ as }) => `drop trigger ${identifier(as)} on auth.users;`),
        triggerDown(before, table.schema, table.name, name),
        ...[...gone, ...later.filter((one) => one.name !== name)].map((one) => `${replaceable(one.definition)};`),
      ].join('\n'),
      after: [`function public.${functionName}`],
    },
  ];
}

const keptNote = (one: TakingPart): Note => ({
  text: `Trigger ${one.trigger.name} on auth.users ${one.beyond.length === 0 ? '' : `does more than sign-up needs: it ${one.beyond.join(', ')}. It `}stays and fires first; sign-up completes what it leaves open.`,
  detail: one.trigger.definition,
});

/** The same trigger under another name. */
const renamed = (definition: string, from: string, to: string): string =>
  replaceable(definition).replace(
    /^(CREATE (?:OR REPLACE )?TRIGGER )("(?:[^"]|"")+"|\S+)/,
    (whole, create: string, name: string) =>
      name.replace(/^"|"$/g, '').replaceAll('""', '"') === from ? `${create}${identifier(to)}` : whole,
  );

/** The table of memberships, or of profiles, under the quoted name that the migration gives it. */
function tableOf(found: Survey, sql: string): { readonly schema: string; readonly name: string } | null {
  const tables = [found.memberships?.table ?? null, found.profiles];
  const table = tables.find((one) => one !== null && qualified(one.schema, one.name) === sql);
  return table ?? (sql === 'public.profiles' ? { schema: 'public', name: 'profiles' } : null);
}

/** The body, the SECURITY clause and the search_path decide; formatting of the header does not. */
function sameFunction(before: DbFunction, ddl: string): boolean {
  const body = /\$function\$([\s\S]*)\$function\$/.exec(ddl)?.[1];
  return (
    before.body === body &&
    before.securityDefiner === /security definer/.test(ddl) &&
    settingOf(before) === /set search_path = (.*) as \$function\$/.exec(ddl)?.[1] &&
    before.executors.join() === (/returns trigger/.test(ddl) ? '' : 'authenticated')
  );
}

const settingOf = (one: DbFunction): string | undefined =>
  one.settings.find((each) => each.startsWith('search_path='))?.slice('search_path='.length);

function sameTrigger(before: Trigger, ddl: string): boolean {
  const shape = (text: string): string =>
    text
      .replace(/^\s*--.*$/gm, '')
      .toLowerCase()
      // PostgreSQL prints a condition with casts and parentheses of its own.
      .replace(/or replace |::\w+|[();]/g, '')
      .replace(/\s+/g, ' ')
      .trim();
  return ['O', 'A'].includes(before.fires) && shape(before.definition) === shape(ddl);
}

const missingTable = (what: string, name: string): Blocker => ({
  problem: `The table of ${what}, ${name}, is not there.`,
  remedy: `Name the right table with names.${what} in the configuration file.`,
});
