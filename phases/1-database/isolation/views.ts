import { decide } from '../../../src/config/answers.ts';
import type { View } from '../../../src/database/catalog/types.ts';
import { identifier, qualified } from '../../../src/database/quote.ts';
import { mentions } from '../../../src/database/words.ts';
import type { SqlChange } from '../../../src/rollout/change.ts';
import type { Answer } from '../../../src/rollout/decision.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import type { Survey } from '../survey.ts';
import type { ViewFacts } from './facts.ts';
import { rulesOf } from './rules.ts';

/**
 * A view runs with its owner's rights, and the owner bypasses row security. `security_invoker` makes it ask as the
 * caller. A materialized view has no such option and holds a copy of every organization's rows: API roles lose it.
 */
export function planViews(
  survey: Survey,
  facts: readonly ViewFacts[],
  accepted: readonly string[],
): { readonly changes: readonly SqlChange[]; readonly blockers: readonly Blocker[]; readonly notes: readonly Note[] } {
  const guarded = new Set(
    rulesOf(survey)
      .filter((rule) => rule.kind !== 'lookup')
      .map((rule) => rule.table.oid),
  );
  const changes: SqlChange[] = [];
  const notes: Note[] = [];
  const blockers: Blocker[] = [];
  for (const view of survey.catalog.views) {
    const fact = facts.find((one) => one.oid === view.oid);
    if (fact === undefined) continue;
    const label = `${view.schema}.${view.name}`;
    const sql = qualified(view.schema, view.name);
    if (!view.ours) {
      notes.push({ text: `${label} belongs to another role and is left as it is.` });
    } else if (!view.materialized && accepted.includes(label)) {
      notes.push({ text: `${label} runs with its owner's permissions; API roles keep it, as decided.` });
    } else if (!view.materialized && !view.securityInvoker && askedBack(survey, view, fact).length > 0) {
      blockers.push({
        problem: `The view ${label} is asked by policies of ${askedBack(survey, view, fact).join(', ')}, which it reads: with the caller's permissions the two would ask each other without end, and with its owner's nothing but its own condition keeps organizations apart.`,
        remedy: `Look at its condition, and leave it as it is with --accept-view ${label} (decisions.acceptView); or let the policies ask a function that runs with its owner's rights.`,
        detail: view.definition,
        answers: [stays(label)],
      });
    } else if (!view.materialized && !view.securityInvoker && fact.hidden.length > 0) {
      blockers.push({
        problem: `The view ${label} reads ${fact.hidden.join(', ')}, which signed-in users may not read: with the caller's permissions it would fail for everybody, and with its owner's nothing but its own condition keeps organizations apart.`,
        remedy: `Look at its condition, and leave it as it is with --accept-view ${label} (decisions.acceptView); or read what it needs through a function; or revoke SELECT on it from anon and authenticated.`,
        detail: view.definition,
        answers: [stays(label)],
      });
    } else if (!view.materialized) {
      if (!view.securityInvoker) changes.push(invoker(fact, label, sql));
    } else if (fact.grants.length > 0) {
      if (fact.reads.some((oid) => guarded.has(oid))) changes.push(revoked(fact, label, sql));
      else
        notes.push({ text: `${label} is a materialized view over tables without an organization; API roles keep it.` });
    }
  }
  return { changes, blockers, notes };
}

const stays = (label: string): Answer =>
  decide('acceptView', [label], 'The view stays as it is: only its own condition keeps organizations apart in it.');

/** Tables that the view reads and whose policies ask the view: who is calling, say. */
const askedBack = (survey: Survey, view: View, fact: ViewFacts): readonly string[] =>
  survey.catalog.tables.flatMap((table) => {
    if (!fact.reads.includes(table.oid)) return [];
    const asks = survey.catalog.policies.some(
      (one) =>
        one.schema === table.schema &&
        one.table === table.name &&
        mentions(`${one.using ?? ''} ${one.check ?? ''}`, view.name),
    );
    return asks ? [`${table.schema}.${table.name}`] : [];
  });

const invoker = (fact: ViewFacts, label: string, sql: string): SqlChange => ({
  kind: 'sql',
  id: `view ${label}`,
  title: `Make the view ${label} run with the caller's permissions`,
  mode: 'transaction',
  up: `alter view ${sql} set (security_invoker = true);`,
  down:
    fact.invoker === null
      ? `alter view ${sql} reset (security_invoker);`
      : `alter view ${sql} set (security_invoker = ${fact.invoker});`,
});

const revoked = (fact: ViewFacts, label: string, sql: string): SqlChange => ({
  kind: 'sql',
  id: `materialized view ${label}`,
  title: `Revoke access to the materialized view ${label} from API roles: it holds every organization's rows`,
  mode: 'transaction',
  up: `revoke all on table ${sql} from public, anon, authenticated;`,
  down: fact.grants
    .map(
      ({ role, privilege, grantable }) =>
        `grant ${privilege.toLowerCase()} on table ${sql} to ${role === 'public' ? 'public' : identifier(role)}${grantable ? ' with grant option' : ''};`,
    )
    .join('\n'),
});
