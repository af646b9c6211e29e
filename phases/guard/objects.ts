import type { ClientBase } from 'pg';
import { appSchema } from '../../src/database/catalog/platform.ts';
import type { DbFunction } from '../../src/database/catalog/types.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { callable } from '../1-database/isolation/definers.ts';
import { profileUser, type Survey, tenantOf } from '../1-database/survey.ts';
import type { Target } from '../target.ts';
import { type Change, finding, hashOf, isRenamed, kindOf, type Make, nameOf, type Since } from './changed.ts';
import { constraintFinding } from './constraints.ts';

/** Objects that changed since the rollout in a way that no plan and no probe looks at. */
export async function fromObjects(
  client: ClientBase,
  target: Target,
  found: Survey,
  since: Since,
): Promise<readonly GuardFinding[]> {
  const idle = await idleRules(client);
  const changes = since.changes ?? [];
  const gone = new Set(changes.filter((one) => one.how === 'gone').map((one) => one.object));
  // What belonged to a table went with it, or is there under its new name and judged there.
  const isLeft = (one: Change): boolean =>
    one.how !== 'gone' ||
    (!gone.has(`table ${nameOf(one.object).split('.').slice(0, 2).join('.')}`) && !isRenamed(one, since));
  return changes.filter(isLeft).flatMap((one) => judge(one, target, found, since, idle) ?? []);
}

/** Rules that do nothing in place of a change, with nobody's permissions: `schema.table.rule`. */
async function idleRules(client: ClientBase): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `select n.nspname || '.' || c.relname || '.' || r.rulename as name
     from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where r.ev_type <> '1' and r.is_instead and ${appSchema('n.nspname')} and pg_catalog.pg_get_ruledef(r.oid) ~ ' DO INSTEAD NOTHING;$'`,
  );
  return new Set(rows.map((one) => one.name));
}

function judge(
  change: Change,
  target: Target,
  found: Survey,
  since: Since,
  idle: ReadonlySet<string>,
): GuardFinding | null {
  const { object, how } = change;
  const name = nameOf(object);
  const make = (kind: string, reason: string, instruction: string): GuardFinding =>
    finding(since, { kind, object: name, key: `${how} ${object}`, reason, instruction });
  const isOwn = since.own.has(object);
  switch (kindOf(object)) {
    case 'policy':
      return policyFinding(change, found, isOwn, make);
    case 'function':
      return functionFinding(change, target, found, isOwn, make);
    case 'trigger':
      return triggerFinding(change, found, isOwn, make);
    case 'view':
      return how === 'changed' && target.config.decisions.acceptView.includes(name)
        ? make(
            'accepted',
            `The view ${name} was accepted with its owner's permissions, and it changed since.`,
            'Look at its definition again; then accept this finding in the baseline, or make the view run with the caller’s permissions.',
          )
        : null;
    case 'rule':
      if (idle.has(name))
        return isDirectory(found, name)
          ? make(
              'rule',
              `The rule ${name} was ${how === 'new' ? 'added' : 'changed'} since the rollout: what is written there about who belongs where is dropped without an error.`,
              'Drop it, or refuse in a trigger with an error.',
            )
          : null;
      return how === 'gone'
        ? null
        : make(
            'rule',
            `The rule ${name} was ${how === 'new' ? 'added' : 'changed'} since the rollout: what a rule does runs with the table owner's permissions, past row security.`,
            'Drop it, or do the same in a trigger that runs with the caller’s permissions.',
          );
    case 'publication':
      return publicationFinding(change, found, make);
    case 'column':
      return columnFinding(change, found, make);
    case 'constraint':
      return constraintFinding(change, found, since, make);
    default:
      return null;
  }
}

/** What to do about an object of ours. */
export const restore = 'Restore it, or run the step that made it again: voxanne-rollout plan shows it.';

function policyFinding({ object, how }: Change, found: Survey, isOwn: boolean, make: Make): GuardFinding | null {
  const name = nameOf(object);
  const policy = found.catalog.policies.find((one) => `${one.schema}.${one.table}.${one.name}` === name);
  if (how === 'gone')
    return make(
      'policy',
      `Policy ${name} no longer exists.`,
      isOwn
        ? restore
        : 'A restrictive policy narrows what others allow, and a permissive one gives access: restore it, or accept this finding in the baseline where its removal was meant.',
    );
  if (isOwn) return make('policy', `Policy ${name}, which the rollout made, was changed since.`, restore);
  if (policy !== undefined && !policy.permissive && how === 'changed')
    return make(
      'policy',
      `The restrictive policy ${name} was changed since the rollout: it may narrow less than it did.`,
      'Compare it with its migration; accept this finding in the baseline where the change was meant.',
    );
  // Permissive ones that are there are judged by what they let through, not by their having changed.
  return null;
}

function functionFinding(
  { object, how }: Change,
  { config }: Target,
  found: Survey,
  isOwn: boolean,
  make: Make,
): GuardFinding | null {
  const name = nameOf(object);
  if (isOwn)
    return make(
      'function',
      `Function ${name}, which the rollout made, ${how === 'gone' ? 'no longer exists' : 'was changed since'}.`,
      restore,
    );
  const one = found.catalog.functions.find((each) => sameSignature(each, name));
  if (how === 'gone' || one === undefined) return null;
  const accepted = config.decisions.acceptFunction.some((each) => sameSignature(one, each));
  if (how === 'changed' && accepted)
    return make(
      'accepted',
      `Function ${name} was accepted with its owner's permissions, and it changed since.`,
      'Look at it again; then accept this finding in the baseline, or add a condition on public.current_org_id().',
    );
  if (
    one.securityDefiner &&
    !one.settings.some((each) => /^search_path=/.test(each)) &&
    (callable(one) || isTrigger(one))
  )
    return make(
      'search-path',
      `Function ${name}, ${how === 'new' ? 'made' : 'changed'} since the rollout, runs with its owner's permissions and without a fixed search_path: its caller chooses which tables and functions its names mean.`,
      `alter ${one.kind} ${one.signature} set search_path = ''; and qualify the names in it.`,
    );
  return null;
}

const isTrigger = (one: DbFunction): boolean => one.returns === 'trigger';

const plain = (signature: string): string =>
  signature
    .replaceAll('"', '')
    .replace(/^public\./, '')
    .replace(/\s+/g, '')
    .replace(/,public\./g, ',');

const sameSignature = (one: DbFunction, name: string): boolean => plain(one.signature) === plain(name);

function triggerFinding({ object, how, was }: Change, found: Survey, isOwn: boolean, make: Make): GuardFinding | null {
  const name = nameOf(object);
  const trigger = found.catalog.triggers.find((one) => `${one.schema}.${one.table}.${one.name}` === name);
  if (how === 'gone')
    return isOwn ? make('trigger', `Trigger ${name}, which the rollout made, no longer exists.`, restore) : null;
  if (trigger?.fires === 'D' || trigger?.fires === 'R')
    return make(
      'trigger',
      `Trigger ${name} ${how === 'new' ? 'is' : 'was'} disabled${how === 'new' ? '' : ' since the rollout'}.`,
      `alter table … enable trigger …; or drop it where nothing needs it.`,
    );
  if (!isOwn) return null;
  // It fires as it did, and for what a replication brings as well.
  if (trigger?.fires === 'A' && was === hashOf(trigger.definition, 'O')) return null;
  return make('trigger', `Trigger ${name}, which the rollout made, was changed since.`, restore);
}

function publicationFinding({ object, how, was }: Change, found: Survey, make: Make): GuardFinding | null {
  const [publication = '', ...rest] = object.replace(/^publication /, '').split(' ');
  const name = rest.join(' ');
  if (how === 'gone') return null;
  const table = found.catalog.tables.find((one) => `${one.schema}.${one.name}` === name);
  const published = found.catalog.publications.find(
    (one) => one.publication === publication && `${one.schema}.${one.table}` === name,
  );
  if (how === 'new')
    return table?.rowSecurity === false
      ? make(
          'publication',
          `${name} was added to publication ${publication} since the rollout and has no row security: its changes go to every subscriber.`,
          `Enable row security on it with a policy, or take it out: alter publication ${publication} drop table ${name};`,
        )
      : null;
  if (published === undefined) return null;
  const { filter } = published;
  const columns = published.columns === null ? null : [...published.columns].sort().join(',');
  // A limit more, and the others as they were.
  if (was !== undefined && [hashOf(null, filter), hashOf(columns, null), hashOf(null, null)].includes(was)) return null;
  const limits = [
    filter === null ? 'no row filter' : `the row filter ${filter}`,
    columns === null ? 'no column list' : `the columns ${columns.replaceAll(',', ', ')}`,
  ];
  return make(
    'publication',
    `What publication ${publication} sends of ${name} was changed since the rollout: ${limits.join(' and ')} ${filter === null && columns === null ? 'limit' : 'limits'} it now.`,
    'Compare it with its migration; restore the column list or the filter, or accept this finding in the baseline.',
  );
}

/** A table that says who belongs where, or something of it: `schema.table` or `schema.table.name`. */
const isDirectory = (found: Survey, name: string): boolean =>
  [found.organizations, found.profiles, found.memberships?.table ?? null].some(
    (one) => one !== null && `${name}.`.startsWith(`${one.schema}.${one.name}.`),
  );

/** Columns that say who belongs where: key, user and role. */
function columnFinding({ object, how }: Change, found: Survey, make: Make): GuardFinding | null {
  const name = nameOf(object);
  const [schema, tableName, ...rest] = name.split('.');
  const table = found.catalog.tables.find((one) => one.schema === schema && one.name === tableName);
  if (table === undefined) return null;
  const column = rest.join('.');
  const isKey = tenantOf(found, table)?.key.name === column || (how === 'gone' && column === found.to);
  const { memberships, profiles } = found;
  const isMember =
    (table === memberships?.table && [memberships.userColumn, memberships.roleColumn].includes(column)) ||
    (table === profiles && (column === profileUser(found) || /^(?:org_|user_)?role$/.test(column)));
  if (!isKey && !isMember) return null;
  if (how === 'new') return null;
  const now = table.columns.find((one) => one.name === column);
  // What fills it by itself is the organization of whoever writes.
  if (isKey && now?.notNull === true && isOurDefault.test(now.default ?? '')) return null;
  const shape =
    now === undefined
      ? 'it no longer exists'
      : `it is ${now.type}, ${now.notNull ? 'NOT NULL' : 'nullable'}, ${now.default === null ? 'without a default' : `default ${now.default}`}`;
  return make(
    'column',
    `Column ${name} says who belongs where, and its type, NOT NULL, default or column grants changed since the rollout: ${shape}.`,
    'Compare it with its migration; restore it, or accept this finding in the baseline where the change was meant.',
  );
}

const isOurDefault = /^\(*(?:select )?(?:public\.)?current_org_id\(\)(?: as current_org_id)?\)*$/i;
