import { nameOf } from './shape.ts';
import type { Survey } from './types.ts';

/** Quotes a part that holds a dot, as the configuration file wants it. */
const written = (table: { readonly schema: string; readonly name: string }): string =>
  [table.schema, table.name].map((part) => (/[."\s]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part)).join('.');

/** What the survey found, as the `names` of a configuration file: the same result for every later run. */
export function namesOf(found: Survey): Readonly<Record<string, unknown>> {
  const { memberships, organizations, profiles, tenants, unclear, to } = found;
  // A name that is a key here and something else there is told apart by table.
  const apart = new Set(unclear.filter((one) => found.from.includes(one.column.name)).map((one) => one.table));
  const keys = [...apart].map((table) => [
    written(table),
    tenants.find((one) => one.table === table)?.key.name ?? null,
  ]);
  const asked = (setting: string): boolean => found.questions.some((one) => one.remedy.includes(`names.${setting}`));
  const condition = (sql: string): string | null => (sql === 'true' ? null : sql);
  return {
    to,
    ...(found.from.length === 0 ? {} : { from: found.from }),
    ...(keys.length === 0 ? {} : { keys: Object.fromEntries(keys) }),
    organizations: organizations === null ? null : written(organizations),
    profiles: profiles === null ? (asked('profiles') ? null : 'none') : written(profiles),
    memberships: memberships === null ? (asked('memberships') ? null : 'none') : written(memberships.table),
    ...(found.truth === 'none' || asked('activeMembership')
      ? {}
      : { activeMembership: condition((memberships ?? found.profileCounts).active('m')) }),
    ...(asked('livingOrganization') ? {} : { livingOrganization: condition(found.living('o')) }),
  };
}

/** What was found and why, a sentence each. */
export const asSentences = (found: Survey): readonly string[] => [
  ...found.evidence.map(({ what, because }) => `${what}: ${because}.`),
  ...found.unclear.map((one) => `${nameOf(one.table)}.${one.column.name} is left alone: ${one.reason}.`),
];
