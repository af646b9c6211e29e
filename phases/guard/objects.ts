import type { DbFunction } from '../../src/database/catalog/types.ts';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { callable } from '../1-database/isolation/definers.ts';
import { profileUser, type Survey, tenantOf } from '../1-database/survey.ts';
import type { Target } from '../target.ts';
import { type Change, finding, kindOf, nameOf, type Since } from './changed.ts';

/** Objects that changed since the rollout in a way that no plan and no probe looks at. */
export function fromObjects(target: Target, found: Survey, since: Since): readonly GuardFinding[] {
  const changes = since.changes ?? [];
  const gone = new Set(changes.filter((one) => one.how === 'gone').map((one) => one.object));
  // What belonged to a table went with it, or is there under its new name and judged there.
  const isLeft = ({ object, how }: Change): boolean =>
    how !== 'gone' || !gone.has(`table ${nameOf(object).split('.').slice(0, 2).join('.')}`);
  return changes.filter(isLeft).flatMap((one) => judge(one, target, found, since) ?? []);
}

function judge(change: Change, target: Target, found: Survey, since: Since): GuardFinding | null {
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
      return constraintFinding(change, found, isOwn, make);
    default:
      return null;
  }
}

type Make = (kind: string, reason: string, instruction: string) => GuardFinding;

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

function triggerFinding({ object, how }: Change, found: Survey, isOwn: boolean, make: Make): GuardFinding | null {
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
  return isOwn ? make('trigger', `Trigger ${name}, which the rollout made, was changed since.`, restore) : null;
}

function publicationFinding({ object, how }: Change, found: Survey, make: Make): GuardFinding | null {
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
  return published?.filter === null || published?.columns === null
    ? make(
        'publication',
        `What publication ${publication} sends of ${name} was changed since the rollout: ${published.filter === null ? 'no row filter' : 'no column list'} limits it now.`,
        'Compare it with its migration; restore the column list or the filter, or accept this finding in the baseline.',
      )
    : null;
}

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

/** A column that holds one of some values, and nothing beside that. */
const isList =
  /^CHECK \(+\w+(?:\)?::[\w ]+)?\)* = ANY \(+ARRAY\[(?:'(?:[^']|'')*'::[\w ]+(?:, )?)+\]\)*(?:::[\w ]+\[\])?\)*$/;

function constraintFinding({ object, how }: Change, found: Survey, isOwn: boolean, make: Make): GuardFinding | null {
  if (how === 'new') return null;
  const name = nameOf(object);
  const table = name.split('.').slice(0, 2).join('.');
  const deciding = [found.organizations, found.profiles, found.memberships?.table ?? null].some(
    (one) => one !== null && `${one.schema}.${one.name}` === table,
  );
  if (!isOwn && !deciding) return null;
  const [schema, tableName, ...rest] = name.split('.');
  const now = found.catalog.tables
    .find((one) => one.schema === schema && one.name === tableName)
    ?.constraints.find((one) => one.name === rest.join('.'));
  // One value more in a list is how an app gets another role; the list still stands.
  if (!isOwn && how === 'changed' && now?.validated === true && isList.test(now.definition)) return null;
  return make(
    'constraint',
    `Constraint ${name}, ${isOwn ? 'which the rollout made' : 'of a table that says who belongs where'}, ${how === 'gone' ? 'no longer exists' : 'was changed since the rollout'}.`,
    'Restore it, or accept this finding in the baseline where the change was meant.',
  );
}
