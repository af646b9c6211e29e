import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { CheckResult } from '../../rollout/check.ts';
import { plural } from '../../rollout/text.ts';
import { answerOf, callCli } from './call.ts';
import { type CliConnection, openDoor } from './door.ts';
import type { CliInfo } from './find.ts';

/** One finding of Supabase's own security advisor. */
export type Finding = {
  /** `rls_disabled_in_public` */
  readonly name: string;
  readonly level: string;
  /** One sentence that names the object. */
  readonly detail: string;
  readonly remediation: string;
  /** The same for the same finding at another time; the CLI's own key changes with the body of a function. */
  readonly key: string;
  /** `public.calls`, where it is about one object. */
  readonly object: string | null;
};

const report = z.object({
  results: z.array(
    z.object({
      name: z.string(),
      level: z.string(),
      detail: z.string(),
      remediation: z.string(),
      metadata: z.object({ schema: z.string().optional(), name: z.string().optional() }).nullish(),
    }),
  ),
});

/**
 * Findings that let one organization see or change another's rows. A table with row security and no policy is not
 * among them: it is closed.
 */
const isolation: ReadonlySet<string> = new Set([
  'auth_users_exposed',
  'policy_exists_rls_disabled',
  'rls_disabled_in_public',
  'rls_policy_always_true',
  'rls_references_user_metadata',
  'security_definer_view',
]);

const command = ['db', 'advisors', '--type', 'security', '--level', 'warn', '--fail-on', 'none'] as const;

/**
 * Asks `supabase db advisors`, which looks at the catalog and changes nothing. From level `warn`: the journal's tables
 * have row security without a policy on purpose, which it notes as `info`.
 *
 * @throws {RolloutError} kind `outside` with the CLI's last lines.
 */
export async function readAdvisors(options: {
  readonly cli: CliInfo;
  readonly connection: CliConnection;
  readonly signal: AbortSignal;
}): Promise<readonly Finding[]> {
  await using door = await openDoor(options.connection, 4_000);
  const workdir = join(door.folder, 'advisors');
  await mkdir(join(workdir, 'supabase'), { recursive: true });
  const answer = await callCli(options.cli, door, command, { workdir, signal: options.signal });
  return answerOf('ask the security advisor', answer, report).results.map((one) => ({
    name: one.name,
    level: one.level,
    detail: one.detail,
    remediation: one.remediation,
    key: `${one.name}: ${one.detail}`,
    object: one.metadata?.schema && one.metadata.name ? `${one.metadata.schema}.${one.metadata.name}` : null,
  }));
}

/**
 * The advisor's findings as checks: none that was not there before the rollout, and none that concerns isolation on a
 * table that the rollout isolates.
 *
 * @param before Findings from before phase 1, or null when nobody asked then: what is new is then not known.
 * @param leftOut Objects (`public.plans`) that the operator decided to leave out.
 */
export function advisorChecks(
  before: readonly Finding[] | null,
  after: readonly Finding[],
  leftOut: readonly string[] = [],
): readonly CheckResult[] {
  const evidence = `supabase ${command.join(' ')}`;
  const check = (id: string, title: string, findings: readonly Finding[], advice: string): CheckResult => ({
    id: `advisors/${id}`,
    title,
    kind: 'command',
    verdict: findings.length === 0 ? 'passed' : 'failed',
    expected: 'none',
    observed: findings.length === 0 ? 'none' : findings.map((one) => one.detail).join('\n'),
    evidence,
    ...(findings.length === 0 ? {} : { advice: `${advice} ${findings[0]?.remediation ?? ''}`.trim() }),
    milliseconds: 0,
  });
  const ids = new Set(before?.map((one) => one.key));
  const open = after.filter((one) => isolation.has(one.name) && !(one.object !== null && leftOut.includes(one.object)));
  return [
    before === null
      ? {
          ...check('new', 'New findings of the security advisor', [], ''),
          verdict: 'skipped',
          observed: `${plural(after.length, 'finding')} now`,
          advice: 'The advisor was not asked before the rollout, so what is new is not known.',
        }
      : check(
          'new',
          'New findings of the security advisor',
          after.filter((one) => !ids.has(one.key)),
          'The rollout should add none.',
        ),
    check(
      'isolation',
      'Findings of the security advisor on isolation',
      open,
      'Isolate these, or leave them out by decision.',
    ),
  ];
}
