import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { type App, org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** An app whose trigger sets the organization of a new note, whatever the client says. */
const app = (sets: string): string => `${users(2)}
  create table organizations (id uuid primary key default gen_random_uuid(), name text not null);
  create table members (organization_id uuid not null references organizations, user_id uuid not null references auth.users, role text, primary key (organization_id, user_id));
  create table notes (id bigint generated always as identity primary key, organization_id uuid not null references organizations, body text);
  insert into organizations values ('${org(1)}', 'A'), ('${org(2)}', 'B');
  insert into members values ('${org(1)}', '${user(1)}', 'owner'), ('${org(2)}', '${user(2)}', 'owner');
  insert into notes (organization_id, body) values ('${org(1)}', 'a'), ('${org(2)}', 'b');
  alter table members enable row level security; create policy own on members for select using (user_id = auth.uid());
  create function mine() returns uuid language sql stable security definer set search_path = public as $$ select organization_id from members where user_id = auth.uid() limit 1 $$;
  create function stamp() returns trigger language plpgsql as $$ begin if auth.uid() is not null then new.organization_id := ${sets}; end if; return new; end $$;
  create trigger stamp before insert on notes for each row execute function stamp();
  alter table notes enable row level security; create policy n on notes using (organization_id = mine()) with check (true);`;

/** The organizations of the notes that the first user adds for the second organization, or why there are none. */
async function lands({ all }: App, metadata: Readonly<Record<string, string>>): Promise<unknown> {
  const claims = { role: 'authenticated', sub: user(1), user_metadata: metadata };
  try {
    const rows = await all(
      `select set_config('request.jwt.claims', '${JSON.stringify(claims)}', true)`,
      'set local role authenticated',
      `insert into public.notes (org_id, body) values ('${org(2)}', 'new')`,
      'reset role',
      `select org_id from public.notes where body = 'new'`,
    );
    return rows.map((row) => row.org_id);
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

it.each([
  ['that gives every row its caller’s own organization is no reason to stop', 'mine()', [org(1)]],
  [
    'that believes what users write about themselves puts no row into another organization once 1.7 is there',
    `coalesce((auth.jwt() -> 'user_metadata' ->> 'organization')::uuid, mine())`,
    expect.stringMatching(/row-level security/),
  ],
])('a trigger %s', async (_, sets, expected) => {
  let landed: unknown;
  const { reached, left, said } = await whole(server, app(sets), {}, async (one) => {
    landed = await lands(one, { organization: org(2) });
  });
  expect({ reached, left, said }).toEqual({ reached: '1.7', left: [], said: '' });
  expect(landed).toEqual(expected);
});
