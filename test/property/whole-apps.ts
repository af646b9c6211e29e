import fc from 'fast-check';
import { type AppShape, appShapes, nameOfKey, nameOfMemberships, sqlOf as tablesOf } from './apps.ts';
import { type Door, type FeatureName, featureNames, featureOf, type Words } from './features.ts';

/** A random app with what runs in it: sign-up, helpers, policies, views, required columns, functions. */
export type WholeApp = {
  readonly app: AppShape;
  readonly signUp: 'none' | 'profile' | 'organization' | 'metadata' | 'chain';
  readonly helper: 'sql' | 'plpgsql' | 'none';
  readonly policies: 'off' | 'open' | 'organization' | 'own';
  readonly required: 'nothing' | 'text' | 'unique' | 'enum' | 'rule';
  readonly view: boolean;
  readonly onboarding: boolean;
  readonly dynamic: boolean;
  readonly lone: boolean;
  /** What makes a membership count, beside being there. */
  readonly counts: 'all' | 'status' | 'accepted' | 'removed';
  /** The first user belongs to both organizations. */
  readonly several: boolean;
  /** A user sees all of their organizations, or the one that a column of their profile names. */
  readonly sees: 'all' | 'open';
  /** What else it has. */
  readonly features: readonly FeatureName[];
  readonly spelling: Spelling;
};

/** How an app writes its names: as most do, or so that they need quotes everywhere. */
type Spelling = 'plain' | 'camel' | 'spaced' | 'accented' | 'quoted' | 'long';

const anyApp: fc.Arbitrary<WholeApp> = fc.record({
  app: appShapes,
  signUp: fc.constantFrom(
    'none' as const,
    'profile' as const,
    'organization' as const,
    'metadata' as const,
    'chain' as const,
  ),
  helper: fc.constantFrom('sql' as const, 'plpgsql' as const, 'none' as const),
  policies: fc.constantFrom('off' as const, 'open' as const, 'organization' as const, 'own' as const),
  required: fc.constantFrom('nothing' as const, 'text' as const, 'unique' as const, 'enum' as const, 'rule' as const),
  view: fc.boolean(),
  onboarding: fc.boolean(),
  dynamic: fc.boolean(),
  lone: fc.boolean(),
  counts: fc.constantFrom('all' as const, 'status' as const, 'accepted' as const, 'removed' as const),
  several: fc.boolean(),
  sees: fc.constantFrom('all' as const, 'all' as const, 'open' as const),
  features: fc.subarray([...featureNames], { maxLength: 5 }),
  spelling: fc.constantFrom<Spelling>(
    'plain',
    'plain',
    'plain',
    'plain',
    'camel',
    'spaced',
    'accented',
    'quoted',
    'long',
  ),
});

export const wholeApps: fc.Arbitrary<WholeApp> = anyApp.map((one) => ({
  ...one,
  counts: one.app.memberships === 'none' ? 'all' : one.counts,
  several: one.several && hasMany(one),
  // A profile names one organization, as its key or as the one that is open.
  sees: one.app.peopleHaveKey || !hasMany(one) ? 'all' : one.sees,
  // A name that nobody can read is told by what refers to it.
  app: one.spelling === 'plain' ? one.app : { ...one.app, foreignKeys: true },
  features: one.features.filter((name) => featureOf(name).needs?.(wordsOf(one)) ?? true),
}));

/** The memberships allow a user several organizations. */
const hasMany = ({ app }: WholeApp): boolean => app.memberships === 'pair' || app.memberships === 'by profile';

const counting: Readonly<
  Record<WholeApp['counts'], { readonly column: string; readonly ended: string; readonly test: string }>
> = {
  all: { column: '', ended: '', test: '' },
  status: {
    column: `status text not null default 'active' check (status in ('active', 'invited', 'suspended'))`,
    ended: `status = 'invited'`,
    test: `m.status = 'active'`,
  },
  accepted: {
    column: 'accepted_at timestamptz default now()',
    ended: 'accepted_at = null',
    test: 'm.accepted_at is not null',
  },
  removed: { column: 'removed_at timestamptz', ended: 'removed_at = now()', test: 'm.removed_at is null' },
};

/** The organizations, by number, that a user belongs to by a membership that counts; users are numbered from 1. */
export const belongsTo = (one: WholeApp, user: 1 | 2): readonly number[] =>
  user === 1 && one.several ? [1, 2] : [user];

/** Memberships of several organizations, some of which do not count, and the column that says which one is open. */
function membershipsOf(one: WholeApp): string {
  const { app, counts, several, sees } = one;
  if (app.memberships === 'none') return '';
  const members = `${app.schema}.${nameOfMemberships(app)}`;
  const who = app.memberships === 'by profile' ? 'profile_id' : 'user_id';
  const key = nameOfKey(app);
  const user = (n: number): string => `'b0000000-0000-4000-8000-00000000000${n}'`;
  // The organization of the other user, whatever its id looks like.
  const join = (n: number, other: number): string =>
    `insert into ${members} (${who}, ${key}) select ${user(n)}, m.${key} from ${members} m where m.${who} = ${user(other)};`;
  const { column, ended } = counting[counts];
  const invited = column !== '' && hasMany(one);
  const open = `current_${app.directory.singular}`;
  return `${column === '' ? '' : `alter table ${members} add ${column};`}
${invited ? `${join(2, 1)} update ${members} m set ${ended} where m.${who} = ${user(2)} and m.${key} = (select x.${key} from ${members} x where x.${who} = ${user(1)});` : ''}
${several ? `insert into ${members} (${who}, ${key}) select ${user(1)}, m.${key} from ${members} m where m.${who} = ${user(2)} ${counting[counts].test === '' ? '' : `and ${counting[counts].test}`};` : ''}
${
  sees === 'open'
    ? `alter table ${app.schema}.${app.people} add ${open} ${typeOf(app)};
update ${app.schema}.${app.people} p set ${open} = (select min(m.${key}::text) from ${members} m where m.${who} = p.id ${counting[counts].test === '' ? '' : `and ${counting[counts].test}`})::${typeOf(app)};`
    : ''
}`;
}

const required: Readonly<Record<WholeApp['required'], (table: string) => string>> = {
  nothing: () => '',
  text: (table) =>
    `alter table ${table} add region text; update ${table} set region = 'eu'; alter table ${table} alter region set not null;`,
  unique: (table) =>
    `alter table ${table} add slug text unique; update ${table} set slug = id::text; alter table ${table} alter slug set not null;`,
  enum: (table) =>
    `create type plan as enum ('free', 'paid'); alter table ${table} add plan plan; update ${table} set plan = 'paid'; alter table ${table} alter plan set not null;`,
  rule: (table) =>
    `alter table ${table} add personal boolean not null default false, add handle text; update ${table} set handle = 'h' || id::text;
     alter table ${table} add constraint handle_unless_personal check (personal <> (handle is not null));`,
};

const typeOf = (app: AppShape): string => (app.id === 'domain' ? `${app.schema}.tenant_ref` : app.id);

/** The organizations that a caller sees, as a query. */
function mineOf(one: WholeApp): string {
  const { app } = one;
  const key = nameOfKey(app);
  const people = `${app.schema}.${app.people}`;
  if (app.memberships === 'none') return `select p.${key} from ${people} p where p.id = auth.uid()`;
  return [
    `select m.${key} from ${app.schema}.${nameOfMemberships(app)} m where m.${app.memberships === 'by profile' ? 'profile_id' : 'user_id'} = auth.uid()`,
    ...(one.counts === 'all' ? [] : [counting[one.counts].test]),
    ...(one.sees === 'all'
      ? []
      : [`m.${key} = (select p.current_${app.directory.singular} from ${people} p where p.id = auth.uid())`]),
  ].join(' and ');
}

function wordsOf(one: WholeApp): Words {
  const { app } = one;
  const at = `${app.schema}.`;
  const key = nameOfKey(app);
  const mine = mineOf(one);
  const ours = one.helper === 'none' ? mine : `select ${at}mine()`;
  const policy = {
    off: () => '',
    open: (table: string) => `create policy all_in on ${table} for all to authenticated using (true);`,
    organization: (table: string, condition: string) =>
      `create policy ours on ${table} for all to authenticated using (${condition});`,
    own: (
      table: string,
      condition: string,
    ) => `create policy ours on ${table} for select to authenticated using (${condition});
      create policy add on ${table} for insert to authenticated with check (${condition});`,
  }[one.policies];
  return {
    at,
    directory: `${at}${app.directory.plural}`,
    singular: app.directory.singular,
    key,
    type: typeOf(app),
    keyed: `${key} ${typeOf(app)}${app.foreignKeys ? ` references ${at}${app.directory.plural}` : ''}`,
    readable: !['quoted', 'long'].includes(one.spelling),
    people: `${at}${app.people}`,
    members: app.memberships === 'none' ? null : `${at}${nameOfMemberships(app)}`,
    who: app.memberships === 'by profile' ? 'profile_id' : 'user_id',
    org: (n) =>
      ['uuid', 'domain'].includes(app.id)
        ? `'a0000000-0000-4000-8000-00000000000${n}'`
        : app.id === 'text'
          ? `'t-${n}'`
          : `${n}`,
    user: (n) => `'b0000000-0000-4000-8000-00000000000${n}'`,
    mine,
    inMine: `${key} in (${ours})`,
    guards: one.policies !== 'off',
    guard: (table, condition) =>
      one.policies === 'off' ? '' : `alter table ${table} enable row level security; ${policy(table, condition)}`,
  };
}

/** What rows are read and written through, in the words of SQL. */
export function doorsOf(one: WholeApp): readonly Door[] {
  const { at } = wordsOf(one);
  const named = (name: string): string => spell(one, name.includes('.') ? name : `${at}${name}`);
  const tables = Array.from({ length: one.app.tables }, (_, n) => ({ relation: named(`things${n}`), writes: true }));
  const more = one.features.flatMap((name) => {
    const { doors = [], views = [] } = featureOf(name);
    return [
      ...doors.map((door) => ({ relation: named(door), writes: true })),
      ...views.map((door) => ({ relation: named(door), writes: false })),
    ];
  });
  return [...tables, ...more];
}

/** The same SQL in another spelling: names that need quotes stand in them, and inside a text as they are. */
function spell(one: WholeApp, sql: string): string {
  const other = (name: string): string =>
    ({
      plain: name,
      camel: name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      spaced: name.replace(
        /(^|_)(\w)/g,
        (_, gap: string, letter: string) => `${gap === '' ? '' : ' '}${letter.toUpperCase()}`,
      ),
      accented: name.replace(/[aeiou]/, (letter) => ({ a: 'ä', e: 'é', i: 'ï', o: 'ø', u: 'ü' })[letter] ?? letter),
      quoted: `the "${name}".it`,
      long: `${name}_${'x'.repeat(62 - name.length)}`,
    })[one.spelling];
  if (one.spelling === 'plain') return sql;
  const names = [
    nameOfKey(one.app),
    nameOfMemberships(one.app),
    one.app.directory.plural,
    one.app.people,
    'things0_id',
    'things0',
    'full_name',
  ];
  return sql.replace(new RegExp(`(?<!auth\\.)\\b(${names.join('|')})\\b`, 'g'), (name, _, at: number) =>
    sql[at - 1] === "'" ? other(name) : `"${other(name).replaceAll('"', '""')}"`,
  );
}

/** Everything of it as SQL, with two organizations, two users and perhaps a third who belongs nowhere. */
export function sqlOf(one: WholeApp): string {
  const { app } = one;
  const key = nameOfKey(app);
  const words = wordsOf(one);
  const { at, directory, type, people, mine } = words;
  const members = `${at}${nameOfMemberships(app)}`;
  const byProfile = app.memberships === 'none';
  const helper =
    one.helper === 'none'
      ? ''
      : one.helper === 'sql'
        ? `create function ${at}mine() returns setof ${type} language sql stable security definer set search_path = '' as $$ ${mine} $$;`
        : `create function ${at}mine() returns setof ${type} language plpgsql stable security definer set search_path = '' as $$ begin return query ${mine}; end $$;`;
  const things = Array.from({ length: app.tables }, (_, n) => `${at}things${n}`);
  const guarded = things.map((table) => words.guard(table, words.inMine));
  const value = { text: `, region`, unique: `, slug`, enum: `, plan`, rule: `, handle`, nothing: '' }[one.required];
  const given = {
    text: `, 'eu'`,
    unique: `, new.id::text`,
    enum: `, 'free'`,
    rule: `, 'h' || new.id::text`,
    nothing: '',
  }[one.required];
  const makes = ['uuid', 'domain'].includes(app.id);
  const role = byProfile
    ? ''
    : `insert into ${members} (${app.memberships === 'by profile' ? 'profile_id' : 'user_id'}, ${key}, role) values (new.id, v_org, 'owner');`;
  const body = {
    none: null,
    profile: `begin insert into ${people} (id, full_name) values (new.id, new.email); return new; end`,
    organization: makes
      ? `declare v_org ${type} := gen_random_uuid(); begin insert into ${directory} (id, name${value}) values (v_org, coalesce(new.email, 'x')${given});
         insert into ${people} (id, full_name${app.peopleHaveKey ? `, ${key}` : ''}) values (new.id, new.email${app.peopleHaveKey ? ', v_org' : ''}); ${role} return new; end`
      : null,
    metadata: app.peopleHaveKey
      ? `begin insert into ${at}arrivals values (new.raw_user_meta_data ->> 'full_name');
         insert into ${people} (id, full_name, ${key}) values (new.id, new.email, (new.raw_user_meta_data ->> '${key}')::${type}); return new; end`
      : null,
    chain: `begin insert into ${people} (id, full_name) values (new.id, new.email); return new; end`,
  }[one.signUp];
  // The profile makes the organization and, where memberships say it, the membership.
  const chained =
    one.signUp !== 'chain' || !makes || !app.peopleHaveKey
      ? ''
      : `create function ${at}settle() returns trigger language plpgsql security definer set search_path = '' as $$
declare v_org ${type} := gen_random_uuid(); begin if new.${key} is null then insert into ${directory} (id, name${value}) values (v_org, coalesce(new.full_name, 'x')${given}); new.${key} := v_org; end if; return new; end $$;
create trigger settle before insert on ${people} for each row execute function ${at}settle();`;
  return spell(
    one,
    `${tablesOf(app)}
${membershipsOf(one)}
${one.signUp === 'metadata' ? `create table ${at}arrivals (name text); alter table ${at}arrivals enable row level security;` : ''}
${required[one.required](directory)}
${helper}
${guarded.join('\n')}
${one.view ? `create view ${at}overview as select id, ${key}, body from ${at}things0;` : ''}
${
  body === null
    ? ''
    : `create function ${at}welcome() returns trigger language plpgsql security definer set search_path = ${app.schema}, public as $$ ${body} $$;
create trigger welcome after insert on auth.users for each row execute function ${at}welcome();`
}
${
  one.onboarding && makes
    ? `create function ${at}start(name text) returns ${type} language plpgsql security definer set search_path = ${app.schema}, public as $$
declare v_org ${type} := gen_random_uuid(); new auth.users; begin select * into new from auth.users where id = auth.uid();
insert into ${directory} (id, name${value}) values (v_org, start.name${given}); ${role} return v_org; end $$;`
    : ''
}
${one.dynamic ? `create function ${at}clear(t text, o ${type}) returns void language plpgsql as $$ begin execute format('delete from %I where ${key} = $1', t) using o; end $$;` : ''}
${one.lone ? `insert into auth.users (id, email) values ('b0000000-0000-4000-8000-000000000009', 'lone@example.com');` : ''}
${chained}
${one.features.map((name) => featureOf(name).sql(words)).join('\n')}
${
  app.schema === 'public'
    ? ''
    : `grant usage on schema core to anon, authenticated, service_role; grant select, insert, update, delete on all tables in schema core to anon, authenticated, service_role; grant usage on all sequences in schema core to anon, authenticated, service_role;`
}`,
  );
}
