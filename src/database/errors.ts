import { redact as redactPatterns } from '../config/secrets.ts';
import { exitCodes, RolloutError } from '../rollout/errors.ts';
import { sqlExcerpt } from './errors/excerpt.ts';
import { type ErrorContext, type ErrorFacts, factsOf } from './errors/facts.ts';
import { networkSentence } from './errors/network.ts';
import { sqlstateSentence } from './errors/sqlstate.ts';

export { sqlExcerpt } from './errors/excerpt.ts';
export type { ErrorContext } from './errors/facts.ts';

/**
 * Turns whatever `pg`, the network or TLS threw into the one error that reaches a screen. A `RolloutError` is returned
 * as it is. Secrets are removed; the original is kept as `cause` for `--debug`, and whoever prints that redacts it.
 */
export function toRolloutError(error: unknown, context: ErrorContext = {}): RolloutError {
  if (error instanceof RolloutError) return error;
  const facts = factsOf(error);
  const clean = (text: string) => redactPatterns(context.redact?.(text) ?? text);
  const excerpt = excerptOf(facts, context);
  const sentence =
    facts.sqlstate === '' ? networkSentence(facts, context) : sqlstateSentence(facts, context, excerpt !== '');
  if (sentence === null) {
    const name = facts.code === '' ? '' : ` (${facts.code})`;
    return new RolloutError(
      clean(`Something unexpected went wrong: ${facts.message}${name}.`),
      'Please report this with the output of the same command under --debug.',
      { kind: 'defect', exitCode: context.connecting === true ? exitCodes.connection : exitCodes.failed, cause: error },
    );
  }
  const detail = detailOf(facts, excerpt);
  return new RolloutError(clean(sentence.problem), clean(sentence.remedy), {
    kind: sentence.kind ?? 'operator',
    exitCode: sentence.connection === true ? exitCodes.connection : exitCodes.failed,
    detail: detail === '' ? undefined : clean(detail),
    cause: error,
  });
}

/** True for what PostgreSQL, the network, TLS, the file system or `pg` itself says; a defect of ours is none of these. */
export function isFromOutside(error: unknown): boolean {
  const facts = factsOf(original(error));
  return facts.code !== '' || facts.sqlstate !== '' || networkSentence(facts, {}) !== null;
}

/**
 * True for a lock timeout, a deadlock and a serialization failure: the server kept nothing, and trying again may
 * succeed.
 */
export function isRetryable(error: unknown): boolean {
  return ['55P03', '40P01', '40001'].includes(factsOf(original(error)).sqlstate);
}

/** True for a statement that ran into its own time limit; a cancel is told apart by its words. */
export function isTimeout(error: unknown): boolean {
  const { sqlstate, message } = factsOf(original(error));
  return sqlstate === '57014' && /statement timeout/i.test(message);
}

/** True when the session is gone: whether its last statement was done is then known only by looking. */
export function isConnectionLost(error: unknown): boolean {
  const { sqlstate, code, message } = factsOf(original(error));
  if (sqlstate !== '') return /^(?:08...|57P0[1235]|25P0[34])$/.test(sqlstate);
  return (
    ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code) ||
    /^(?:Connection terminated|Client has encountered a connection error|Client was closed)/.test(message)
  );
}

/** True when connecting failed for a reason that passes: the server restarts, its network or its pool is busy. */
export function isConnectRetryable(error: unknown): boolean {
  const facts = factsOf(original(error));
  return (
    isConnectionLost(error) ||
    ['57P03', '53300'].includes(facts.sqlstate) ||
    ['ECONNREFUSED', 'EAI_AGAIN'].includes(facts.code) ||
    /timeout expired/.test(facts.message)
  );
}

/** The error of `pg` behind one that was already put into words. */
function original(error: unknown): unknown {
  return error instanceof RolloutError && error.cause !== undefined ? error.cause : error;
}

/** The statement with a caret, and the one inside the function that failed. */
function excerptOf(facts: ErrorFacts, context: ErrorContext): string {
  if (facts.sqlstate === '') return '';
  const outer = context.sql !== undefined && facts.position !== null ? sqlExcerpt(context.sql, facts.position) : '';
  const inner =
    facts.internalQuery !== '' && facts.internalPosition !== null
      ? sqlExcerpt(facts.internalQuery, facts.internalPosition)
      : '';
  const whole = outer === '' && inner === '' && context.sql !== undefined ? firstLines(context.sql, 5) : '';
  return [outer, inner, whole].filter((part) => part !== '').join('\n');
}

/** The excerpt, and what the server added. */
function detailOf(facts: ErrorFacts, excerpt: string): string {
  if (facts.sqlstate === '') return '';
  return [excerpt, withoutContent(facts.detail), facts.where === '' ? '' : `in ${firstLines(facts.where, 4)}`]
    .filter((part) => part !== '')
    .join('\n');
}

const plainKeys = /^(?:(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+|null)(?:, |$))+$/i;

/** What the server says of the row that it stumbled over, less what people wrote there: logs of a run are kept and sent around. */
function withoutContent(detail: string): string {
  if (detail.startsWith('Failing row contains ')) return 'The failing row is not shown: it holds what people wrote.';
  return detail.replace(/^Key \((.*?)\)=\(([\s\S]*)\) /, (whole, columns: string, values: string) =>
    plainKeys.test(values) ? whole : `Key (${columns})=(not shown) `,
  );
}

function firstLines(text: string, count: number): string {
  const lines = text.trim().split('\n');
  return lines.length <= count ? lines.join('\n') : [...lines.slice(0, count), '…'].join('\n');
}
