import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { plainName } from '../survey/shape.ts';
import type { Survey } from '../survey.ts';

/** How rows of a table without a key refer to rows that belong to somebody. */
export type Link = {
  readonly columns: readonly string[];
  readonly parent: Table;
  readonly parentColumns: readonly string[];
  readonly notNull: boolean;
  /** A foreign key says so; else names and types alone. */
  readonly declared: boolean;
};

const known = new WeakMap<Survey, ReadonlyMap<number, readonly Link[]>>();

/**
 * Links of every table without a key. A link that would close a circle is left out: the policies of a table are asked
 * within those of the tables that refer to it, and PostgreSQL refuses to follow a circle.
 */
export function linksOf(survey: Survey): ReadonlyMap<number, readonly Link[]> {
  const before = known.get(survey);
  if (before !== undefined) return before;
  const owned = new Set(
    [survey.organizations, survey.memberships?.table, ...survey.tenants.map((one) => one.table)].flatMap((table) =>
      table == null ? [] : [table.oid],
    ),
  );
  const excluded = new Set(survey.excluded.map((one) => one.oid));
  const tables = survey.catalog.tables.filter((one) => !excluded.has(one.oid) && one.kind !== 'foreign');
  const keyless = tables.filter((one) => !owned.has(one.oid) && one !== survey.profiles);
  const candidates = new Map(keyless.map((table) => [table.oid, candidatesOf(survey, table, tables)]));

  // Nearest first: how many tables lie between a row and its organization.
  const distance = new Map<number, number>([...owned].map((oid) => [oid, 0]));
  for (let step = 1, grew = true; grew; step++) {
    grew = false;
    for (const table of keyless) {
      if (distance.has(table.oid)) continue;
      const near = (candidates.get(table.oid) ?? []).some((one) => (distance.get(one.parent.oid) ?? step) < step);
      if (near) {
        distance.set(table.oid, step);
        grew = true;
      }
    }
  }
  const links = new Map<number, Link[]>();
  const reaches = (from: number, to: number): boolean =>
    from === to || (links.get(from) ?? []).some((one) => reaches(one.parent.oid, to));
  const all = keyless
    .flatMap((table) => (candidates.get(table.oid) ?? []).map((link) => ({ table, link })))
    .filter(({ link }) => distance.has(link.parent.oid))
    .sort((a, b) => (distance.get(a.link.parent.oid) ?? 0) - (distance.get(b.link.parent.oid) ?? 0));
  for (const { table, link } of all) {
    if (reaches(link.parent.oid, table.oid)) continue;
    links.set(table.oid, [...(links.get(table.oid) ?? []), link]);
  }
  known.set(survey, links);
  return links;
}

function candidatesOf(survey: Survey, table: Table, tables: readonly Table[]): readonly Link[] {
  const column = (of: Table, name: string): Column | undefined => of.columns.find((one) => one.name === name);
  const notNull = (names: readonly string[]): boolean => names.every((name) => column(table, name)?.notNull === true);
  const declared = table.constraints.flatMap((one): readonly Link[] => {
    const parent = tables.find(
      (each) => one.type === 'f' && each.schema === one.references?.schema && each.name === one.references.table,
    );
    if (parent === undefined || parent === table || parent === survey.profiles) return [];
    return [
      {
        columns: one.columns,
        parent,
        parentColumns: one.references?.columns ?? [],
        notNull: notNull(one.columns),
        declared: true,
      },
    ];
  });
  const used = new Set(table.constraints.filter((one) => one.type === 'f').flatMap((one) => one.columns));
  const free = table.columns.filter((one) => !used.has(one.name) && !one.generated);
  const named = tables.flatMap((parent): readonly Link[] => {
    const key = parent.constraints.find((one) => one.type === 'p')?.columns ?? [];
    if (parent === table || parent === survey.profiles || key.length === 0) return [];
    const fits = (mine: Column | undefined, theirs: string): mine is Column =>
      mine !== undefined && mine.base === column(parent, theirs)?.base;
    const [only, ...more] = key;
    if (only === undefined) return [];
    const mine =
      more.length === 0
        ? [free.find((one) => namesOf(parent, only).includes(plainName(one.name)))]
        : key.map((name) => free.find((one) => one.name === name));
    const columns = mine.flatMap((one, index) => (fits(one, key[index] ?? '') ? [one.name] : []));
    if (columns.length !== key.length || parent.schema !== table.schema) return [];
    // A table that shares its whole key with another says nothing by that.
    const own = table.constraints.find((one) => one.type === 'p')?.columns ?? [];
    if (more.length === 0 && own.length === 1 && own[0] === columns[0] && only === columns[0]) return [];
    return [{ columns, parent, parentColumns: key, notNull: notNull(columns), declared: false }];
  });
  return [...declared, ...named];
}

/** How a column that holds this table's key is usually called, in any spelling: `patient_id` for `patients.id`. */
function namesOf(parent: Table, key: string): readonly string[] {
  const [name, own] = [plainName(parent.name), plainName(key)];
  const stems = [name, name.replace(/ies$/, 'y'), name.replace(/(ss|sh|ch|x)es$/, '$1'), name.replace(/s$/, '')];
  const named = [...new Set(stems)].flatMap((stem) => [`${stem}_id`, `${stem}_uuid`, `${stem}_${own}`]);
  // `patients.patient_id`, called the same where it is referred to.
  return /^(id|uuid|key|code|name|slug)$/.test(own) ? named : [...named, own];
}

/** Columns of a table without links that look as if they referred to somebody's row: ids that nothing explains. */
export const unexplained = (table: Table): readonly string[] => {
  const own = new Set(
    table.constraints.filter((one) => one.type === 'p' || one.type === 'f').flatMap((one) => one.columns),
  );
  return table.columns
    .filter((one) => one.base === 'uuid' && !own.has(one.name) && one.default === null && !one.generated)
    .map((one) => one.name);
};
