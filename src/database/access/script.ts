import { randomBytes } from 'node:crypto';
import type { Circle } from '../circles.ts';
import { identifier, literal, qualified } from '../quote.ts';
import { type DoorScope, exactRows, type PolicyFacts, type RelationFacts } from './doors.ts';
import type { Actor } from './people.ts';

/** What one door answered. */
export type Answer = {
  readonly exact: boolean;
  readonly listing: readonly {
    readonly h: string;
    readonly l: string;
    readonly o: readonly string[];
    readonly u: readonly string[];
    /** Organizations of the user whom the row names. */
    readonly w: readonly string[];
    readonly p: string | null;
    /** Rows of one class are alike in every column that a policy mentions, so that no policy tells them apart. */
    readonly c: number;
  }[];
  /** Only some rows of each class were read: `bits` has a sign per class. */
  readonly byClass: boolean;
  readonly people: readonly {
    /** Signs over the listing, or over its classes; null where it was not read by key. */
    readonly bits: string | null;
    /** Rows of a view or function as hash and organizations. */
    readonly seen: readonly (readonly [hash: string, organizations: readonly string[]])[] | null;
    readonly code: string | null;
    readonly said: string | null;
    /** Per expression of `expressionsOf`, signs over the classes. */
    readonly judged: readonly string[] | null;
    readonly judgedCode: string | null;
    readonly judgedSaid: string | null;
  }[];
};

/** The conditions of the policies that apply to a role, each once. */
export const expressionsOf = (facts: RelationFacts | null, role?: Actor['role']): readonly string[] => [
  ...new Set(
    (facts?.rowSecurity === true ? facts.policies : [])
      .filter((one) => role === undefined || one.roles.includes(role))
      .flatMap((one: PolicyFacts) => [one.using, one.check].filter((text) => text !== null)),
  ),
];

export const isTable = (facts: RelationFacts | null): boolean => facts !== null && ['r', 'p'].includes(facts.kind);

/** Rows that can be read without asking: no row security stands in the way of this role. */
export const readsAll = (facts: RelationFacts | null, role: Actor['role']): boolean =>
  facts !== null && isTable(facts) && !facts.rowSecurity && facts.grants.includes(`${role}.read`);

export type Extent = {
  /** More rows than this are looked at in a sample. */
  readonly exact: number;
  /** Rows of a sample that no organization is asked for, and rows per organization. */
  readonly any: number;
  readonly perOrganization: number;
  /** The sample that was looked at before. */
  readonly places: readonly string[] | null;
  /** Every row is read although policies cannot tell them apart. */
  readonly eachRow: boolean;
  /** Roles whose reading is known to end in a circle of policies, so that it is not waited for again. */
  readonly circles: Readonly<Partial<Record<Actor['role'], Circle>>>;
};

/** Rows of each class that are read. */
const perClass = 3;

/** Statements of which the last gives the `Answer` as text. */
export function actSql(
  scope: DoorScope,
  facts: RelationFacts | null,
  actors: readonly Actor[],
  extent: Extent,
): string {
  const { places } = extent;
  const tag = `$voxanne_${randomBytes(6).toString('hex')}$`;
  const source =
    scope.kind === 'function' ? `${qualified(scope.schema, scope.name)}()` : qualified(scope.schema, scope.name);
  const table = isTable(facts);
  const key = table && facts !== null && facts.key.length > 0 ? facts.key : null;
  const hash = `pg_catalog.hashtextextended(${key === null ? 't::text' : concat(key)}, 0)::text`;
  const place = table ? 't.ctid::text' : 'null::text';
  const label = key === null ? place : words(key);
  const expressions = expressionsOf(facts);
  const whole = expressions.some((text) => /\.\*/.test(text));
  const columns = (facts?.columns ?? []).filter((name) => whole || expressions.some((text) => mentions(text, name)));
  // A policy may ask where a row stands; rows are then not alike.
  const alike = !extent.eachRow && !expressions.some((text) => /\b(ctid|xmin|xmax|cmin|cmax|tableoid)\b/.test(text));
  const row =
    expressions.length === 0
      ? `'{}'::jsonb`
      : `jsonb_build_object(${columns.map((name) => `${literal(name)}, to_jsonb(t.${identifier(name)})`).join(', ')})`;
  const organizations = [...new Set(actors.flatMap((one) => [...one.organizations, ...one.former]))];
  const order = 'order by x.h collate "C"';
  const chosen = `filter (where x.n <= ${perClass})`;
  const listing = (
    from: string,
    limit: number,
  ) => `select coalesce(jsonb_agg(jsonb_build_object('h', x.h, 'l', x.l, 'o', x.o, 'u', x.u, 'w', x.w, 'p', x.p, 'c', x.c - 1) ${order}), '[]'),
      coalesce(jsonb_agg(x.r order by x.c) filter (where x.n = 1), '[]'), coalesce(array_agg(x.h ${order}), '{}'),
      array_agg(x.p::tid ${order}) ${chosen}, array_agg(x.h ${order}) ${chosen}, array_agg(x.c ${order}) ${chosen}
    from (select z.*, dense_rank() over (order by z.r::text collate "C")::int as c, row_number() over (partition by z.r::text order by z.h collate "C") as n
      from (select distinct on (y.h) y.* from (select ${hash} as h, ${label} as l, ${scope.organizations} as o, ${scope.users} as u, ${scope.colleagues ?? `'{}'::text[]`} as w, ${place} as p, ${row} as r
        from ${from} limit ${limit}) y) z) x`;
  const sampled = `${source} t where t.ctid = any ($1)`;
  const picked = `select array(${
    places !== null
      ? `select p::tid from unnest(${array(places)}) p`
      : `(select t.ctid from ${source} t limit ${extent.any})${
          scope.key === null || organizations.length === 0
            ? ''
            : ` union select s.place from unnest(${array(organizations)}) o cross join lateral (select t.ctid as place from ${source} t where t.${identifier(scope.key)} = (case when true then o end)::${scope.keyType} limit ${extent.perOrganization}) s`
        }`
  })`;
  const reader = {
    exact: `select array_agg(${hash}) from ${source} t`,
    sampled: `select array_agg(${hash}) from ${sampled}`,
    other: `select jsonb_agg(jsonb_build_array(v.h, v.o)) from (select ${hash} as h, ${scope.organizations} as o from ${source} t limit ${exactRows + 1}) v`,
  };
  const judge = (role: Actor['role']): string | null => {
    const asked = expressionsOf(facts, role);
    if (asked.length === 0 || facts?.grants.some((grant) => grant.startsWith(`${role}.`)) !== true) return null;
    const signs = asked.map(
      (text) => `coalesce(string_agg(case when (${text}) then '1' else '0' end, '' order by "ordinality"), '')`,
    );
    return `select array[${signs.join(', ')}] from pg_catalog.jsonb_populate_recordset(null::${source}, $1) with ordinality as ${identifier(scope.name)}`;
  };
  const judges = { anon: judge('anon'), authenticated: judge('authenticated') };
  const people = actors.map((one) => ({
    role: one.role,
    claims: one.claims,
    read:
      !readsAll(facts, one.role) &&
      (facts === null || facts.grants.includes(`${one.role}.read`)) &&
      (!table || facts?.keyReaders.includes(one.role) === true),
    judge: judges[one.role] !== null,
  }));
  return `do ${tag}
declare
  people constant jsonb := ${literal(JSON.stringify(people))};
  me constant name := current_user;
  person jsonb; exact boolean := true; listed jsonb; held jsonb; hashes text[]; places tid[]; counted bigint;
  some_places tid[]; some_hashes text[]; some_classes int[]; few boolean := false; circles jsonb; unjudged jsonb := '{}'; ended jsonb;
  found text[]; seen jsonb; judged text[]; bits text; code text; said text; judged_code text; judged_said text; answers jsonb := '[]';
begin
  perform set_config('row_security', 'off', true);
  ${
    table
      ? `execute ${literal(`select count(*) from (select from ${source} t limit ${extent.exact + 1}) x`)} into counted;
  exact := counted <= ${extent.exact};
  if exact then execute ${literal(listing(`${source} t`, extent.exact + 1))} into listed, held, hashes, some_places, some_hashes, some_classes;
  else
    execute ${literal(picked)} into places;
    execute ${literal(listing(sampled, exactRows * 4))} into listed, held, hashes, some_places, some_hashes, some_classes using places;
  end if;
  few := ${alike ? 'coalesce(cardinality(some_places), 0) * 2 <= cardinality(hashes) and cardinality(hashes) > 0' : 'false'};
  if few then places := some_places; end if;`
      : `begin
    execute ${literal(listing(`${source} t`, exactRows + 1))} into listed, held, hashes, some_places, some_hashes, some_classes;
    exact := cardinality(hashes) <= ${exactRows};
  exception when others then listed := '[]'; held := '[]'; hashes := '{}'; end;`
  }
  perform set_config('row_security', 'on', true);
  -- Where there is no row, no condition is asked and no circle is met.
  circles := case when cardinality(hashes) > 0 then ${literal(JSON.stringify(extent.circles))}::jsonb else '{}' end;
  for person in select value from jsonb_array_elements(people) loop
    bits := null; seen := null; judged := null; code := null; said := null; judged_code := null; judged_said := null; found := null;
    ended := circles -> (person->>'role');
    if (person->>'read')::boolean and ended is not null then
      code := ended->>'code'; said := ended->>'message';
    elsif (person->>'read')::boolean then
      begin
        perform set_config('request.jwt.claims', person->>'claims', true);
        execute format('set local role %I', person->>'role');
        ${
          table
            ? `if exact and not few then execute ${literal(reader.exact)} into found;
        else execute ${literal(reader.sampled)} into found using places; end if;`
            : `execute ${literal(reader.other)} into seen;
        seen := coalesce(seen, '[]');`
        }
        raise exception using errcode = 'VX000';
      exception when others then
        get stacked diagnostics code = returned_sqlstate, said = message_text;
        if code = 'VX000' then
          code := null;
          ${
            table
              ? `if few then
            select coalesce(string_agg(case when s.found = s.rows then '1' when s.found = 0 then '0' else '?' end, '' order by s.c), '') into bits
            from (select x.c, count(*) as rows, count(s.h) as found from unnest(some_hashes, some_classes) x(h, c)
              left join (select distinct h from unnest(found) h) s on s.h = x.h group by x.c) s;
          else select coalesce(string_agg(case when s.h is null then '0' else '1' end, '' order by x.n), '') into bits
          from unnest(hashes) with ordinality x(h, n) left join (select distinct h from unnest(found) h) s on s.h = x.h;
          end if;`
              : ''
          }
        elsif code in ('42P17', '54001') then
          circles := circles || jsonb_build_object(person->>'role', jsonb_build_object('code', code, 'message', said));
          ended := circles -> (person->>'role');
        end if;
      end;
    end if;
    ended := coalesce(ended, unjudged -> (person->>'role'));
    ${
      judges.anon === null && judges.authenticated === null
        ? ''
        : `if (person->>'judge')::boolean and ended is not null then
      judged_code := ended->>'code'; judged_said := ended->>'message';
    elsif (person->>'judge')::boolean then
      begin
        perform set_config('request.jwt.claims', person->>'claims', true);
        execute format('set local role %I', person->>'role');
        execute case person->>'role' when 'anon' then ${literal(judges.anon ?? '')} else ${literal(judges.authenticated ?? '')} end into judged using held;
        raise exception using errcode = 'VX000';
      exception when others then
        get stacked diagnostics judged_code = returned_sqlstate, judged_said = message_text;
        if judged_code = 'VX000' then judged_code := null;
        elsif judged_code in ('42P17', '54001') then
          unjudged := unjudged || jsonb_build_object(person->>'role', jsonb_build_object('code', judged_code, 'message', judged_said));
        end if;
      end;
    end if;`
    }
    answers := answers || jsonb_build_object('bits', bits, 'seen', seen, 'code', code, 'said', said, 'judged', judged,
      'judgedCode', judged_code, 'judgedSaid', judged_said);
  end loop;
  perform set_config('voxanne_probe.answer', jsonb_build_object('exact', exact, 'listing', listed, 'byClass', few, 'people', answers)::text, true);
end ${tag};
select current_setting('voxanne_probe.answer') as answer`;
}

const concat = (key: readonly string[]): string =>
  key.length === 1
    ? `t.${identifier(key[0] ?? '')}::text`
    : `pg_catalog.concat_ws(chr(31), ${key.map((name) => `t.${identifier(name)}::text`).join(', ')})`;

const words = (key: readonly string[]): string =>
  `pg_catalog.concat(${key.map((name, at) => `${literal(`${at === 0 ? '' : ', '}${name} = `)}, t.${identifier(name)}::text`).join(', ')})`;

const array = (values: readonly string[]): string => `array[${values.map((one) => literal(one)).join(', ')}]::text[]`;

const mentions = (text: string, name: string): boolean => text.includes(identifier(name)) || text.includes(name);
