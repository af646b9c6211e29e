import type { ClientBase } from 'pg';
import type { BatchChange, Change } from '../rollout/change.ts';
import { RolloutError } from '../rollout/errors.ts';
import type { Blocker } from '../rollout/step.ts';
import { literal } from './quote.ts';

/** Whether this role may keep the app's triggers from firing for what it writes. */
export async function maySilenceTriggers(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    `select pg_catalog.current_setting('is_superuser') = 'on'
       or pg_catalog.has_parameter_privilege('session_replication_role', 'SET') as may`,
  );
  return rows[0]?.may === true;
}

/** Values are written past the app's triggers, and restored past them: a guard of the app would stop either half-way. */
const cannotSilence: Blocker = {
  problem:
    'This role may not set session_replication_role, which the rollout needs to write and restore rows without firing the triggers of the app.',
  remedy: 'Connect as a role that may, or grant set on parameter session_replication_role to this one.',
};

type Verb = 'insert' | 'update' | 'delete';
/** Rows that a change or its inverse writes. `column`: the one that an update writes, as quoted. */
type Write = { readonly table: string; readonly verb: Verb; readonly column: string | null };
type Refused = Write & {
  readonly rule?: string;
  readonly code?: string;
  readonly said?: string;
  readonly detail?: string;
};

/**
 * What keeps changes of rows, or their rollback, from being written: a publication that publishes what the replica
 * identity does not cover, a missing privilege, a generated column, a rule that does something else instead. Found before
 * anything is changed, since a rollback would stop half-way at the same place.
 *
 * The server itself is asked: it looks at all of this but rules when it begins a statement, and EXPLAIN begins one
 * without doing anything. One round trip, with no lock that anybody notices.
 */
export async function cannotWrite(client: ClientBase, changes: readonly Change[]): Promise<readonly Blocker[]> {
  const quiet = changes.some((one) => one.kind === 'batches' && one.quiet && one.write.kind === 'update');
  const silence = quiet && !(await maySilenceTriggers(client)) ? [cannotSilence] : [];
  const writes = changes.flatMap(writesOf);
  const distinct = [...new Map(writes.map((one) => [JSON.stringify(one), one])).values()];
  if (distinct.length === 0) return silence;
  const answers: unknown = await client.query(`${question(distinct)} ${answer}`);
  const last = (Array.isArray(answers) ? answers.at(-1) : answers) as { rows: { refused: Refused[] }[] };
  return [...silence, ...(last.rows[0]?.refused ?? []).map(blockerOf)];
}

/** The same for one change that is about to be made. To be called inside a transaction that is rolled back on an error. */
export async function requireReversible(client: ClientBase, change: BatchChange): Promise<void> {
  const [first] = await cannotWrite(client, [change]);
  if (first === undefined) return;
  throw new RolloutError(
    first.problem,
    `${first.remedy} Then run the same command again; nothing of this change was done.`,
    {
      ...(first.detail === undefined ? {} : { detail: first.detail }),
    },
  );
}

/** What a change writes, and what taking it back writes. */
function writesOf(change: Change): readonly Write[] {
  if (change.kind === 'file') return [];
  if (change.kind === 'sql') return [...statementsOf(change.up), ...statementsOf(change.down)];
  const { table, write } = change;
  if (write.kind === 'update') return [{ table, verb: 'update', column: write.column }];
  return [
    { table, verb: 'insert', column: null },
    { table, verb: 'delete', column: null },
  ];
}

/** Statements that write rows of a table; bodies of functions are not run now, and are passed over. */
function statementsOf(sql: string): readonly Write[] {
  const plain = sql.replace(/(\$\w*\$)[\s\S]*?\1/g, '').replace(/'(?:[^']|'')*'/g, "''");
  const head =
    /(?:^|;)\s*(update|delete\s+from|insert\s+into)\s+(?:only\s+)?((?:"(?:[^"]|"")+"|\w+)\.(?:"(?:[^"]|"")+"|\w+))/gi;
  return [...plain.matchAll(head)].map(([, verb = '', table = '']) => ({
    table,
    verb: (verb.toLowerCase().split(/\s/)[0] ?? 'update') as Verb,
    column: null,
  }));
}

const question = (writes: readonly Write[]): string => `do $asked$
declare
  one jsonb; relation regclass; col text; rule text; code text; said text; detail text; found jsonb := '[]';
begin
  for one in select value from pg_catalog.jsonb_array_elements(${literal(JSON.stringify(writes))}::jsonb) loop
    relation := pg_catalog.to_regclass(one->>'table');
    continue when relation is null;
    select pg_catalog.string_agg(r.rulename, ', ' order by r.rulename) into rule from pg_catalog.pg_rewrite r
      where r.ev_class = relation and r.is_instead and r.ev_enabled <> 'D'
        and r.ev_type = case one->>'verb' when 'update' then '2' when 'insert' then '3' else '4' end::"char";
    if rule is not null then
      found := found || pg_catalog.jsonb_build_array(one || pg_catalog.jsonb_build_object('rule', rule));
      continue;
    end if;
    -- A column that an earlier change is still to make says nothing; any other tells of the table.
    select coalesce(
        max(pg_catalog.quote_ident(a.attname)) filter (where pg_catalog.quote_ident(a.attname) = one->>'column' or '"' || a.attname || '"' = one->>'column'),
        min(pg_catalog.quote_ident(a.attname)) filter (where a.attgenerated = '' and a.attidentity = ''
          and pg_catalog.has_column_privilege(relation, a.attnum, 'update')),
        min(pg_catalog.quote_ident(a.attname)) filter (where a.attgenerated = '' and a.attidentity = ''))
      into col from pg_catalog.pg_attribute a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped;
    begin
      execute case one->>'verb'
        when 'update' then pg_catalog.format('explain update %s t set %s = t.%s where (select false)', relation, col, col)
        when 'delete' then pg_catalog.format('explain delete from %s t where (select false)', relation)
        else pg_catalog.format('explain insert into %s select * from %s where false', relation, relation) end;
    exception when others then
      get stacked diagnostics code = returned_sqlstate, said = message_text, detail = pg_exception_detail;
      if code in ('55000', '42P10', '42501') or (code = '428C9' and one->>'verb' = 'update') then
        found := found || pg_catalog.jsonb_build_array(one
          || pg_catalog.jsonb_build_object('code', code, 'said', said, 'detail', detail));
      end if;
    end;
  end loop;
  perform pg_catalog.set_config('voxanne_rollout.cannot_write', found::text, true);
end $asked$;`;

/** One message is one transaction: the setting lives as long as it, and no longer. */
const answer = `select pg_catalog.current_setting('voxanne_rollout.cannot_write')::jsonb as refused`;

function blockerOf({ table, verb, rule, code, said = '', detail = '' }: Refused): Blocker {
  if (rule !== undefined) {
    return {
      problem: `The rule ${rule} of ${table} replaces ${verb === 'insert' ? 'an insert' : `${verb === 'update' ? 'an' : 'a'} ${verb}`} with something else, so rows there can be neither written nor rolled back.`,
      remedy: `Disable it for the duration of the rollout: alter table ${table} disable rule ${rule.split(', ')[0]}.`,
    };
  }
  const more = detail === '' ? {} : { detail };
  if (code === '42501') {
    return {
      problem: `This role cannot ${verb} rows of ${table}, which the step or its rollback does: ${said}.`,
      remedy: 'Connect as the owner of that table, or grant what is missing.',
      ...more,
    };
  }
  if (code === '428C9') {
    return {
      problem: `The organization column of ${table} is computed by the table, so no step can write it: ${said}.`,
      remedy: 'Make it an ordinary column first, or leave the table out with "exclude" in the configuration file.',
      ...more,
    };
  }
  return {
    problem: `What is written to ${table} could not be rolled back: ${said}.`,
    remedy: `Give the table a replica identity that covers what its publications look at: alter table ${table} replica identity full.`,
    ...more,
  };
}
