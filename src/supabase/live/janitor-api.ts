import { RolloutError } from '../../rollout/errors.ts';
import type { Api } from './client.ts';
import type { Janitor, ProbeUser, Removed } from './janitor.ts';
import { markerKey, markerPattern, markerPrefix } from './marker.ts';
import { type Outcome, perform, refusal } from './outcome.ts';
import { type JsonRow, type LiveOptions, type LiveTable, nameOf } from './types.ts';

/** Pages of the list of users that are looked through: the newest come first, and a probe's are new. */
const mostPages = 10;
const perPage = 1000;
const marked = new RegExp(markerPattern);

/** The service key passes row security, and the admin API removes users. */
export function apiJanitor(options: LiveOptions, service: Api): Janitor {
  const { organizations, profiles, memberships } = options;
  const from = (table: { readonly schema: string; readonly table: string }) =>
    service.schema(table.schema).from(table.table);
  const orgs = options.tables.find((table) => nameOf(table) === nameOf(organizations));

  const toUser = (user: {
    readonly id: string;
    readonly email?: string | undefined;
    readonly created_at: string;
    readonly user_metadata: Readonly<Record<string, unknown>>;
  }): readonly ProbeUser[] => {
    const marker = new RegExp(`^(${markerPattern})@`).exec(user.email ?? '')?.[1];
    if (marker === undefined || user.user_metadata[markerKey] === undefined) return [];
    return [{ id: user.id, marker, createdAt: user.created_at }];
  };

  const values = async (
    table: { readonly schema: string; readonly table: string },
    column: string,
    by: string,
    given: readonly string[],
  ): Promise<readonly string[]> => {
    if (given.length === 0) return [];
    const outcome = await perform(
      from(table)
        .select(column)
        .in(by, [...given]),
    );
    refuse(outcome);
    return outcome.rows.flatMap((row) => (row[column] == null ? [] : [String(row[column])]));
  };

  return {
    users: async (ids) => {
      const found = new Map<string, ProbeUser>();
      for (const id of ids) {
        const { data } = await service.auth.admin.getUserById(id);
        if (data.user !== null) for (const user of toUser(data.user)) found.set(user.id, user);
      }
      for (let page = 1; page <= mostPages; page++) {
        const { data, error } = await service.auth.admin.listUsers({ page, perPage });
        if (error !== null) {
          throw new RolloutError(
            `The auth API does not list the users: ${error.message}`,
            'Look at the service key; it must be one of this project, and be given together with its URL.',
            { kind: 'outside', cause: error },
          );
        }
        for (const user of data.users.flatMap(toUser)) found.set(user.id, user);
        if (data.users.length < perPage) break;
      }
      return [...found.values()];
    },
    organizationsOf: async (users) => {
      const found: string[] = [];
      for (const { id } of users) {
        const { data } = await service.auth.admin.getUserById(id);
        const org: unknown = data.user?.app_metadata.org_id;
        if (typeof org === 'string') found.push(org);
      }
      const ids = users.map(({ id }) => id);
      if (profiles !== null) found.push(...(await values(profiles, profiles.orgColumn, profiles.idColumn, ids)));
      if (memberships !== null)
        found.push(...(await values(memberships, memberships.orgColumn, memberships.userColumn, ids)));
      return [...new Set(found)];
    },
    markedOrganizations: async () => {
      const texts = (orgs?.facts.columns ?? []).filter(
        ({ base, name }) => (base === 'text' || base === 'character varying') && /^[a-z_][a-z0-9_]*$/.test(name),
      );
      if (texts.length === 0) return [];
      const filter = texts.map(({ name }) => `${name}.like.*${markerPrefix}*`).join(',');
      const outcome = await perform(from(organizations).select('*').or(filter));
      refuse(outcome);
      return outcome.rows
        .filter((row) => marked.test(JSON.stringify(row)))
        .flatMap((row) => (row[organizations.key] == null ? [] : [String(row[organizations.key])]));
    },
    isProbes: async (organization, users) => {
      const ids = users.map(({ id }) => id);
      const outcome = await perform(from(organizations).select('*').eq(organizations.key, organization));
      refuse(outcome);
      const [row] = outcome.rows;
      if (row === undefined) return false;
      const created = typeof row.created_at === 'string' ? Date.parse(row.created_at) : Number.NaN;
      const earliest = Math.min(...users.map(({ createdAt }) => Date.parse(createdAt)));
      if (!marked.test(JSON.stringify(row)) && !(created >= earliest)) return false;
      for (const one of [
        profiles === null ? null : { ...profiles, userColumn: profiles.idColumn },
        memberships === null ? null : memberships,
      ]) {
        if (one === null) continue;
        const inIt = await values(one, one.userColumn, one.orgColumn, [organization]);
        if (inIt.some((id) => !ids.includes(id))) return false;
      }
      return true;
    },
    removeBy: async (table, column, given) =>
      given.length === 0
        ? { count: 0, problem: null }
        : removed(
            await perform(
              from(table)
                .delete()
                .in(column, [...given])
                .select(column),
            ),
          ),
    removeRow: async (table, key) =>
      removed(await perform(from(table).delete().match(key).select(Object.keys(key).join(',')))),
    valuesOf: values,
    countBy: async (table, column, given) => (await values(table, column, column, given)).length,
    textsOf: async (table: LiveTable, key: JsonRow) => {
      const outcome = await perform(from(table).select('*').match(key));
      refuse(outcome);
      return outcome.rows.map((row) => JSON.stringify(row));
    },
    countRow: async (table: LiveTable, key: JsonRow) => {
      const outcome = await perform(from(table).select(Object.keys(key).join(',')).match(key));
      refuse(outcome);
      return outcome.rows.length;
    },
    removeUser: async (id) => {
      const { error } = await service.auth.admin.deleteUser(id);
      if (error === null) return { count: 1, problem: null };
      return error.status === 404 ? { count: 0, problem: null } : { count: 0, problem: error.message };
    },
  };
}

const removed = (outcome: Outcome): Removed =>
  outcome.code === null ? { count: outcome.rows.length, problem: null } : { count: 0, problem: refusal(outcome) };

/** A table that the API does not serve holds nothing that came through it; any other refusal ends the clean-up. */
function refuse(outcome: Outcome): void {
  if (outcome.code === null || outcome.code === 'PGRST205' || outcome.code === 'PGRST106') return;
  throw new RolloutError(
    `The probe's rows cannot be looked for: ${refusal(outcome)}.`,
    'Give the database connection beside the service key, and verify again.',
    { kind: 'outside' },
  );
}
