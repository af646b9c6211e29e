import type { ClientBase } from 'pg';
import { decide } from '../../../src/config/answers.ts';
import { identifier, literal } from '../../../src/database/quote.ts';
import { mentions } from '../../../src/database/words.ts';
import type { BatchChange, SqlChange } from '../../../src/rollout/change.ts';
import type { Blocker, Note } from '../../../src/rollout/step.ts';
import { plural } from '../../../src/rollout/text.ts';
import { isText, primaryColumn, type Survey, type TenantTable } from '../survey.ts';
import { findValues, sqlOf, walkingKey } from './facts.ts';

export type EmptyKeys = {
  readonly changes: readonly (SqlChange | BatchChange)[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly Note[];
  /** The survey as it is after these changes: such a column has no default and may be NULL. */
  readonly survey: Survey;
  /** Ids of the changes of a table whose empty texts go; null where it has none. */
  readonly of: (tenant: TenantTable) => readonly string[] | null;
};

/**
 * An empty text in an organization column: some apps write it where others write NULL, for a row or a user of no
 * organization. No foreign key holds it. Where that is decided it becomes NULL, and so does what is written from now on.
 */
export async function planEmptyKeys(client: ClientBase, found: Survey, asNull: boolean): Promise<EmptyKeys> {
  const blockers: Blocker[] = [];
  const notes: Note[] = [];
  const changes: (SqlChange | BatchChange)[] = [];
  const emptied = new Map<string, readonly string[]>();
  const nothing: EmptyKeys = { changes, blockers, notes, survey: found, of: () => null };
  const { organizations } = found;
  const primary = primaryColumn(organizations);
  if (organizations === null || primary === null) return nothing;
  if (isText(primary.base)) {
    const named = await findValues(client, `${sqlOf(organizations)} o`, `o.${identifier(primary.name)} = ''`, `''`);
    if (named.count > 0) return nothing;
  }
  for (const tenant of found.tenants) {
    const { table, key } = tenant;
    if (!isText(key.base) || table.isPartition || table.kind === 'foreign' || key.generated) continue;
    const column = identifier(key.name);
    const byDefault = /^''(::|$)/.test(key.default ?? '');
    const rows = await findValues(client, `${tenant.sql} t`, `t.${column}::text = ''`, `''`);
    if (rows.count === 0 && !byDefault) continue;
    const label = `${table.schema}.${table.name}`;
    const said = `${rows.count === 0 ? 'New rows' : plural(rows.count, 'row')} of ${label} ${rows.count === 1 ? 'holds' : 'hold'} an empty text in ${key.name}${rows.count === 0 ? ' by default' : ''}, which names no organization`;
    const readers = comparing(found, tenant);
    const compared =
      readers.length === 0
        ? []
        : [`-- These compare with an empty text, and have to ask for NULL then: ${readers.join('; ')}`];
    emptied.set(label, []);
    if (!asNull) {
      blockers.push({
        problem: `${said}.`,
        remedy:
          'Let an empty text mean "no organization" with --empty-keys null (decisions.emptyKeys), or correct the rows by hand with the SQL below.',
        detail: [
          `alter table ${tenant.sql} alter column ${column} drop default, alter column ${column} drop not null;`,
          `update ${tenant.sql} set ${column} = null where ${column}::text = '';`,
          ...compared,
        ].join('\n'),
        answers: [
          decide(
            'emptyKeys',
            'null',
            'Such a column becomes NULL, now and whenever an empty text is written to it; a rollback brings the texts back.',
          ),
        ],
      });
      continue;
    }
    const walk = walkingKey(table);
    if (walk === null && rows.count > 0) {
      blockers.push({
        problem: `${said}, and the table has no unique NOT NULL column to walk by.`,
        remedy: 'Give the table a primary key, or correct the rows by hand.',
      });
      continue;
    }
    const own = [
      allow(found, tenant, label, byDefault),
      ...(walk === null || rows.count === 0 ? [] : [clear(found, tenant, label, walk)]),
    ];
    if (changes.length === 0 && !tenant.text) changes.push(helper(found));
    changes.push(...own);
    emptied.set(
      label,
      own.map((one) => one.id),
    );
    notes.push({
      text: `${said}: it becomes NULL, as decided.${tenant.text ? ` ${label}.${found.to} becomes uuid, which takes no empty text: code that writes one fails from then on.` : ''}`,
      ...(compared.length === 0 ? {} : { detail: compared.join('\n') }),
    });
  }
  const names = ({ table }: TenantTable): string => `${table.schema}.${table.name}`;
  return {
    changes,
    blockers,
    notes,
    survey: {
      ...found,
      tenants: found.tenants.map((one) =>
        (emptied.get(names(one)) ?? []).length > 0
          ? { ...one, key: { ...one.key, default: null, notNull: false } }
          : one,
      ),
    },
    of: (tenant) => emptied.get(names(tenant)) ?? null,
  };
}

const functionName = (found: Survey): string => `public.${identifier(`empty_${found.to}_is_null`)}`;

const helper = (found: Survey): SqlChange => ({
  kind: 'sql',
  id: `function ${functionName(found)}`,
  title: `Create ${functionName(found)}(): an empty text in ${found.to} is no organization`,
  mode: 'transaction',
  up: `create function ${functionName(found)}() returns trigger language plpgsql set search_path = '' as $function$
begin
  new.${identifier(found.to)} := null;
  return new;
end
$function$;
revoke all on function ${functionName(found)}() from public, anon, authenticated, service_role;`,
  down: `drop function ${functionName(found)}();`,
});

/** The column takes NULL, and an empty text becomes one on its way in; of a column that is to be uuid no text comes in. */
function allow(found: Survey, tenant: TenantTable, label: string, byDefault: boolean): SqlChange {
  const column = identifier(found.to);
  const { notNull, default: value } = tenant.key;
  const alter = (...parts: readonly (string | false)[]): string => {
    const list = parts.filter((one) => one !== false);
    return list.length === 0
      ? ''
      : `alter table ${tenant.sql} ${list.map((one) => `alter column ${column} ${one}`).join(', ')};`;
  };
  const trigger = identifier(`empty_${found.to}`);
  return {
    kind: 'sql',
    id: `empty keys ${label}`,
    title: `Let ${label}.${found.to} be NULL in place of an empty text`,
    mode: 'transaction',
    up: [
      alter(byDefault && 'drop default', notNull && 'drop not null'),
      tenant.text
        ? ''
        : `create trigger ${trigger} before insert or update of ${column} on ${tenant.sql} for each row when (new.${column}::text = '') execute function ${functionName(found)}();`,
    ].join('\n'),
    down: [
      tenant.text ? '' : `drop trigger ${trigger} on ${tenant.sql};`,
      alter(byDefault && `set default ${value}`, notNull && 'set not null'),
    ].join('\n'),
  };
}

const clear = (
  found: Survey,
  tenant: TenantTable,
  label: string,
  key: NonNullable<ReturnType<typeof walkingKey>>,
): BatchChange => ({
  kind: 'batches',
  id: `empty values ${label}`,
  title: `Put NULL in place of empty texts in ${label}.${found.to}`,
  table: tenant.sql,
  key,
  write: {
    kind: 'update',
    column: identifier(found.to),
    type: tenant.key.type,
    where: `t.${identifier(found.to)}::text = ''`,
    value: `null::${tenant.key.type}`,
    clears: true,
  },
  quiet: true,
  after: [`empty keys ${label}`],
});

/** Policies of the table, and functions that name it, which compare something with an empty text. */
function comparing(found: Survey, { table }: TenantTable): readonly string[] {
  const empty = /(?<![<>!])=\s*''(?!')/;
  const policies = found.catalog.policies
    .filter((one) => one.schema === table.schema && one.table === table.name)
    .filter((one) => empty.test(`${one.using ?? ''} ${one.check ?? ''}`))
    .map((one) => `policy ${literal(one.name)}`);
  const functions = found.catalog.functions
    .filter((one) => empty.test(one.body) && mentions(one.body, table.name))
    .map((one) => one.signature);
  return [...policies, ...functions];
}
