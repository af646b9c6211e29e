import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier } from '../../../src/database/quote.ts';
import type { Target } from '../../target.ts';
import { isText, primaryColumn, type Survey } from '../survey.ts';
import { assign, randomKey, type UserFacts } from '../values.ts';
import { extraOf } from './given.ts';
import { early, nullable } from './made-by-app.ts';
import type { Names } from './names.ts';
import { insertSql, type Take } from './parts.ts';

export function organizationSql(found: Survey, target: Target, names: Names, facts: UserFacts, take: Take): string {
  const { organizations: o, profiles: p } = names;
  const { table } = o;
  const keyName = table.columns.find((one) => identifier(one.name) === o.key)?.name ?? 'id';
  const makes = o.fills ? {} : keyValue(names);
  const given: Record<string, string> = makes.value === undefined ? {} : { [keyName]: makes.value };
  const made = assign(table, 'organization', given, facts, found.enums, extraOf(found, target, table));
  const list = take(made, 'organization').filter((one) => !(o.fills && one.column === keyName));
  const insert = list.length === 0 ? `insert into ${o.sql} default values` : insertSql(o.sql, list);
  const statement = `    ${insert}\n      returning ${o.key} into v_org;`;
  // Two people of the same name at the same moment: whoever comes second takes another suffix.
  const derived = list.some((one) => one.expression.includes('generate_series'));
  const safe = derived
    ? `    for v_try in 1..5 loop
      begin
    ${statement.replaceAll('\n', '\n    ')}
        exit;
      exception when unique_violation then
        if v_try = 5 then
          raise;
        end if;
      end;
    end loop;`
    : statement;
  const first =
    p?.table != null &&
    list.some((one) => refersTo(table, one.column, p.table)) &&
    (p.org === null || nullable(found, p.table))
      ? `${early(found, target, names, facts)}\n`
      : '';
  return `${first}${safe}
    -- Says until the end of this transaction that nobody but sign-up can have made it.
    perform set_config('voxanne_rollout.sign_up', new.id::text || ' ' || v_org::text, true);`;
}

/** An id for a key that does not fill itself: only for types of which any value will do. */
function keyValue(names: Names): { readonly value?: string } {
  if (names.idType === 'uuid') return { value: 'gen_random_uuid()' };
  const column = primaryColumn(names.organizations.table);
  const made = column === null || !isText(column.base) ? null : randomKey(column);
  return made === null ? {} : { value: made };
}

const refersTo = (table: Table, column: string, other: Table | null): boolean =>
  table.constraints.some(
    (one) =>
      one.type === 'f' &&
      one.columns.join() === column &&
      one.references?.table === other?.name &&
      one.references?.schema === other?.schema,
  );
