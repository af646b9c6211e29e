import { randomBytes } from 'node:crypto';
import type { ClientBase } from 'pg';
import { identifier, literal } from '../quote.ts';
import { rolledBackAtOnce } from '../rolled-back.ts';
import type { ApiRole } from './facts.ts';

/** One thing that somebody tries, in a subtransaction of its own. */
export type Act = {
  readonly name: string;
  /** The table that it acts upon, where acts of one kind meet the same policies. */
  readonly about?: string;
  /** `self`: as the connected role, which no policy holds back. */
  readonly role: ApiRole | 'self';
  /** The token, as JSON. */
  readonly claims: string;
  /** Run before, as the connected role; once for all acts that begin with the same. */
  readonly before?: readonly string[];
  /**
   * A query for the rows that a cursor stands on while `sql` runs. `WHERE CURRENT OF` reaches a row without reading any
   * column, as an UPDATE without WHERE does: neither SELECT privileges nor SELECT policies stand in its way.
   */
  readonly cursor?: string;
  readonly sql: readonly string[];
  /** `rows`: how many rows the last statement changed. `value`: the first value of what it returned. */
  readonly measure: 'rows' | 'value';
  /** Of a former member: the claims of A, the same with an id of nothing, and how much of `before` makes the membership. */
  readonly stale?: { readonly plain: string; readonly nowhere: string; readonly membership: number };
  /** A query for one number, run afterwards as the connected role: what the act left behind. */
  readonly observe?: string;
};

/** What happened. */
export type Outcome = {
  /** Where it ended: `done`, or the stage that raised the error. */
  readonly stage: 'prepare' | 'role' | 'act' | 'observe' | 'done';
  readonly code: string | null;
  readonly message: string | null;
  /** The constraint (or NOT NULL column) that the server itself found violated; null when a function raised the error. */
  readonly constraint: string | null;
  /** Rows changed, or the value that came back. */
  readonly result: string | null;
  readonly seen: number | null;
  readonly milliseconds: number;
};

export const cursorName = 'voxanne_probe';

/** Statements around the preparation, so that neither triggers nor foreign keys of the app get in its way. */
export const quietly = (statements: readonly string[]): string[] => [
  `set local session_replication_role = replica`,
  ...statements,
  `set local session_replication_role = origin`,
];

export type Settings = {
  readonly searchPath: readonly string[];
  /** Milliseconds for the whole of one transaction's acts. */
  readonly statementTimeout: number;
  /** Claims that the app reads as a setting of their own, as servers of the API made them once. */
  readonly ownSettings?: readonly string[];
};

const settingStatements = ({ searchPath, statementTimeout }: Settings): string[] => [
  `set local lock_timeout = '50ms'`,
  `set local statement_timeout = ${literal(`${statementTimeout}ms`)}`,
  // What PostgREST sets for every request of a Supabase project.
  `set local search_path = ${[...new Set([...searchPath, 'extensions'])].map(identifier).join(', ')}`,
];

/**
 * Prepares and performs the acts in one transaction that is rolled back, in one round trip: the time that it holds locks
 * does not depend on how far away the server is.
 *
 * The connection must not be in a transaction. An error of the preparation is thrown as the server gave it; an error of
 * an act is its outcome.
 */
export async function perform(
  client: ClientBase,
  settings: Settings,
  preparation: readonly string[],
  acts: readonly Act[],
): Promise<ReadonlyMap<string, Outcome>> {
  const tag = `$voxanne_${randomBytes(6).toString('hex')}$`;
  const statements = [
    ...settingStatements(settings),
    ...preparation,
    `do ${tag}${driver(acts, settings.ownSettings ?? [])}${tag}`,
    `select current_setting('voxanne_probe.outcomes') as outcomes`,
  ];
  const [row] = await rolledBackAtOnce<{ outcomes: string }>(client, statements);
  const outcomes = JSON.parse(row?.outcomes ?? '{}') as Readonly<Record<number, Outcome>>;
  return new Map(acts.map((act, index) => [act.name, outcomes[index] ?? missing]));
}

const missing: Outcome = {
  stage: 'prepare',
  code: null,
  message: 'the server reported nothing',
  constraint: null,
  result: null,
  seen: null,
  milliseconds: 0,
};

/**
 * Acts by what is run before them, which is run once for all that share it: to put triggers at rest and back makes the
 * server plan everything anew, and costs more than the acts do.
 */
function groupsOf(acts: readonly Act[]): readonly unknown[] {
  const groups = new Map<string, { readonly before: readonly string[]; readonly acts: object[] }>();
  for (const [at, { before = [], stale: _, ...act }] of acts.entries()) {
    const key = before.join('\0');
    const group = groups.get(key) ?? { before, acts: [] };
    groups.set(key, group);
    group.acts.push({ ...act, at });
  }
  return [...groups.values()];
}

// An exception ends the block's subtransaction, and with it what the act did and the role it took; variables stay.
const driver = (acts: readonly Act[], own: readonly string[]): string => `
declare
  groups constant jsonb := ${literal(JSON.stringify(groupsOf(acts)))};
  me constant name := current_user;
  together jsonb; act jsonb; line text; stage text; answer text; seen numeric; changed bigint; held refcursor; ignored record;
  code text; said text; broken text; attribute text; context text; began timestamptz; spent numeric; outcomes jsonb := '{}';
  kind text; circles jsonb := '{}';
begin
  for together in select value from jsonb_array_elements(groups) loop
    begin
      for line in select value from jsonb_array_elements_text(together->'before') loop execute line; end loop;
      for act in select value from jsonb_array_elements(together->'acts') loop
        -- A circle of policies takes seconds to end, and the next act of this kind on this table would meet it again.
        kind := concat_ws(' ', act->>'role', act->>'about', split_part(act->'sql'->>-1, ' ', 1), act ? 'cursor');
        if circles ? kind then
          outcomes := outcomes || jsonb_build_object(act->>'at', circles -> kind);
          continue;
        end if;
        answer := null; seen := null; code := null; said := null; broken := null; spent := 0; stage := 'prepare';
        begin
          if act ? 'cursor' then
            held := '${cursorName}';
            open held for execute act->>'cursor';
            fetch held into ignored;
          end if;
          stage := 'role';
          perform set_config('request.jwt.claims', act->>'claims', true);${own.map((name) => `\n          perform ${ownSetting(name, `act->>'claims'`)};`).join('')}
          if act->>'role' <> 'self' then execute format('set local role %I', act->>'role'); end if;
          stage := 'act';
          began := clock_timestamp();
          for line in select value from jsonb_array_elements_text((act->'sql') - -1) loop execute line; end loop;
          line := act->'sql'->>-1;
          if act->>'measure' = 'rows' then
            execute line;
            get diagnostics changed = row_count;
            answer := changed::text;
          else
            execute line into answer;
          end if;
          spent := extract(epoch from clock_timestamp() - began) * 1000;
          stage := 'observe';
          execute format('set local role %I', me);
          if act ? 'observe' then execute act->>'observe' into seen; end if;
          stage := 'done';
          raise exception using errcode = 'VX000';
        exception when others then
          if stage <> 'done' then
            get stacked diagnostics code = returned_sqlstate, said = message_text, broken = constraint_name,
              attribute = column_name, context = pg_exception_context;
            -- Triggers like to raise check_violation too: that is the app's own rule, not a constraint.
            broken := case when context ~ ' at RAISE' then null else coalesce(nullif(broken, ''), nullif(attribute, '')) end;
            answer := null;
          end if;
        end;
        outcomes := outcomes || jsonb_build_object(act->>'at', jsonb_build_object('stage', stage, 'code', code, 'message', said,
          'constraint', broken, 'result', answer, 'seen', seen, 'milliseconds', round(spent, 3)));
        if stage = 'act' and code in ('42P17', '54001') and act ? 'about' then
          circles := circles || jsonb_build_object(kind, outcomes -> (act->>'at'));
        end if;
      end loop;
      raise exception using errcode = 'VX000';
    exception when others then
      if sqlstate <> 'VX000' then
        get stacked diagnostics code = returned_sqlstate, said = message_text;
        for act in select value from jsonb_array_elements(together->'acts') loop
          outcomes := outcomes || jsonb_build_object(act->>'at', jsonb_build_object('stage', 'prepare', 'code', code,
            'message', said, 'constraint', null, 'result', null, 'seen', null, 'milliseconds', 0));
        end loop;
      end if;
    end;
  end loop;
  perform set_config('voxanne_probe.outcomes', outcomes::text, true);
end`;

const ownSetting = (name: string, claims: string): string =>
  `set_config(${literal(`request.jwt.claim.${name}`)}, coalesce((${claims})::jsonb ->> ${literal(name)}, ''), true)`;

/** The same as a script for psql: it prepares, acts, looks and rolls back. */
export function evidence(settings: Settings, preparation: readonly string[], act: Act): string {
  const lines = [
    'begin',
    ...settingStatements(settings),
    ...preparation,
    ...(act.before ?? []),
    ...(act.cursor === undefined ? [] : [`declare ${cursorName} cursor for ${act.cursor}`, `fetch ${cursorName}`]),
    `select set_config('request.jwt.claims', ${literal(act.claims)}, true)`,
    ...(settings.ownSettings ?? []).map((name) => `select ${ownSetting(name, literal(act.claims))}`),
    ...(act.role === 'self' ? act.sql : [`set local role ${act.role}`, ...act.sql, 'reset role']),
    ...(act.observe === undefined ? [] : [act.observe]),
    'rollback',
  ];
  return lines.map((line) => `${line};\n`).join('');
}
