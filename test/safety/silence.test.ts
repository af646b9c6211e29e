import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { toRolloutError } from '../../src/database/errors.ts';
import { openSession, type Session } from '../../src/database/session.ts';
import { tinyDecisions } from '../helpers/cli.ts';
import { openStage, type Stage } from './setup.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

/** A way to the server that can be cut so that nobody is told: what is sent vanishes, and nothing comes back. */
async function wire(url: string) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let cut = false;
  const proxy = createServer((near) => {
    const far = dial(Number(port), hostname);
    for (const one of [near, far]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
    const cutOff = cut;
    const pass = (to: Socket) => (data: Buffer) => {
      if (!cut && !cutOff) to.write(data);
    };
    near.on('data', pass(far)).on('end', () => cut || far.end());
    far.on('data', pass(near)).on('end', () => cut || near.end());
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String((proxy.address() as AddressInfo).port);
  return {
    url: through.href,
    cut: () => {
      cut = true;
    },
    /** New connections get through again; those from before stay silent. */
    mend: () => {
      for (const one of sockets) one.removeAllListeners('data').pause();
      cut = false;
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of sockets) one.destroy();
      await new Promise((done) => proxy.close(done));
    },
  };
}

const sessions: Session[] = [];
afterEach(async () => {
  for (const one of sessions.splice(0)) await one.close();
});
const sessionOf = (url: string): Session => {
  const session = openSession(
    async () => {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    { lockTimeout: 50, statementTimeout: 0, patience: 3_000, batchSize: 100, silence: 600 },
  );
  sessions.push(session);
  return session;
};

test('a connection that goes silent is given up, in words, and the run lock is taken again from our own dead session', async () => {
  await using line = await wire(await stage.tiny('silent'));
  const session = sessionOf(line.url);
  await session.lock();
  const work = await session.work();
  await work.query('select 1');
  line.cut();
  const began = performance.now();
  const error = await work.query('select 2').then(
    () => null,
    (thrown: unknown) => toRolloutError(thrown),
  );
  expect(error?.problem).toMatch(/went silent: no answer for/);
  expect(performance.now() - began).toBeLessThan(8_000);
  line.mend();
  await expect.poll(() => session.locked(), { timeout: 15_000 }).toBe(false);
  await session.lock();
  expect((await (await session.work()).query('select 3 as n')).rows).toEqual([{ n: 3 }]);
}, 40_000);

test('a statement that takes its time is no silence', async () => {
  await using line = await wire(await stage.tiny('slow'));
  const work = await sessionOf(line.url).work();
  expect((await work.query('select 1 as n from pg_sleep(3)')).rows).toEqual([{ n: 1 }]);
});

test('closing a session over a silent network ends', async () => {
  await using line = await wire(await stage.tiny('closing'));
  const session = sessionOf(line.url);
  await session.lock();
  await session.work();
  line.cut();
  const began = performance.now();
  await session.close();
  expect(performance.now() - began).toBeLessThan(3_000);
});

test('the first SIGTERM ends the process within two seconds, though the network says nothing', async () => {
  const url = await stage.tiny('terminated');
  await using line = await wire(url);
  const blocker = await stage.connect(url);
  await blocker.query('begin; select from contacts');
  const run = stage.cli.start(['--yes', '--to', '1.2', '--lock-timeout', '5000', ...tinyDecisions], { url: line.url });
  await expect
    .poll(async () => (await stage.sessions(url)).some((one) => /alter table/i.test(one.query)), {
      timeout: 30_000,
      interval: 30,
    })
    .toBe(true);
  line.cut();
  const began = performance.now();
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(130);
  expect(performance.now() - began).toBeLessThan(2_500);
}, 60_000);
