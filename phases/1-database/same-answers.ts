import type { ClientBase } from 'pg';
import type { DbFunction } from '../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../src/database/quote.ts';
import { primaryColumn, type Survey } from './survey.ts';

/** SQL around a rename that proves a function answers as before, and why a function could not be asked. */
export type SameAnswers = { readonly before: string; readonly after: string; readonly unasked: readonly string[] };

/**
 * A function that catches every error fails in silence when a name in it goes wrong: a token hook then gives tokens
 * without claims, and nobody sees an error. Such functions are called on real ids before and after the rename, inside
 * the rename's own transaction; another answer stops it. What a call writes is undone at once by a subtransaction.
 */
export async function sameAnswers(
  client: ClientBase,
  found: Survey,
  signatures: readonly string[],
  accepted: readonly string[] = [],
): Promise<SameAnswers> {
  if (signatures.length === 0) return { before: '', after: '', unasked: [] };
  const ids = await sampleIds(client, found);
  const unasked: string[] = [];
  const calls: { readonly name: string; readonly sql: string }[] = [];
  for (const signature of signatures) {
    const one = found.catalog.functions.find((each) => each.signature === signature);
    const own = one === undefined ? null : callsOf(one, ids);
    if (own === null) unasked.push(signature);
    else calls.push(...own.map((sql) => ({ name: signature, sql })));
  }
  const path = `set local search_path = public, extensions;`;
  // The whole answer counts, its beginning is for people.
  const ask = (sql: string, into: string): string =>
    `begin select md5(coalesce(jsonb_agg(x)::text, '')) || coalesce(left(jsonb_agg(x)::text, 160), '') into ${into} from ${sql} x; raise exception '%', ${into}; exception when others then ${into} := sqlerrm; end;`;
  const judged = calls.filter((one) => !accepted.some((each) => each === one.name || each === bare(one.name)));
  return {
    before: [
      path,
      ...judged.map(
        ({ sql }, index) =>
          // One that answers differently each time (a time, a new id) cannot be compared.
          `do $ask$ declare answer text; again text; begin ${ask(sql, 'answer')} ${ask(sql, 'again')} perform set_config('voxanne_rollout.answer_${index}', case when answer = again then answer else '' end, true); end $ask$;`,
      ),
      `set local search_path = '';`,
    ].join('\n'),
    after: [
      path,
      ...judged.map(
        ({ name, sql }, index) =>
          `do $ask$ declare answer text; was text := current_setting('voxanne_rollout.answer_${index}'); begin ${ask(sql, 'answer')} if was <> '' and answer is distinct from was then raise exception using message = ${literal(`${name} gives another answer after the rename, and it swallows its errors`)}, hint = ${literal(`Let it read the columns by name instead of whole rows or texts, and not hide every error; or, if the new answer is right, go on with --accept-answers ${bare(name)} (decisions.acceptAnswers).`)}, detail = concat(${literal(`asked: select ${sql}; before: `)}, case when was ~ '^[0-9a-f]{32}' then substr(was, 33) else was end, '; after: ', case when answer ~ '^[0-9a-f]{32}' then substr(answer, 33) else answer end); end if; end $ask$;`,
      ),
      `set local search_path = '';`,
    ].join('\n'),
    unasked,
  };
}

/** Arguments have commas, as lists of a flag do. */
const bare = (signature: string): string => signature.replace(/\(.*$/s, '');

type SampleIds = { readonly user: string | null; readonly organizations: readonly string[] };

async function sampleIds(client: ClientBase, found: Survey): Promise<SampleIds> {
  const { rows: users } = await client.query<{ id: string }>('select id from auth.users order by created_at limit 1');
  if (found.organizations === null) return { user: users[0]?.id ?? null, organizations: [] };
  const key = identifier(primaryColumn(found.organizations)?.name ?? 'id');
  const { rows: organizations } = await client.query<{ id: string }>(
    `select ${key}::text as id from ${qualified(found.organizations.schema, found.organizations.name)} order by 1 limit 2`,
  );
  return { user: users[0]?.id ?? null, organizations: organizations.map((row) => row.id) };
}

/** Calls with arguments that mean something; null where none can be made up, as for triggers. */
function callsOf(one: DbFunction, ids: SampleIds): readonly string[] | null {
  if (one.returns === 'trigger' || one.returns === 'event_trigger' || one.kind !== 'function') return null;
  const inputs = one.arguments.filter(
    (argument) => argument.mode === 'i' || argument.mode === 'b' || argument.mode === 'v',
  );
  const known = inputs.map((argument) => values(argument.type, ids));
  if (known.some((list) => list.length === 0)) return null;
  const rounds = Math.max(1, ...known.map((list) => list.length));
  return Array.from(
    { length: rounds },
    (_, round) =>
      `${qualified(one.schema, one.name)}(${known.map((list) => list[round % list.length] ?? 'null').join(', ')})`,
  );
}

function values(type: string, ids: SampleIds): readonly string[] {
  const { user, organizations } = ids;
  if (type === 'uuid') return [...organizations, ...(user === null ? [] : [user])].map((id) => `${literal(id)}::uuid`);
  if (type === 'jsonb' || type === 'json') {
    // The shape that the auth server gives to an access-token hook.
    const event = {
      user_id: user,
      claims: { sub: user, role: 'authenticated', app_metadata: {}, user_metadata: {} },
      authentication_method: 'password',
    };
    return [`${literal(JSON.stringify(event))}::${type}`];
  }
  if (/^(text|character varying)/.test(type)) return organizations.slice(0, 1).map((id) => `${literal(id)}::${type}`);
  if (/^(integer|bigint|smallint|numeric)/.test(type)) return [`1::${type}`];
  if (type === 'boolean') return [`false`];
  return /^timestamp|^date$/.test(type) ? [`now()::${type}`] : [];
}
