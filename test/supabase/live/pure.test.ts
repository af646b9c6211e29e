import { describe, expect, test } from 'vitest';
import { createFetch, retryAfter } from '../../../src/supabase/live/http.ts';
import { judgeForeign, judgeOwn, type Outcome } from '../../../src/supabase/live/outcome.ts';
import { readToken } from '../../../src/supabase/live/token.ts';
import { signToken } from '../../helpers/jwt.ts';
import { openFront } from './front.ts';

const outcome = (status: number, code: string | null, message: string | null = null, rows = 0): Outcome => ({
  status,
  code,
  message,
  rows: Array.from({ length: rows }, () => ({ id: 1 })),
});
const violates = 'new row for relation "calls" violates check constraint "calls_check"';

describe('a request against a foreign row', () => {
  test.each([
    ['no rows', outcome(200, null), 'passed', 'no rows'],
    ['a row', outcome(200, null, null, 1), 'failed', undefined],
    ['401', outcome(401, 'PGRST301', 'JWT expired'), 'passed', '401'],
    ['403', outcome(403, '42501', 'permission denied for table calls'), 'passed', '403'],
    ['42501 to a request without a login', outcome(401, '42501', 'permission denied'), 'passed', '401'],
    ['a rule of the app', outcome(400, 'P0001', 'immutable'), 'passed', 'other'],
    ["a rule of the app with a constraint's code", outcome(400, '23514', 'org_id is immutable'), 'passed', 'other'],
    ['a constraint behind the policies', outcome(400, '23514', violates), 'failed', undefined],
    ['policies that fail', outcome(500, '42P17', 'infinite recursion'), 'failed', undefined],
    ['a time-out', outcome(500, '57014', 'canceling statement'), 'skipped', undefined],
    ['too many requests', outcome(429, '', 'slow down'), 'skipped', undefined],
    ['no answer', outcome(0, '', 'fetch failed'), 'skipped', undefined],
  ] as const)('%s', (_, given, verdict, block) => {
    expect(judgeForeign(given, 'row')).toMatchObject({ verdict });
    expect(judgeForeign(given, 'row').block).toBe(block);
  });

  test('an insert that returns nothing and succeeds is a leak', () => {
    expect(judgeForeign(outcome(201, null), 'row added', true).verdict).toBe('failed');
  });
});

test.each([
  ['done', outcome(201, null), 'passed'],
  ['not granted', outcome(403, '42501', 'permission denied for table calls'), 'passed'],
  ['shut out by policies', outcome(403, '42501', 'new row violates row-level security policy'), 'failed'],
  ['a token that is refused', outcome(401, 'PGRST301', 'JWT expired'), 'failed'],
  ["the app's own rule", outcome(400, '23514', violates), 'passed'],
  ['an unknown column', outcome(400, '42703', 'column does not exist'), 'failed'],
] as const)('a request upon one’s own row: %s', (_, given, verdict) => {
  expect(judgeOwn(given, 'added').verdict).toBe(verdict);
});

test('a token is read as it stands', () => {
  const token = signToken('secret', { sub: 'u', role: 'authenticated', app_metadata: { org_id: 'o' } });
  expect(readToken(token)).toEqual({ sub: 'u', role: 'authenticated', orgId: 'o' });
  expect(readToken(signToken('secret', { sub: 'u', app_metadata: { org_id: 7 } }))?.orgId).toBeNull();
  expect(readToken('nothing')).toBeNull();
  expect(readToken('a.b.c')).toBeNull();
});

describe('too many requests', () => {
  test('retry-after is seconds or a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(retryAfter('3', now)).toBe(3000);
    expect(retryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5000);
    expect(retryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
    expect(retryAfter('soon', now)).toBeNull();
    expect(retryAfter(null, now)).toBeNull();
  });

  const limited = async (header: string, until: number) => {
    const waits: number[] = [];
    let calls = 0;
    await using front = await openFront('http://127.0.0.1:1', () =>
      ++calls < until
        ? new Response('slow down', { status: 429, headers: header === '' ? {} : { 'retry-after': header } })
        : new Response('done'),
    );
    const fetch = createFetch({
      signal: new AbortController().signal,
      timeout: 5000,
      wait: async (milliseconds) => {
        waits.push(milliseconds);
      },
    });
    return { status: (await fetch(front.url)).status, waits, calls };
  };

  test('is waited for as long as the server says', async () => {
    expect(await limited('2', 3)).toEqual({ status: 200, waits: [2000, 2000], calls: 3 });
    expect(await limited('', 3)).toEqual({ status: 200, waits: [1000, 2000], calls: 3 });
  });

  test('is not waited for without end', async () => {
    expect(await limited('1', 100)).toEqual({ status: 429, waits: [1000, 1000, 1000, 1000], calls: 5 });
    expect(await limited('3600', 100)).toEqual({ status: 429, waits: [], calls: 1 });
  });

  test('ends with the run', async () => {
    const controller = new AbortController();
    await using front = await openFront('http://127.0.0.1:1', () => {
      setTimeout(() => controller.abort(new Error('stopped')), 20);
      return new Response('slow down', { status: 429, headers: { 'retry-after': '30' } });
    });
    const fetch = createFetch({ signal: controller.signal, timeout: 5000 });
    await expect(fetch(front.url)).rejects.toThrow();
  });
});
