import type { DbFunction } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { grants } from '../restore.ts';
import type { Survey } from '../survey.ts';

const api = ['PUBLIC', 'anon', 'authenticated'];

export type Definers = {
  readonly changes: readonly SqlChange[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
};

/**
 * SECURITY DEFINER functions that API roles may call and that take an organization id: row security does not hold
 * inside them, so that whoever calls them works on the organization that they name.
 *
 * `conditions` are those of the policies that stand after the step: they need the functions that they call.
 *
 * One that asks who is calling may well compare; the probe calls it, and nothing is taken away from it here.
 */
export function planDefiners(
  survey: Survey,
  config: { readonly from: readonly string[]; readonly revoke: boolean },
  conditions: readonly string[],
): Definers {
  const changes: SqlChange[] = [];
  const notes: Note[] = [];
  const open: DbFunction[] = [];
  for (const one of survey.catalog.functions) {
    if (!callable(one) || !takesOrganization(one, [survey.to, ...config.from])) continue;
    if (usedByPolicy(one, conditions)) {
      notes.push({
        text: `${one.signature} runs with its owner's rights and takes an organization; a policy calls it, so that API roles keep it.`,
      });
    } else if (!one.ours) {
      notes.push({
        text: `${one.signature} runs with its owner's rights, takes an organization and belongs to another role.`,
      });
    } else if (asksCaller(one)) {
      notes.push({
        text: `${one.signature} runs with its owner's rights, takes an organization and asks who is calling: see that it compares the two.`,
      });
      if (config.revoke && one.executors.some((role) => role === 'PUBLIC' || role === 'anon'))
        changes.push(signedIn(one));
    } else {
      open.push(one);
    }
  }
  if (open.length > 0 && !config.revoke) {
    const [first] = open;
    return {
      changes: [],
      notes,
      blockers: [
        {
          problem:
            open.length === 1
              ? `${first?.signature} runs with its owner's rights for any organization that a caller names, and API roles may call it.`
              : `${open.length} functions run with their owner's rights for any organization that a caller names, and API roles may call them.`,
          remedy:
            'Compare the argument with the caller inside the function, or take EXECUTE away from API roles with --revoke-execute (decisions.revokeExecute); the service role keeps it.',
          detail: open.map((one) => one.signature).join('\n'),
        },
      ],
    };
  }
  for (const one of open) {
    changes.push({
      kind: 'sql',
      id: `execute ${one.signature}`,
      title: `Take EXECUTE on ${one.signature} from API roles; the service role keeps it`,
      mode: 'transaction',
      // What PUBLIC loses, the service role loses with it.
      up: `revoke all on ${one.kind} ${one.signature} from public, anon, authenticated;\ngrant execute on ${one.kind} ${one.signature} to service_role;`,
      down: restoreExecute(one),
    });
  }
  return { changes, blockers: [], notes };
}

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

const asksCaller = (one: DbFunction): boolean =>
  /\bauth\s*\.\s*(uid|jwt|role|email)\s*\(|request\.jwt|current_org_id|current_org_role/i.test(one.body);

const usedByPolicy = (one: DbFunction, conditions: readonly string[]): boolean => {
  const call = new RegExp(`(^|[^\\w])${one.name.replace(/[^\w]/g, '\\$&')}\\s*\\(`);
  return conditions.some((condition) => call.test(condition));
};

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
