import type { CheckResult } from '../../rollout/check.ts';
import { literal } from '../quote.ts';
import type { Who } from './acts.ts';
import { createCast } from './cast.ts';
import type { ApiRole } from './facts.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import type { Family } from './rows.ts';
import { type Act, cursorName } from './script.ts';
import { formerMember, noFormer, ofStale, present, withStale } from './stale.ts';
import { foreign, judgeForeign, reached, skipped, worst } from './verdict.ts';
import { anonClaims, claims } from './world.ts';

/** Buckets that are tried; the rest is named as not tried. */
const most = 8;

type Shape = { readonly columns: readonly string[]; readonly policies: number };

/**
 * Files of storage and channels of realtime: a user of A, and a request without a login, at the path or topic of B. How
 * an app names them is not known: the usual ways are tried, and where not even B reaches its own, that is said.
 */
export async function probePlatform(run: Run): Promise<readonly CheckResult[]> {
  return [...(await probeStorage(run)), ...(await probeRealtime(run))];
}

async function shapeOf({ world }: Run, table: string): Promise<Shape | null> {
  const { rows } = await world.client.query<Shape>(
    `select array_agg(a.attname::text) as columns, (select count(*)::int from pg_catalog.pg_policy p where p.polrelid = c.oid
       and (0::oid = any (p.polroles) or pg_catalog.to_regrole('authenticated')::oid = any (p.polroles) or pg_catalog.to_regrole('anon')::oid = any (p.polroles))) as policies
     from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.oid = pg_catalog.to_regclass($1) group by c.oid`,
    [table],
  );
  return rows[0] ?? null;
}

const whoIs = (family: Family): Readonly<Record<ApiRole | 'b', Who>> => ({
  authenticated: { role: 'authenticated', claims: claims(family.ids, 'a', { org: family.ids.org.a }) },
  anon: { role: 'anon', claims: anonClaims },
  b: { role: 'authenticated', claims: claims(family.ids, 'b', { org: family.ids.org.b }) },
});

async function probeStorage(run: Run): Promise<readonly CheckResult[]> {
  const { world } = run;
  const shape = await shapeOf(run, 'storage.objects');
  if (shape === null || !['bucket_id', 'name', 'owner'].every((name) => shape.columns.includes(name))) return [];
  const { rows: buckets } = await world.client.query<{ id: string; open: boolean }>(
    `select b.id::text as id, coalesce((to_jsonb(b) ->> 'public')::boolean, false) as open from storage.buckets b order by b.id`,
  );
  const door = `${run.prefix}/storage.objects`;
  const results: CheckResult[] = [];
  for (const bucket of buckets.slice(0, most)) results.push(...(await probeBucket(run, bucket, shape, door)));
  if (buckets.length > most) {
    const question = { id: `${door}/more`, title: 'Files of the other buckets', expected: `0 files ${foreign}` };
    const names = buckets.slice(most).map((one) => one.id);
    results.push(skipped(question, `Only ${most} buckets are tried; not tried: ${names.join(', ')}.`));
  }
  return results;
}

async function probeBucket(
  run: Run,
  bucket: { readonly id: string; readonly open: boolean },
  shape: Shape,
  door: string,
): Promise<readonly CheckResult[]> {
  const { world } = run;
  const family = await createCast(world);
  const who = whoIs(family);
  const former = formerMember(world, family, run.quiet);
  const own = present(world, family);
  const { org, user } = family.ids;
  const file = `voxanne-probe-${world.nonce}`;
  const paths = (side: 'a' | 'b', name: string): readonly string[] =>
    [org[side], user[side]].map((folder) => `${folder}/${name}`);
  const list = (names: readonly string[]): string => names.map((one) => literal(one)).join(', ');
  const at = (names: readonly string[]): string => `bucket_id = ${literal(bucket.id)} and name in (${list(names)})`;
  const row = (name: string, owner: string | null): string =>
    `insert into storage.objects (bucket_id, name, owner) values (${literal(bucket.id)}, ${literal(name)}, ${owner === null ? 'null' : `${literal(owner)}::uuid`})`;
  const theirs = paths('b', file);
  const prepared = [
    // Hosted projects refuse to delete a file's row by SQL, which the storage server does in the user's name.
    `select set_config('storage.allow_delete_query', 'true', true)`,
    ...theirs.map((name) => row(name, user.b)),
    ...paths('a', file).map((name) => row(name, user.a)),
  ];
  const each = (
    name: string,
    act: (path: string, at: number) => Omit<Act, 'name' | 'role' | 'claims'>,
    by: Who,
    names: readonly string[] = theirs,
  ): readonly Act[] => names.map((path, index) => ({ name: `${name}-${index}`, ...by, ...act(path, index) }));
  const read = (name: string, by: Who): readonly Act[] =>
    each(name, (path) => ({ sql: [`select count(*) from storage.objects where ${at([path])}`], measure: 'value' }), by);
  // A file of one's own is nobody else's business, wherever it lies, unless it shows up among the files of B.
  const seenByB = (path: string): readonly string[] => [
    `select set_config('request.jwt.claims', ${literal(own.tokens[0] ?? who.b.claims)}, true)`,
    'set local role authenticated',
    `select count(*) from storage.objects where ${at([path])}`,
  ];
  const add = (name: string, by: Who, owner: string | null): readonly Act[] =>
    each(
      name,
      (path) => ({ sql: [row(`${path}-${name}`, owner), ...seenByB(`${path}-${name}`)], measure: 'value' }),
      by,
    );
  const reach = (
    name: string,
    by: Who,
    statement: (index: number) => string,
    names: readonly string[] = theirs,
    after: (index: number) => readonly string[] = () => [],
  ): readonly Act[] =>
    each(
      name,
      (path, index) => ({
        cursor: `select 1 from storage.objects where ${at([path])} for update`,
        sql: [`${statement(index)} where current of ${cursorName}`, ...after(index)],
        measure: after(index).length === 0 ? 'rows' : 'value',
      }),
      by,
      names,
    );
  const probe = (role: ApiRole, what: string, does: string, acts: readonly Act[]): Probe => ({
    question: {
      id: `${door}/${role === 'anon' ? 'anon-' : ''}${what}/${bucket.id}`,
      title: `storage.objects, bucket ${bucket.id}: ${role === 'anon' ? 'a request without a login' : 'a user of A'} cannot ${does}`,
      expected: `0 files ${foreign}`,
      advice:
        'Bind the policy to the caller’s organization or user by a folder of the path: (storage.foldername(name))[1] = (select public.current_org_id())::text.',
    },
    acts: acts.flatMap((act) => withStale(act, role === 'anon' ? noFormer : former)),
    judge: (tries) => worst(tries.map((one) => ofStale(one, judgeForeign(one, foreign), 'in the policy'))),
  });
  const probes = (['authenticated', 'anon'] as const).flatMap((role): Probe[] => {
    const by = who[role];
    const owner = role === 'anon' ? null : user.a;
    return [
      // What is public is read by its address anyway.
      ...(bucket.open ? [] : [probe(role, 'read', "list or read B's files", read(`${role}-read`, by))]),
      probe(role, 'insert', "add a file at B's path", add(`${role}-insert`, by, owner)),
      probe(
        role,
        'update',
        "overwrite B's file",
        reach(`${role}-update`, by, () => 'update storage.objects set updated_at = now()'),
      ),
      probe(
        role,
        'delete',
        "delete B's file",
        reach(`${role}-delete`, by, () => 'delete from storage.objects'),
      ),
      ...(role === 'anon'
        ? []
        : [
            probe(
              role,
              'move',
              "move its own file to B's path",
              reach(
                `${role}-move`,
                by,
                (index) => `update storage.objects set name = ${literal(`${theirs[index]}-moved`)}`,
                paths('a', file),
                (index) => seenByB(`${theirs[index]}-moved`),
              ),
            ),
          ]),
    ];
  });
  const control: Probe = {
    question: { id: door, title: bucket.id, expected: '', advice: '' },
    acts: [...read('b-read', who.b), ...add('b-insert', who.b, user.b)].flatMap((act) => withStale(act, own)),
    judge: (tries) => ({
      verdict: tries.some((one) => one.outcome.stage === 'done' && reached(one) > 0) ? 'passed' : 'failed',
      observed: '',
    }),
  };
  return judged(
    run,
    family,
    prepared,
    control,
    probes,
    shape,
    'Not even B reaches files at these paths: how the app names its folders is not known.',
  );
}

async function probeRealtime(run: Run): Promise<readonly CheckResult[]> {
  const { world } = run;
  const shape = await shapeOf(run, 'realtime.messages');
  if (shape === null || !['topic', 'extension'].every((name) => shape.columns.includes(name)) || shape.policies === 0)
    return [];
  const family = await createCast(world);
  const who = whoIs(family);
  const former = formerMember(world, family, run.quiet);
  const own = present(world, family);
  const { rows } = await world.client.query<{ text: string }>(
    `select coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '') as text
     from pg_catalog.pg_policy p where p.polrelid = pg_catalog.to_regclass('realtime.messages')`,
  );
  // `'org:'`, `'room-%'`: what the app's own policies look for in a topic.
  const sought = rows.flatMap(({ text }) =>
    [...text.matchAll(/'([\w-]+[:/.-])%?'/g)].map(([, prefix]) => prefix ?? ''),
  );
  const prefixes = [...new Set(['', 'org:', 'organization:', 'tenant:', 'org-', ...sought])].slice(0, 12);
  const topics = prefixes.flatMap((prefix) => [`${prefix}${family.ids.org.b}`, `${prefix}${family.ids.org.b}:probe`]);
  const row = (topic: string, extension: string): string =>
    `insert into realtime.messages (topic, extension) values (${literal(topic)}, ${literal(extension)})`;
  const prepared = topics.flatMap((topic) => ['broadcast', 'presence'].map((one) => row(topic, one)));
  const on = (topic: string): readonly string[] => [`select set_config('realtime.topic', ${literal(topic)}, true)`];
  const receive = (name: string, by: Who): readonly Act[] =>
    topics.map((topic, at) => ({
      name: `${name}-receive-${at}`,
      ...by,
      before: on(topic),
      sql: [`select count(*) from realtime.messages where topic = ${literal(topic)}`],
      measure: 'value',
    }));
  const send = (name: string, by: Who): readonly Act[] =>
    topics.map((topic, at) => ({
      name: `${name}-send-${at}`,
      ...by,
      before: on(topic),
      sql: [row(topic, 'broadcast')],
      measure: 'rows',
    }));
  const probe = (role: ApiRole, what: string, does: string, acts: readonly Act[]): Probe => ({
    question: {
      id: `${run.prefix}/realtime.messages/${role === 'anon' ? 'anon-' : ''}${what}`,
      title: `realtime.messages: ${role === 'anon' ? 'a request without a login' : 'a user of A'} cannot ${does} a private channel of B`,
      expected: '0 messages',
      advice: 'Compare the organization in realtime.topic() with public.current_org_id() in the policy.',
    },
    acts: acts.flatMap((act) => withStale(act, role === 'anon' ? noFormer : former)),
    judge: (tries) => worst(tries.map((one) => ofStale(one, judgeForeign(one, foreign), 'in the policy'))),
  });
  const probes = (['authenticated', 'anon'] as const).flatMap((role) => [
    probe(role, 'read', 'receive on', receive(role, who[role])),
    probe(role, 'insert', 'send on', send(role, who[role])),
  ]);
  const control: Probe = {
    question: { id: run.prefix, title: 'realtime', expected: '', advice: '' },
    acts: [...receive('b', who.b), ...send('b', who.b)].flatMap((act) => withStale(act, own)),
    judge: (tries) => ({
      verdict: tries.some((one) => one.outcome.stage === 'done' && reached(one) > 0) ? 'passed' : 'failed',
      observed: '',
    }),
  };
  return judged(
    run,
    family,
    prepared,
    control,
    probes,
    shape,
    'Not even B reaches a channel of these names: how the app names its topics is not known.',
  );
}

/** What nobody of B reaches either proves nothing, but where no policy lets anybody in. */
async function judged(
  { world, settings, quiet }: Run,
  family: Family,
  prepared: readonly string[],
  control: Probe,
  probes: readonly Probe[],
  shape: Shape,
  unknown: string,
): Promise<readonly CheckResult[]> {
  const [first, ...results] = await performProbes({ world, settings, family, quiet }, [control, ...probes], prepared);
  if (first?.verdict === 'passed' || shape.policies === 0) return results;
  return results.map((one) => (one.verdict === 'failed' ? one : skipped(one, unknown)));
}
