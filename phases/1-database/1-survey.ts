import type { ClientBase } from 'pg';
import { decide } from '../../src/config/answers.ts';
import { identifier } from '../../src/database/quote.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Blocker, Note, Plan, Step } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import type { Target } from '../target.ts';
import { profilesTaken } from './2-one-name.ts';
import { keepAdvisors } from './advisors.ts';
import { brokenNotes, brokenToday } from './isolation/broken-today.ts';
import { referenceNotes } from './isolation/references.ts';
import { supported, toSupportedType } from './keys/supported-type.ts';
import { eventTriggerNotes } from './names/event-triggers.ts';
import { newDirectory, newKey, newMemberships, otherKey, ownerOf } from './survey/by-hand.ts';
import { ownUsers } from './survey/own-users.ts';
import { isText, primaryColumn, type Survey, survey } from './survey.ts';

export const step: Step<Target> = {
  id: '1.1',
  title: 'Survey the database',
  why: 'Everything later is computed from what is really there: which tables carry an organization, under which name and type, what depends on it, and what would stop the rollout. This step only reads.',
  plan,
  checks,
};

/** Never has changes: the survey is the look before the first of them. */
async function plan(target: Target): Promise<Plan> {
  const found = await survey(target);
  const client = await target.session.work();
  const events = await eventTriggerNotes(client);
  // Where they are to be closed, step 1.7 says what stands in the way, and 1.1 what it says.
  const references = target.config.decisions.sameOrganizationReferences ? [] : await referenceNotes(client, found);
  const broken = [...brokenNotes(await brokenToday(client, found))];
  return {
    changes: [],
    blockers: await blockersOf(client, found, target),
    notes: [...notesOf(found), ...broken, ...events, ...references],
  };
}

async function* checks(target: Target, signal: AbortSignal): AsyncIterable<CheckResult> {
  await keepAdvisors(target, signal);
  const began = performance.now();
  const found = await survey(target);
  const blockers = await blockersOf(await target.session.work(), found, target);
  const milliseconds = performance.now() - began;
  yield {
    id: '1.1/survey',
    title: 'This database is ready for the rollout',
    kind: 'catalog',
    verdict: blockers.length === 0 ? 'passed' : 'failed',
    expected: 'organizations, profiles and tenant keys that later steps can work with',
    observed:
      blockers[0]?.problem ??
      `${plural(found.tenants.length, 'table')} with a tenant key, ${found.tenants.filter((one) => one.renamed).length} of them under an old name, ${found.unkeyed.length} without one`,
    ...(blockers[0] === undefined ? {} : { advice: blockers[0].remedy }),
    milliseconds,
  };
}

async function blockersOf(client: ClientBase, found: Survey, target: Target): Promise<readonly Blocker[]> {
  const list: Blocker[] = [...found.questions];
  const asked = (name: string): boolean => found.questions.some((one) => one.remedy.includes(`names.${name}`));
  if (found.organizations === null && !asked('organizations')) {
    list.push({
      problem: 'No table of organizations was found: nothing refers to a table as the organization of rows or users.',
      remedy:
        'Name it with --organizations or names.organizations in the configuration file; an app that has none yet gets them with the SQL below, once the rows in it are filled in.',
      detail: newDirectory(found),
    });
  }
  const key = primaryColumn(found.organizations);
  const typed = await toSupportedType(client, found);
  if (found.organizations !== null && (key === null || !supported.test(found.idType))) {
    list.push({
      problem: `${key === null ? 'Organizations have no primary key of one column' : `Organizations are known by ${key.name} ${key.type}`}, and tokens, policies and foreign keys need one value that says which organization it is: a uuid, a whole number or a text.`,
      remedy:
        typed !== null
          ? 'Give the key and what refers to it such a type with the SQL below, then rerun.'
          : key === null
            ? 'Give organizations a primary key of one such column first, for instance with the SQL below.'
            : `Change the type of ${key.name}, and of every column that holds it, to text or bigint, then rerun: something that stands on them has to be written anew by hand.`,
      ...((typed ?? key === null) ? { detail: typed ?? newKey(found.organizations) } : {}),
    });
  }
  // Profiles of its own making would know nothing of the owners that organizations name.
  const owned = found.organizations !== null && ownerOf(found.organizations) !== undefined;
  const taken = profilesTaken(found) || owned;
  const other = referredTo(found);
  if (found.organizations !== null && other !== null)
    list.push({
      problem: `${plural(other.tables, 'table')} ${other.tables === 1 ? 'refers' : 'refer'} to organizations by ${other.column}, which is not their primary key, and no table by the key itself.`,
      remedy: 'Make it the primary key with the SQL below, then rerun.',
      detail: otherKey(found.organizations, other.column),
    });
  const own = ownUsers(found);
  if (own !== null && !asked('profiles') && !asked('memberships')) list.push(own);
  const created = found.profiles === null && target.config.decisions.createProfiles && !taken;
  if (
    found.organizations !== null &&
    other === null &&
    found.truth === 'none' &&
    own === null &&
    !created &&
    !asked('profiles') &&
    !asked('memberships')
  ) {
    list.push({
      problem: `Nothing in the database says which organization a user belongs to: there is no table of memberships, and ${found.profiles === null ? 'no table of profiles' : `${found.profiles.schema}.${found.profiles.name} has no organization column`}.`,
      remedy:
        found.profiles === null
          ? `Name the table with --memberships or --profiles (names.memberships, names.profiles)${owned ? ', or say it in a table with the SQL below' : taken ? '; public.profiles is there, and is taken with --profiles public.profiles if each of its rows is a user' : ', or let step 1.2 create profiles with --create-profiles'}.`
          : 'Name the table with --memberships (names.memberships), or say it in a table or a column of profiles with the SQL below.',
      ...(key === null ? {} : { detail: newMemberships(found, found.organizations, key.name) }),
      ...(found.profiles === null && !taken
        ? { answers: [decide('createProfiles', true, 'Step 1.2 creates public.profiles, with one row per user.')] }
        : {}),
    });
  }
  list.push(...takenNames(found));
  const foreign = found.tenants.filter((one) => !one.table.ours);
  if (foreign.length > 0) {
    list.push({
      problem: `${plural(foreign.length, 'table')} with a tenant key ${foreign.length === 1 ? 'belongs' : 'belong'} to another role: ${foreign
        .slice(0, 3)
        .map((one) => one.sql)
        .join(', ')}.`,
      remedy: 'Connect as their owner, or leave them out with "exclude" in the configuration file.',
    });
  }
  return list;
}

/** A column has the name that is to stay and holds something else: the key of that table cannot be called so. */
function takenNames(found: Survey): readonly Blocker[] {
  const taken = found.tenants.filter(
    (one) => one.renamed && [...one.table.columns].some((each) => each.name === found.to && !one.also.includes(each)),
  );
  if (taken.length === 0) return [];
  const [first] = taken;
  return [
    {
      problem: `${found.to} is there already and holds something else than the organization in ${taken.map((one) => one.sql).join(', ')}, so ${first?.key.name ?? 'the key'} cannot be called so there.`,
      remedy: `Rename that column with the SQL below, together with the code that uses it, then rerun; or let another name stay, with "names": {"to": ${JSON.stringify(first?.key.name ?? '')}} in the configuration file.`,
      detail: taken
        .map(
          (one) =>
            `alter table ${one.sql} rename column ${identifier(found.to)} to ${identifier(`${found.to}_other`)};`,
        )
        .join('\n'),
    },
  ];
}

/** The column of organizations that every foreign key refers to, where that is not their primary key. */
function referredTo(found: Survey): { readonly column: string; readonly tables: number } | null {
  const { organizations } = found;
  const key = primaryColumn(organizations)?.name;
  if (organizations === null || key === undefined) return null;
  const targets = found.catalog.tables.flatMap((table) =>
    table === organizations
      ? []
      : table.constraints.flatMap(({ type, references }) =>
          type === 'f' && references?.schema === organizations.schema && references.table === organizations.name
            ? [references.columns]
            : [],
        ),
  );
  const [first] = targets;
  const [column] = first ?? [];
  if (column === undefined || column === key || targets.some((one) => one.join() !== column)) return null;
  return { column, tables: targets.length };
}

/** Verbs of the notes as one table has them. */

function notesOf(found: Survey): readonly Note[] {
  const notes: Note[] = found.evidence.map(({ what, because }) => ({ text: `${what}: ${because}.` }));
  if (found.memberships !== null && found.memberships.roles.length > 0)
    notes.push({ text: `Roles of members are ${found.memberships.roles.join(', ')}.` });
  const say = (
    one: string,
    many: string,
    tables: readonly { readonly schema: string; readonly name: string }[],
  ): void => {
    if (tables.length > 0)
      notes.push({
        text: plural(tables.length, `table ${one}`, `tables ${many}`),
        detail: tables.map((one) => `${one.schema}.${one.name}`).join(', '),
      });
  };
  const { tenants, catalog } = found;
  say(
    `carries ${found.to}`,
    `carry ${found.to}`,
    tenants.filter((one) => one.key.name === found.to).map((one) => one.table),
  );
  for (const name of [...new Set(tenants.filter((one) => one.renamed).map((one) => one.key.name))]) {
    say(
      `uses ${name}, which becomes ${found.to}`,
      `use ${name}, which becomes ${found.to}`,
      tenants.filter((one) => one.renamed && one.key.name === name).map((one) => one.table),
    );
  }
  say(
    'has both the new and an old name',
    'have both the new and an old name',
    tenants.filter((one) => one.also.length > 0).map((one) => one.table),
  );
  say(
    'holds the key as text',
    'hold the key as text',
    tenants.filter((one) => isText(one.key.type)).map((one) => one.table),
  );
  say(
    'has no foreign key on it',
    'have no foreign key on it',
    tenants.filter((one) => one.foreignKey === null).map((one) => one.table),
  );
  say(
    'has a foreign key that points elsewhere',
    'have a foreign key that points elsewhere',
    tenants.filter((one) => one.wrongForeignKey).map((one) => one.table),
  );
  say('carries no organization at all', 'carry no organization at all', found.unkeyed);
  for (const one of found.unclear) {
    notes.push({ text: `${one.table.schema}.${one.table.name}.${one.column.name} is left alone: ${one.reason}.` });
  }
  say(
    'has no row security',
    'have no row security',
    catalog.tables.filter((table) => !table.rowSecurity),
  );
  say('is excluded by the configuration', 'are excluded by the configuration', found.excluded);
  return notes;
}
