/**
 * Checks of a running project through its own API, as two users would use it. Everything here is `kind: 'http'`.
 *
 * What it was tested against: a real PostgreSQL with the platform's auth schema, a data API with the database's row
 * security, and a stand-in for the auth server that sends its SQL and signs its tokens. The auth server itself was not
 * run, nor the platform's data API: a project's answers may differ in wording, which no verdict here depends on but the
 * reasons of skipped sign-ups.
 */
import type { CheckResult } from '../../rollout/check.ts';
import { attackTable } from './attack.ts';
import { createApi } from './client.ts';
import { isCallable, probeFunction } from './functions.ts';
import { createFetch } from './http.ts';
import { openJournal } from './journal.ts';
import { createNonce } from './marker.ts';
import { perform, skipped } from './outcome.ts';
import { createAsAdmin, NoSignUp, type SignedIn, signUp, whyNoSignUp } from './people.ts';
import { createCleaner } from './removal.ts';
import { scopeOf, tablesOf } from './scope.ts';
import { inOrder, seedRows } from './seed.ts';
import { checkAdminToken, checkTokens } from './tokens.ts';
import { type LiveOptions, nameOf, type Side, sides } from './types.ts';
import { probeView } from './views.ts';
import type { Person, World } from './world.ts';

export { waitForColumn } from './schema-cache.ts';
export { loadLiveTables } from './tables.ts';
export type { LiveOptions } from './types.ts';

/**
 * Signs two users up, compares their tokens, lets each at the other's rows on every table, view and callable function,
 * and removes both with all that they made. What an earlier, killed run left is found by its marker and removed first.
 *
 * Users, organizations and rows are really made on the project, all of them marked, and removed at the end also when
 * the run is cancelled or the caller stops listening. Without a database and without a service key nothing is done.
 *
 * @throws the signal's reason when cancelled, after cleaning up
 */
export async function* probeLive(given: LiveOptions): AsyncIterable<CheckResult> {
  const options = { ...given, supabaseUrl: given.supabaseUrl.replace(/\/+$/, '') };
  const tables = tablesOf(options);
  const scopes = new Map([...tables.values()].map((table) => [table, scopeOf(options, tables, table)]));
  const cleaner = createCleaner(options, tables, scopes);
  if (cleaner === null) {
    yield skipped(
      'sign-up',
      'Two users sign up',
      'Nothing could remove them again: give the database or the service key.',
    );
    return;
  }
  const absent = [options.organizations, options.profiles, options.memberships].find(
    (table) => table !== null && !tables.has(nameOf(table)),
  );
  if (absent != null) {
    yield skipped(
      'sign-up',
      'Two users sign up',
      `${nameOf(absent)} is not among the tables, so it could not be cleaned up.`,
    );
    return;
  }
  const leftovers = await cleaner.leftovers();
  if (leftovers !== null) yield leftovers;

  const nonce = createNonce();
  const fetch = createFetch({ signal: options.signal, timeout: options.requestTimeout ?? 20_000 });
  const journal = openJournal(options.journalDir, nonce);
  const person = { nonce, fetch, onUser: journal.user };
  let removed: CheckResult | undefined;
  try {
    const { made, result } = await signUpBoth(options, person);
    yield result;
    if (made !== null) {
      const settled = await settle(options, fetch, made);
      const orgs = sides.flatMap((side) => settled[side].orgId ?? []);
      const own = await cleaner.ownOrganizations(journal, orgs);
      yield* othersOrganizations(orgs, own);
      const world: World = {
        options,
        nonce,
        tables: new Map(inOrder({ tables }).map((table) => [`${table.schema}.${table.table}`, table])),
        scopes,
        people: { a: withOwn(settled.a, own), b: withOwn(settled.b, own) },
        anon: createApi(options.supabaseUrl, options.anonKey, { fetch }),
        service:
          options.serviceKey === undefined ? null : createApi(options.supabaseUrl, options.serviceKey, { fetch }),
        journal,
        rows: new Map(),
        recipes: new Map(),
        missing: new Map(),
        count: { ordinal: 0 },
      };
      yield* checkTokens(
        world,
        sides.map((side) => made[side]),
      );
      yield await checkAdminToken(options, person, false);
      if (options.hook === true) yield await checkAdminToken(options, person, true);
      yield* probeIsolationLive(world);
    }
  } finally {
    // Also when the caller stops listening: then nobody hears the result, and the next run looks again.
    removed = await cleaner.own(journal);
  }
  yield removed;
}

type People = Readonly<Record<Side, SignedIn>>;

async function signUpBoth(
  options: LiveOptions,
  person: Omit<Parameters<typeof signUp>[0], 'options'>,
): Promise<{ readonly made: People | null; readonly result: CheckResult }> {
  const began = performance.now();
  const title = 'Two users sign up';
  const { serviceKey } = options;
  const all = { ...person, options };
  let refused: string | null = null;
  try {
    refused = await whyNoSignUp(options, person.fetch);
    const one = async (side: Side): Promise<SignedIn> => {
      if (refused === null) {
        try {
          return await signUp(all, side);
        } catch (error) {
          if (!(error instanceof NoSignUp) || serviceKey === undefined) throw error;
          refused = error.message;
        }
      }
      if (serviceKey === undefined) throw new NoSignUp(refused);
      return createAsAdmin(all, side, serviceKey);
    };
    const made = { a: await one('a'), b: await one('b') };
    const observed = refused === null ? '2 users signed up' : `2 users created by the admin API, because: ${refused}`;
    const result: CheckResult = {
      id: 'live/sign-up',
      title,
      kind: 'http',
      verdict: 'passed',
      expected: '2 users, signed in',
      observed,
      milliseconds: performance.now() - began,
    };
    return { made, result };
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = error instanceof NoSignUp ? error.message : unreachable(error);
    if (reason === null) throw error;
    const more = serviceKey === undefined ? ' With the service key the admin API is used instead.' : '';
    return { made: null, result: skipped('sign-up', title, `${reason}${more}`) };
  }
}

/** `fetch` says no more than that it failed, and why in the cause; a server that does not answer is a time-out. */
function unreachable(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'TimeoutError') return 'The API did not answer in time.';
  if (!(error instanceof TypeError) || error.message !== 'fetch failed') return null;
  return `The API cannot be reached${error.cause instanceof Error ? `: ${error.cause.message}` : ''}.`;
}

/** The organization that a user's rows go to: the token's; before sign-up stamps tokens, the profile's. */
async function settle(
  options: LiveOptions,
  fetch: typeof globalThis.fetch,
  made: People,
): Promise<Readonly<Record<Side, Person>>> {
  const one = async (side: Side): Promise<Person> => {
    const { id, marker, token, claims } = made[side];
    const api = createApi(options.supabaseUrl, options.anonKey, { fetch, token });
    let orgId = claims.orgId;
    if (orgId === null && options.profiles !== null) {
      const { schema, table, idColumn, orgColumn } = options.profiles;
      const outcome = await perform(api.schema(schema).from(table).select(orgColumn).eq(idColumn, id));
      const org = outcome.rows[0]?.[orgColumn];
      orgId = typeof org === 'string' ? org : null;
    }
    return { side, id, marker, tokenOrg: claims.orgId, orgId, api };
  };
  return { a: await one('a'), b: await one('b') };
}

/** A sign-up that ends in somebody else's organization is the worst leak of all, and nothing more is tried there. */
function* othersOrganizations(orgs: readonly string[], own: readonly string[]): Iterable<CheckResult> {
  const others = orgs.filter((org) => !own.includes(org));
  if (others.length === 0) return;
  yield {
    id: 'live/sign-up/organization',
    title: 'A sign-up gets an organization of its own',
    kind: 'http',
    verdict: 'failed',
    expected: 'an organization that nobody else is in',
    observed: `put into an organization of others: ${[...new Set(others)].join(', ')}`,
    advice: 'Apply step 1.4 (sign-up). No row was added there.',
    milliseconds: 0,
  };
}

const withOwn = (person: Person, own: readonly string[]): Person =>
  person.orgId !== null && own.includes(person.orgId) ? person : { ...person, orgId: null };

/** Rows for both, then everything that one could do to the other. */
async function* probeIsolationLive(world: World): AsyncIterable<CheckResult> {
  const began = performance.now();
  const blocks = new Map<string, number>();
  yield* seedRows(world);
  for (const view of world.options.views) {
    world.options.signal.throwIfAborted();
    yield await probeView(world, view, blocks);
  }
  for (const fn of world.options.functions.filter(isCallable)) {
    world.options.signal.throwIfAborted();
    yield await probeFunction(world, fn, blocks);
  }
  // What sign-up made comes last: after a leak it cannot be made again, and everything else depends on it.
  const made = ['organization', 'profile', 'membership'];
  const order = [...world.tables.values()].sort((one, two) => rank(world, made, one) - rank(world, made, two));
  for (const table of order) {
    world.options.signal.throwIfAborted();
    yield* attackTable(world, table, blocks);
  }
  const total = [...blocks.values()].reduce((sum, count) => sum + count, 0);
  yield {
    id: 'live/blocked',
    title: 'How requests for rows of others were refused',
    kind: 'http',
    verdict: total === 0 ? 'skipped' : 'passed',
    expected: 'every kind counted',
    observed: `${total} refused: ${['no rows', '403', '401', 'other'].map((block) => `${blocks.get(block) ?? 0} ${block}`).join(', ')}`,
    ...(total === 0 ? { advice: 'No request was refused, or none was tried.' } : {}),
    milliseconds: performance.now() - began,
  };
}

const rank = (world: World, made: readonly string[], table: Parameters<World['scopes']['get']>[0]): number =>
  made.indexOf(world.scopes.get(table)?.kind ?? '') + (made.includes(world.scopes.get(table)?.kind ?? '') ? 2 : 0);
