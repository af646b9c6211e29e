import pg from 'pg';
import { expect } from 'vitest';
import type { EmbeddedServer } from '../../src/demo/server.ts';
import type { OwnApp } from './databases.ts';

/**
 * Who should reach which rows of the apps in `fixtures/databases`, written by hand and asked in plain SQL, so that it
 * shares nothing with what the product believes: conditions over a row `t` and a caller `:me`, in the words of the
 * app before the rollout.
 */
type Door = {
  /** What a row is known by. */
  readonly key?: string;
  /** The table whose rows a view shows, where it shows none to whoever is no user. */
  readonly of?: string;
  /** A column that an update writes back as it is; without one nothing is written. */
  readonly touch?: string;
  readonly read: string;
  readonly update?: string;
  readonly remove?: string;
};

type Oracle = {
  readonly users: readonly string[];
  /** The app's names for the organization, which are `org_id` afterwards. */
  readonly names: RegExp;
  readonly doors: Readonly<Record<string, Door>>;
};

const all = (condition: string, touch: string, read = 'false'): Door => ({
  touch,
  read: `(${condition}) or (${read})`,
  update: condition,
  remove: condition,
});

const agency = (): Oracle => {
  const belongs = (org: string, more = ''): string =>
    `exists (select from public.organization_members m join public.organizations o on o.id = m.organization_id
      where m.user_id = :me and m.organization_id = ${org} and m.status = 'active' and m.removed_at is null and o.deleted_at is null ${more})`;
  const runs = (org: string): string => belongs(org, `and m.role in ('owner', 'admin')`);
  const manages = `${runs('t.organization_id')} and t.user_id <> :me and (t.role <> 'owner' or ${belongs('t.organization_id', `and m.role = 'owner'`)})`;
  const inProject = `exists (select from public.projects p where p.id = t.project_id and ${belongs('p.organization_id')})`;
  return {
    users: ['ann', 'bob', 'cleo', 'dan', 'eve', 'finn', 'gus'],
    names: /\borganization_id\b/g,
    doors: {
      'public.organizations': { touch: 'name', read: belongs('t.id'), update: runs('t.id') },
      'public.profiles': all(
        't.id = :me',
        'full_name',
        `exists (select from public.organization_members x where x.user_id = t.id and x.removed_at is null and ${belongs('x.organization_id')})`,
      ),
      'public.organization_members': all(manages, 'joined_at', `t.user_id = :me or ${belongs('t.organization_id')}`),
      'public.invitations': all(
        runs('t.organization_id'),
        'role',
        't.accepted_at is null and t.email = (select u.email from auth.users u where u.id = :me)',
      ),
      'public.clients': all(belongs('t.organization_id'), 'name'),
      'public.projects': all(belongs('t.organization_id'), 'name'),
      'public.tasks': all(inProject, 'title'),
      'public.time_entries': {
        touch: 'minutes',
        read: belongs('t.organization_id'),
        update: `t.user_id = :me and ${belongs('t.organization_id')}`,
      },
      'public.invoices': all(runs('t.organization_id'), 'number'),
      'public.activity_log': { read: belongs('t.organization_id') },
      'public.project_overview': { of: 'public.projects', read: belongs('t.organization_id') },
    },
  };
};

const switcher = (): Oracle => {
  const open = `(select u.tenant_id from public.tenant_users u where u.user_id = :me and u.is_active and u.tenant_id = coalesce(
    (select (a.raw_app_meta_data ->> 'tenant_id')::bigint from auth.users a where a.id = :me),
    (select p.active_tenant_id from public.profiles p where p.id = :me)))`;
  const isOpen = (org: string): string => `${org} = ${open}`;
  const as = (...roles: readonly string[]): string =>
    `exists (select from public.tenant_users r where r.user_id = :me and r.tenant_id = ${open} and r.role in (${roles.map((one) => `'${one}'`).join(', ')}))`;
  const runs = as('OWNER', 'ADMIN');
  const ordered = `exists (select from public.orders o where o.id = t.order_id and ${isOpen('o.tenant_id')})`;
  return {
    users: ['ann', 'bob', 'cleo', 'dan'],
    names: /\btenant_id\b/g,
    doors: {
      'public.tenants': {
        touch: 'name',
        read: 'exists (select from public.tenant_users u where u.user_id = :me and u.is_active and u.tenant_id = t.id)',
        update: `${isOpen('t.id')} and ${runs}`,
      },
      'public.profiles': {
        touch: 'display_name',
        read: `t.id = :me or exists (select from public.tenant_users u where u.user_id = t.id and ${isOpen('u.tenant_id')})`,
        update: 't.id = :me',
      },
      'public.tenant_users': {
        ...all(
          `${isOpen('t.tenant_id')} and ${runs} and t.user_id <> :me and (t.role <> 'OWNER' or ${as('OWNER')})`,
          'created_at',
          `t.user_id = :me or ${isOpen('t.tenant_id')}`,
        ),
        key: `t.tenant_id || ' ' || t.user_id`,
      },
      'public.products': all(isOpen('t.tenant_id'), 'name'),
      'public.customers': all(isOpen('t.tenant_id'), 'name'),
      'public.orders': {
        touch: 'status',
        read: isOpen('t.tenant_id'),
        update: `${isOpen('t.tenant_id')} and (t.created_by = :me or ${runs})`,
      },
      'public.order_items': { ...all(ordered, 'quantity'), key: `t.order_id || ' ' || t.line` },
      'public.tenant_settings': {
        ...all(`${isOpen('t.tenant_id')} and ${runs}`, 'currency'),
        key: 't.tenant_id::text',
      },
      'public.announcements': { read: ':me is not null' },
      'public.open_orders': { read: isOpen('t.tenant_id') },
    },
  };
};

const guarded = (): Oracle => {
  const belongs = (org: string, more = ''): string =>
    `exists (select from public.memberships m where m.user_id = :me and m.organization_id = ${org} and m.accepted_at is not null ${more})`;
  const runs = (org: string): string => belongs(org, `and m.role in ('owner', 'admin')`);
  const mine = `exists (select from public.customers c where c.id = t.customer_id and c.user_id = :me)`;
  const shares = `exists (select from public.documents d where d.id = t.document_id and ${belongs('d.organization_id')})`;
  const folder = (at: number): string => `(storage.foldername(t.name))[${at}]`;
  const inOrganization = `exists (select from public.memberships m where m.user_id = :me and m.accepted_at is not null and m.organization_id::text = ${folder(1)})`;
  return {
    users: ['ann', 'bob', 'cleo', 'dan', 'pia', 'paul', 'zoe', 'nobody'],
    names: /\borganization_id\b/g,
    doors: {
      'public.organizations': { touch: 'name', read: belongs('t.id'), update: runs('t.id') },
      'public.profiles': all('t.id = :me', 'full_name'),
      'public.memberships': {
        ...all(
          `${runs('t.organization_id')} and t.user_id <> :me and (t.role <> 'owner' or ${belongs('t.organization_id', `and m.role = 'owner'`)})`,
          'accepted_at',
          `t.user_id = :me or ${belongs('t.organization_id')}`,
        ),
        key: `t.organization_id || ' ' || t.user_id`,
      },
      'public.customers': {
        ...all(belongs('t.organization_id'), 'name', 't.user_id = :me'),
        update: `t.user_id = :me or ${belongs('t.organization_id')}`,
      },
      'public.invoices': all(belongs('t.organization_id'), 'sent', `t.sent and ${mine}`),
      'public.pages': all(belongs('t.organization_id'), 'body', 't.published'),
      'public.templates': all(belongs('t.organization_id'), 'name', 't.organization_id is null and :me is not null'),
      'public.documents': all(
        belongs('t.organization_id'),
        'title',
        `exists (select from public.document_shares s where s.document_id = t.id and ${belongs('s.with_organization_id')})`,
      ),
      'public.document_shares': {
        ...all(shares, 'document_id', belongs('t.with_organization_id')),
        key: `t.document_id || ' ' || t.with_organization_id`,
      },
      'public.messages': all(belongs('t.organization_id'), 'body'),
      'public.sent_invoices': {
        read: `exists (select from public.invoices i join public.customers c on c.id = i.customer_id where i.id = t.id
          and (${belongs('t.organization_id')} or c.user_id = :me))`,
      },
      'public.inbox': { of: 'public.messages', read: belongs('t.organization_id') },
      'storage.objects': all(
        `(t.bucket_id in ('files', 'sites') and ${inOrganization}) or (t.bucket_id = 'avatars' and ${folder(1)} = :me::text)`,
        'updated_at',
        `(t.bucket_id = 'files' and ${folder(2)} = 'customers' and exists (select from public.customers c where c.id::text = ${folder(3)} and c.user_id = :me))
          or (t.bucket_id = 'sites' and ${folder(2)} = 'public')`,
      ),
    },
  };
};

const oracles: Readonly<Record<OwnApp, Oracle>> = { agency: agency(), switcher: switcher(), guarded: guarded() };

type Rights = {
  readonly read: readonly string[];
  readonly update: readonly string[];
  readonly remove: readonly string[];
};
type Reached = Readonly<Record<string, Rights>>;

export type Expectation = {
  /** What the oracle says, by user and door. */
  readonly should: Reached;
  /** What every user reached before the rollout. */
  readonly could: Reached;
  readonly keys: Keys;
};

const idIn = (users: readonly string[], name: string): string | null =>
  name === 'nobody' ? null : `b0000000-0000-4000-8000-00000000000${users.indexOf(name) + 1}`;

/** The user's id; null for nobody. */
export const userId = (app: OwnApp, name: string): string | null => idIn(oracles[app].users, name);

/** Connects as the superuser, who may act as anybody. */
export async function within<T>(
  server: EmbeddedServer,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: server.adminUrl(database) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The claims that the auth server signs for a user now. */
export async function tokenOf(client: pg.Client, user: string | null): Promise<string> {
  if (user === null) return JSON.stringify({ role: 'anon' });
  const { rows } = await client.query<{ email: string; meta: unknown }>(
    'select email, raw_app_meta_data as meta from auth.users where id = $1',
    [user],
  );
  return JSON.stringify({ sub: user, role: 'authenticated', email: rows[0]?.email, app_metadata: rows[0]?.meta });
}

/** Runs SQL as a user with this token, in a transaction that is rolled back; the value of its last statement. */
export async function actAs(client: pg.Client, token: string, ...statements: readonly string[]): Promise<unknown> {
  await client.query('begin');
  try {
    await client.query(`select set_config('request.jwt.claims', $1, true)`, [token]);
    await client.query(`set local role ${JSON.parse(token).role === 'anon' ? 'anon' : 'authenticated'}`);
    let value: unknown = null;
    for (const sql of statements) value = Object.values((await client.query(sql)).rows[0] ?? {})[0] ?? null;
    return value;
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await client.query('rollback');
  }
}

/** Tries every row of a door by its key: reads it, writes a column back, deletes it, each for itself. */
const tries = (name: string, door: Door, key: string, keys: readonly string[]): string => {
  const list = `array[${keys.map((one) => pg.escapeLiteral(one)).join(', ')}]::text[]`;
  const attempt = (into: string, sql: string): string =>
    `begin execute ${pg.escapeLiteral(sql)} using k; get diagnostics n = row_count; if n > 0 then ${into} := ${into} || k; end if;
       raise exception 'undone' using errcode = 'P0TRY'; exception when others then null; end;`;
  return `do $oracle$ declare k text; n int; r text[] := '{}'; u text[] := '{}'; d text[] := '{}'; begin
    foreach k in array ${list} loop
      ${attempt('r', `select 1 from ${name} t where ${key} = $1`)}
      ${door.touch === undefined ? '' : attempt('u', `update ${name} t set ${door.touch} = t.${door.touch} where ${key} = $1`)}
      ${door.touch === undefined ? '' : attempt('d', `delete from ${name} t where ${key} = $1`)}
    end loop;
    perform set_config('oracle.found', json_build_object('read', r, 'update', u, 'remove', d)::text, true); end $oracle$`;
};

async function reach(client: pg.Client, app: OwnApp, after: boolean, rows: Keys): Promise<Reached> {
  const { users, doors, names } = oracles[app];
  const found: Record<string, Rights> = {};
  for (const user of users) {
    const token = await tokenOf(client, idIn(users, user));
    for (const [name, door] of Object.entries(doors)) {
      const key = (door.key ?? 't.id::text').replace(names, after ? 'org_id' : '$&');
      const json = await actAs(
        client,
        token,
        tries(name, door, key, rows[name] ?? []),
        `select current_setting('oracle.found')`,
      );
      found[`${user}: ${name}`] = typeof json === 'string' && json.startsWith('{') ? JSON.parse(json) : none;
    }
  }
  return found;
}

type Keys = Readonly<Record<string, readonly string[]>>;
const none: Rights = { read: [], update: [], remove: [] };

async function keysOf(client: pg.Client, app: OwnApp): Promise<Keys> {
  const keys: Record<string, readonly string[]> = {};
  for (const [name, door] of Object.entries(oracles[app].doors)) {
    const { rows } = await client.query<{ k: string }>(
      `select ${door.key ?? 't.id::text'} as k from ${door.of ?? name} t order by 1`,
    );
    keys[name] = rows.map((one) => one.k);
  }
  return keys;
}

/** What the oracle says on the database as it is before the rollout, and what every user really reaches there. */
export async function expectationOf(server: EmbeddedServer, database: string, app: OwnApp): Promise<Expectation> {
  return within(server, database, async (client) => {
    const { users, doors } = oracles[app];
    const should: Record<string, Rights> = {};
    for (const user of users) {
      const me = idIn(users, user);
      for (const [name, door] of Object.entries(doors)) {
        const of = async (condition = 'false'): Promise<readonly string[]> => {
          const said = condition.replace(/:me\b/g, me === null ? 'null::uuid' : `'${me}'::uuid`);
          const { rows } = await client.query<{ k: string }>(
            `select ${door.key ?? 't.id::text'} as k from ${door.of ?? name} t where ${said} order by 1`,
          );
          return rows.map((one) => one.k);
        };
        should[`${user}: ${name}`] = {
          read: await of(door.read),
          update: await of(door.update),
          remove: await of(door.remove),
        };
      }
    }
    const keys = await keysOf(client, app);
    return { should, could: await reach(client, app, false, keys), keys };
  });
}

/**
 * After the rollout everybody reaches what they should, as far as they did before, and nothing else. Reading is exact:
 * neither more nor less than the oracle says.
 */
export async function expectRights(
  server: EmbeddedServer,
  database: string,
  app: OwnApp,
  { should, could, keys }: Expectation,
): Promise<void> {
  const now = await within(server, database, (client) => reach(client, app, true, keys));
  const wrong: string[] = [];
  for (const [who, rights] of Object.entries(should)) {
    for (const action of ['read', 'update', 'remove'] as const) {
      const [wanted, then, reached] = [rights[action], could[who]?.[action] ?? [], now[who]?.[action] ?? []];
      const more = reached.filter((key) => !wanted.includes(key));
      const less = wanted.filter((key) => then.includes(key) && !reached.includes(key));
      if (more.length > 0) wrong.push(`${who}: may ${action} ${more.join(', ')}`);
      if (less.length > 0) wrong.push(`${who}: may no longer ${action} ${less.join(', ')}`);
    }
  }
  expect(wrong).toEqual([]);
}

/** After the rollback everybody reaches exactly what they did before. */
export async function expectRightsBack(
  server: EmbeddedServer,
  database: string,
  app: OwnApp,
  { could, keys }: Expectation,
): Promise<void> {
  expect(await within(server, database, (client) => reach(client, app, false, keys))).toEqual(could);
}
