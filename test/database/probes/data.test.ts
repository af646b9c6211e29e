import { afterAll, describe, expect, test } from 'vitest';
import { checkExistingUsers } from '../../../src/database/probes/data.ts';
import { checkPlan } from '../../../src/database/probes/plan-checks.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import { close, isolated, withDatabase } from './setup.ts';

afterAll(close);

const collect = async (results: AsyncIterable<CheckResult>): Promise<CheckResult[]> => {
  const all: CheckResult[] = [];
  for await (const result of results) all.push(result);
  return all;
};

const table = (name: string) => ({ schema: 'public', table: name });

const names = {
  organizations: table('organizations'),
  profiles: { ...table('profiles'), orgColumn: 'org_id' },
  anonymous: 'no-organization',
} as const;

const user = (n: number, app: string, more = 'null, false') =>
  `('b0000000-0000-4000-8000-00000000000${n}', '${app}', ${more})`;
const org = (n: number) => `a0000000-0000-4000-8000-00000000000${n}`;

describe('existing users', () => {
  test('each thing that can be wrong is found, with the ids', async () => {
    const sql = `${isolated}
      insert into organizations (id, name) values ('${org(1)}', 'A'), ('${org(2)}', 'B');
      insert into auth.users (id, raw_app_meta_data, deleted_at, is_anonymous) values
        ${user(1, `{"org_id": "${org(1)}"}`)}, ${user(2, '{}')}, ${user(3, `{"org_id": "${org(2)}"}`)}, ${user(4, `{"org_id": "${org(9)}"}`)},
        ${user(5, `{"org_id": "${org(1)}"}`)}, ${user(6, '{}', 'now(), false')}, ${user(7, '{}', 'null, true')};
      insert into profiles (id, org_id) values ('b0000000-0000-4000-8000-000000000001', '${org(1)}'), ('b0000000-0000-4000-8000-000000000002', null),
        ('b0000000-0000-4000-8000-000000000003', '${org(1)}'), ('b0000000-0000-4000-8000-000000000004', '${org(1)}');`;
    await withDatabase('base', sql, async (client) => {
      const results = await collect(checkExistingUsers(client, names));
      const seen = Object.fromEntries(
        results.map(({ id, observed }) => [
          id.replace('1.5/users/', ''),
          observed.replaceAll('b0000000-0000-4000-8000-00000000000', ''),
        ]),
      );
      expect(seen).toEqual({
        'profile-without-organization': '1 row: 2',
        'user-without-profile': '1 row: 5',
        'user-without-stamp': '1 row: 2',
        // User 4 carries an id that no organization has: others put it there.
        'stamp-disagrees': '1 row: 3',
        'profile-of-nothing': '0 rows',
      });
      const strict = await collect(checkExistingUsers(client, { ...names, anonymous: 'own-organization' }));
      expect(strict.find(({ id }) => id.endsWith('user-without-stamp'))?.observed).toContain('2 rows');
    });
  });

  test('a database in order passes', async () => {
    await withDatabase('base', isolated, async (client) => {
      const results = await collect(checkExistingUsers(client, names));
      expect(results.map(({ verdict }) => verdict)).toEqual(Array(5).fill('passed'));
    });
  });
});

describe('the plan’s three checks', () => {
  test('fail before and pass after', async () => {
    await withDatabase('tiny', '', async (client) => {
      expect((await collect(checkPlan(client, names))).map(({ observed }) => observed)).toEqual([
        '0 rows',
        '0 rows',
        '2 rows: false, false',
      ]);
      await client.query(`alter table profiles rename organization_id to org_id; alter table profiles enable row level security;
        alter table organizations enable row level security;
        create function t() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger on_auth_user_created after insert on auth.users for each row execute function t();`);
      const after = await collect(checkPlan(client, names));
      expect(after.map(({ observed, verdict }) => `${verdict} ${observed}`)).toEqual([
        'passed 1 row: uuid',
        'passed 1 row: enabled',
        'passed 2 rows: true, true',
      ]);
      for (const { evidence } of after) expect((await client.query(evidence ?? '')).rowCount).toBeGreaterThan(0);
    });
  });

  test('a type other than uuid, a profiles of another schema, row security on one table only', async () => {
    await withDatabase(
      'base',
      `create schema other; create table other.profiles (org_id uuid); create table profiles (org_id text);
      create table organizations (id uuid); alter table organizations enable row level security;`,
      async (client) => {
        const [column, , security] = await collect(checkPlan(client, names));
        expect(column).toMatchObject({ verdict: 'failed', observed: '1 row: text' });
        expect(security).toMatchObject({ verdict: 'failed', observed: '2 rows: true, false' });
      },
    );
  });
});
