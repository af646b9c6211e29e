import type { Column, Table } from '../../../src/database/catalog/types.ts';
import { isPlatformRole } from '../../../src/isolation/platform-role.ts';
import { foreignKeyOf, plainName } from './shape.ts';
import type { Memberships } from './types.ts';

/** What roles of an organization are called, and which of them is which. Roles are compared without case. */

const owners = [
  'owner',
  'org_owner',
  'organization_owner',
  'account_owner',
  'tenant_owner',
  'clinic_owner',
  'founder',
  ...[
    'propietario',
    'dueño',
    'dueno',
    'proprietário',
    'proprietario',
    'dono',
    'propriétaire',
    'proprietaire',
    'inhaber',
  ],
];
const admins = [
  'admin',
  'org_admin',
  'administrator',
  'clinic_admin',
  'organization_admin',
  'tenant_admin',
  'superadmin',
  'super_admin',
  'principal',
  'director',
  ...['administrador', 'administrateur'],
];
const members = [
  'member',
  'user',
  'staff',
  'employee',
  'agent',
  'team_member',
  'basic_member',
  'viewer',
  'guest',
  'read_only',
  'readonly',
  ...['miembro', 'membro', 'membre', 'mitglied', 'usuario', 'usuário', 'empleado', 'funcionário', 'funcionario'],
];

/** Names of roles that own or run an organization, and of those that belong to it, the most usual first. */
export const ownerNames: readonly string[] = [...owners, ...admins];
export const memberNames: readonly string[] = members;

const find = (allowed: readonly string[], wanted: readonly string[]): string | undefined => {
  const known = wanted.flatMap((name) => allowed.filter((one) => same(one, name)));
  return known[0];
};

const same = (one: string, other: string): boolean => plain(one) === plain(other);
const plain = (role: string): string => role.toLowerCase().replace(/[\s-]+/g, '_');

/** A role that owns or runs an organization, by its name. */
export const runsOrganization = (role: string): boolean => ownerNames.some((one) => same(one, role));

/** Whether somebody who makes an organization can be given one of these roles: one runs it, and no more than that. */
export const hasFounder = (allowed: readonly string[]): boolean =>
  allowed.some((one) => runsOrganization(one) && !isPlatformRole(one));

/** The role of somebody who made their own organization, as the column writes it. */
export const ownerRole = (allowed: readonly string[]): string =>
  allowed.length === 0 ? 'owner' : (find(allowed, owners) ?? find(allowed, admins) ?? allowed[0] ?? 'owner');

/** Whether these roles, or roles that nothing limits, have one that owns an organization rather than runs it. */
export const hasOwners = (allowed: readonly string[]): boolean =>
  allowed.length === 0 || find(allowed, owners) !== undefined;

/** The role of somebody who joined an organization that others made, as the column writes it. */
export const memberRole = (allowed: readonly string[]): string =>
  allowed.length === 0
    ? 'member'
    : (find(allowed, members) ??
      allowed.findLast((one) => !runsOrganization(one) && !isPlatformRole(one)) ??
      allowed.findLast((one) => !isPlatformRole(one)) ??
      allowed.at(-1) ??
      'member');

/** Roles beside the owner's that run an organization, as the column writes them. */
export const adminRoles = (allowed: readonly string[]): readonly string[] => {
  const owner = ownerRole(allowed);
  return allowed.length === 0
    ? ['admin']
    : allowed.filter((one) => one !== owner && admins.some((name) => same(one, name)));
};

export const roleNames = [
  'role',
  'member_role',
  'org_role',
  'user_role',
  'membership_role',
  'role_name',
  'access_level',
  'permission_level',
  ...['rol', 'papel', 'rolle'],
];

/** The column of a table that names a role by its label: `role`, a usual name, or the one column called `…_role`. */
export const roleColumnOf = (table: Table): Column | null =>
  [
    ...roleNames.flatMap((name) => table.columns.filter((column) => plainName(column.name) === name)),
    ...onlyRole(table),
  ].find(
    (column) =>
      foreignKeyOf(table, column.name) === null &&
      !column.base.startsWith('uuid') &&
      !/^(int|big|small)/.test(column.base),
  ) ?? null;

function onlyRole(table: Table): readonly Column[] {
  const named = table.columns.filter(
    (one) => /_role$/.test(plainName(one.name)) && !/^(system|platform|global|db)_/.test(plainName(one.name)),
  );
  return named.length === 1 ? named : [];
}

/** The table of roles, where a membership refers to one. */
export function roleTableOf(table: Table, tables: readonly Table[]): Memberships['roleTable'] {
  for (const column of table.columns.filter((one) => /role/i.test(one.name))) {
    const target = foreignKeyOf(table, column.name)?.references;
    const roles = tables.find((one) => one.schema === target?.schema && one.name === target.table);
    const key = target?.columns[0];
    const label = ['name', 'slug', 'key', 'code', 'label', 'title', 'role'].find(
      (name) => roles?.columns.some((one) => one.name === name) === true,
    );
    if (roles !== undefined && key !== undefined && label !== undefined)
      return { table: roles, column: column.name, key, label };
  }
  return null;
}

/** Values that a column accepts by its enum type or by a CHECK over it alone; empty when nothing restricts it. */
export function allowedValues(
  table: Table,
  column: Column,
  enums: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const labels = enums.get(column.base) ?? enums.get(column.type);
  if (labels !== undefined) return labels;
  const check = table.constraints.find((one) => one.type === 'c' && one.columns.join() === column.name);
  const rule = (check?.definition ?? '').replace(/IS NOT NULL/g, '');
  if (/\bNOT\b/.test(rule)) return [];
  // A pattern, a length or a text that is excluded is no list of values.
  const lists = [...rule.matchAll(/ = ANY \(+ARRAY\[(.*?)\]/g)].map(([, inside]) => inside ?? '');
  const single = [...rule.matchAll(/ = ('(?:[^']|'')*')::/g)].map(([, value]) => value ?? '');
  return [...lists, ...single].flatMap((text) =>
    [...text.matchAll(/'((?:[^']|'')*)'/g)].map(([, value]) => (value ?? '').replaceAll("''", "'")),
  );
}
