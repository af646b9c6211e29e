import type { CheckResult } from '../../src/rollout/check.ts';
import type { Code } from '../code/code.ts';

/** Where the tokens of the HTTP checks come from: exported variables, never a file or a flag, which others can read. */
const variables = {
  token: 'VOXANNE_TEST_TOKEN',
  withoutOrg: 'VOXANNE_TEST_TOKEN_WITHOUT_ORG',
  otherOrg: 'VOXANNE_TEST_OTHER_ORG_ID',
  path: 'VOXANNE_TEST_PATH',
} as const;

type Case = {
  readonly id: string;
  readonly title: string;
  readonly token: string | null;
  readonly query: string;
  readonly lacks: string | null;
  readonly expected: string;
  readonly passes: (status: number) => boolean;
};

/** Asks the running backend, where one was named: who is let in, and who is not. */
export async function* checkHttp(code: Code, signal: AbortSignal): AsyncIterable<CheckResult> {
  const { backendUrl } = code.target.config;
  if (backendUrl === null) return;
  const path = process.env[variables.path] ?? '/api/settings';
  const token = process.env[variables.token] ?? null;
  const withoutOrg = process.env[variables.withoutOrg] ?? null;
  const otherOrg = process.env[variables.otherOrg] ?? null;
  const refused = (wanted: number) => (status: number) => status === wanted;
  const cases: readonly Case[] = [
    {
      id: 'no-token',
      title: 'A request without a token is refused',
      token: null,
      query: '',
      lacks: null,
      expected: '401',
      passes: refused(401),
    },
    {
      id: 'no-org',
      title: 'A token without an organization is refused',
      token: withoutOrg,
      query: '',
      lacks: withoutOrg === null ? variables.withoutOrg : null,
      expected: '401',
      passes: refused(401),
    },
    {
      id: 'other-org',
      title: 'A request for another organization is refused',
      token,
      query: `?org_id=${encodeURIComponent(otherOrg ?? '')}`,
      lacks: token === null ? variables.token : otherOrg === null ? variables.otherOrg : null,
      expected: '403',
      passes: refused(403),
    },
    {
      id: 'own-org',
      title: 'A request for the caller’s own organization is answered',
      token,
      query: '',
      lacks: token === null ? variables.token : null,
      expected: 'not refused',
      passes: (status) => status < 400,
    },
  ];
  for (const one of cases) yield await ask(new URL(`${path}${one.query}`, backendUrl), one, signal);
}

async function ask(url: URL, one: Case, signal: AbortSignal): Promise<CheckResult> {
  const began = performance.now();
  const base = {
    id: `2.3/http/${one.id}`,
    title: one.title,
    kind: 'http' as const,
    expected: one.expected,
    evidence: `curl -i ${one.token === null ? '' : `-H "Authorization: Bearer $TOKEN" `}'${url.href}'`,
  };
  if (one.lacks !== null) {
    return {
      ...base,
      verdict: 'skipped',
      observed: 'not asked',
      advice: `Export ${one.lacks} and verify again.`,
      milliseconds: performance.now() - began,
    };
  }
  try {
    const response = await fetch(url, {
      headers: one.token === null ? {} : { Authorization: `Bearer ${one.token}` },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    const passed = one.passes(response.status);
    return {
      ...base,
      verdict: passed ? 'passed' : 'failed',
      observed: String(response.status),
      milliseconds: performance.now() - began,
      ...(passed
        ? {}
        : {
            advice: `Look at the route ${url.pathname}; ${variables.path} names another one if this is not behind the auth middleware.`,
          }),
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      ...base,
      verdict: 'skipped',
      observed: `no answer: ${error instanceof Error ? error.message : String(error)}`,
      advice: 'Start the backend with the changed code, then verify again.',
      milliseconds: performance.now() - began,
    };
  }
}
