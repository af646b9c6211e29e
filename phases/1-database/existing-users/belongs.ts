import type { Table } from '../../../src/database/catalog/types.ts';
import { identifier, literal, qualified } from '../../../src/database/quote.ts';
import type { Target } from '../../target.ts';
import { idFrom, type Names, namesOf } from '../sign-up/names.ts';
import { ownerNames } from '../survey/roles.ts';
import { isUnique } from '../survey/shape.ts';
import { primaryColumn, type Survey, tenantOf } from '../survey.ts';
import { lengthOf, makesIds } from '../values.ts';
import { ownerColumn } from './owners.ts';
import { stampId } from './stamps.ts';

/** Users who need an organization: not deleted, and not anonymous unless the operator wants it. */
export const realUser = (target: Target, alias = 'u'): string =>
  `${alias}.deleted_at is null${target.config.decisions.anonymousUsers === 'no-organization' ? ` and not ${alias}.is_anonymous` : ''}`;

/**
 * Where user `u` of `auth.users` belongs, as SQL. Memberships that count decide; where a user has none, a profile that
 * only the server writes, then a stamp, which only the service key can have written, then what they own. What ended
 * proves nothing.
 */
export type Belongs = {
  readonly names: Names;
  /** Users with their memberships as `mm`, to be read as a whole: the memberships are grouped once. */
  readonly whole: string;
  /** Joins the memberships of `u` alone: for one user or a batch. Every expression below needs this or `whole`. */
  readonly each: string;
  /** Conditions over `mm`: some membership counts; one in this organization does. Null without memberships. */
  readonly member: { readonly any: string; readonly in: (id: string) => string } | null;
  /** The organization of `u`, or null. `own`: the one made for an orphan counts. */
  readonly org: (own: boolean) => string;
  /** `u` is a member of several organizations, and neither stamp nor profile says which one is theirs. */
  readonly ambiguous: string;
  /** Profile and stamp of `u` name different organizations, both exist, and no membership decides. */
  readonly torn: string;
  /** The only thing that names an organization for `u` is a profile that its user may write. */
  readonly selfWritten: string;
  /** `u` had a membership or a profile of an organization that is closed, or a membership that ended; nothing else. */
  readonly ended: string;
  /** Of a table that holds people who are not members: a row of it is `u`. Or the profile of `u` is their membership and ended. */
  readonly outsider: string;
  /** The latter: it is the only profile that `u` can have, so that they are made nobody's member again. */
  readonly closedProfile: string;
  /** The id of the organization that an orphan gets: from the user's own id, so that every later change finds it again. */
  readonly own: string;
  /** What the profile of `u` names, open or not. */
  readonly profileId: string;
  /** SQL condition: a membership's key column names the organization whose id the expression gives. */
  readonly sameOrganization: (column: string, id: string) => string;
};

export function belongsOf(
  found: Survey,
  when: 'now' | 'then',
  target: Target,
  selfWritable: boolean,
  portals: readonly Portal[],
): Belongs | null {
  const names = namesOf(found, when, target);
  if (names === null) return null;
  const { organizations: o, profiles: p, memberships: m, idType } = names;
  const trusted = !selfWritable || target.config.decisions.trustProfiles;
  const open = (id: string): string =>
    `(select o.${o.key} from ${o.sql} o where o.${o.key} = ${id} and ${o.living('o')})`;
  const named = stampId(found, open);
  const profileId =
    p === null || p.org === null
      ? null
      : `(select ${cast(found, p.table, `p.${p.org}`)} from ${p.sql} p where ${p.of('p', 'u.id')} and p.${p.org} is not null limit 1)`;
  const own =
    idType === 'uuid'
      ? `pg_catalog.md5('voxanne-rollout/' || u.id::text)::uuid`
      : makesIds(o.table)
        ? `pg_catalog.left(pg_catalog.md5('voxanne-rollout/' || u.id::text), ${lengthOf(primaryColumn(o.table)) ?? 32})`
        : // Numbers are the database's to give: nobody gets an organization made, and none is found.
          `null::${idType}`;
  const orgOfRow = m === null ? '' : cast(found, m.table, `m.${m.org}`);
  const order = m === null || m.joined === null ? '' : `m.${m.joined}, `;
  const owned =
    target.config.decisions.ambiguousMemberships === 'owned' && m !== null && m.role !== null
      ? `(lower(m.${m.role}::text) = any (array[${ownerNames.map(literal).join(', ')}])) desc, `
      : '';
  const rows =
    m === null
      ? null
      : {
          columns: `array_agg(${orgOfRow} order by ${owned}${order}${orgOfRow}) filter (where o.${o.key} is not null and ${m.active('m')}) as orgs, array_agg(${orgOfRow}) as every`,
          from: `${m.sql} m left join ${o.sql} o on o.${o.key} = ${orgOfRow} and ${o.living('o')}`,
        };
  const isIn = (id: string): string => (m === null ? 'false' : `coalesce(${id} = any(mm.orgs), false)`);
  const endedProfile =
    p === null || p.org === null || p.active('p') === 'true'
      ? null
      : `(select ${cast(found, p.table, `p.${p.org}`)} from ${p.sql} p where ${p.of('p', 'u.id')} and (${p.active('p')}) is not true limit 1)`;
  // What ended, a membership or the profile that is one, says that they left, whatever profile and stamp still say.
  const left = (id: string): string => {
    if (m !== null) return `coalesce(${id} = any(mm.every), false)`;
    return endedProfile === null ? 'false' : `coalesce(${id} = ${endedProfile}, false)`;
  };
  const stamp = open(named);
  const profile = profileId === null ? null : open(profileId);
  const chosen = [
    ...(m === null ? [] : [`case when ${isIn(named)} then ${named} end`]),
    ...(m === null || profileId === null ? [] : [`case when ${isIn(profileId)} then ${profileId} end`]),
  ];
  const choice = m === null ? [] : [...chosen, `(mm.orgs)[1]`];
  const byProfile =
    profile === null ? [] : [`(select x.org from (select ${profile} as org) x where not ${left('x.org')})`];
  const byStamp = `(select x.org from (select ${stamp} as org) x where not ${left('x.org')})`;
  const owner = ownerColumn(found);
  const byOwning =
    owner === null
      ? []
      : [
          `(select x.org from (select o.${o.key} as org from ${o.sql} o where o.${owner} = u.id and ${o.living('o')} order by o.${o.key} limit 1) x where not ${left('x.org')})`,
        ];
  const parts = [...choice, ...(trusted ? byProfile : []), byStamp, ...byOwning];
  const ownPart = `(select o.${o.key} from ${o.sql} o where o.${o.key} = ${own})`;
  const coalesce = (list: readonly string[]): string =>
    list.length === 1 ? (list[0] ?? 'null') : `coalesce(${list.join(',\n      ')})`;
  const plain = 'auth.users u';
  const closedProfile = m !== null || endedProfile === null ? 'false' : `${endedProfile} is not null`;
  const outsiders = [...portals.map((one) => one.has('u.id')), ...(closedProfile === 'false' ? [] : [closedProfile])];
  return {
    names,
    whole:
      m === null || rows === null
        ? plain
        : `${plain} left join (select m.${m.user} as member, ${rows.columns} from ${rows.from} group by m.${m.user}) mm on mm.member = ${m.member('u.id')}`,
    each:
      m === null || rows === null
        ? ''
        : ` left join lateral (select ${rows.columns} from ${rows.from} where m.${m.user} = ${m.member('u.id')}) mm on true`,
    own,
    profileId: profileId ?? 'null',
    sameOrganization: (column, id) => `${m === null ? column : cast(found, m.table, column)} = ${id}`,
    member: m === null ? null : { any: 'mm.orgs is not null', in: isIn },
    org: (made) => coalesce(made ? [...parts, ownPart] : parts),
    ambiguous:
      m === null
        ? 'false'
        : `(select count(distinct x) from unnest(mm.orgs) x) > 1 and coalesce(${chosen.join(', ')}) is null`,
    torn:
      profileId === null
        ? 'false'
        : `(select x.p <> x.s from (select ${byProfile[0]} as p, ${byStamp} as s) x)${m === null ? '' : ' and mm.orgs is null'}`,
    selfWritten:
      trusted || byProfile[0] === undefined ? 'false' : `${coalesce(parts)} is null and ${byProfile[0]} is not null`,
    ended:
      m === null
        ? profileId === null
          ? 'false'
          : `${profileId} is not null and (${profile} is null or ${left(profileId)})`
        : 'mm.every is not null and mm.orgs is null',
    outsider: outsiders.length === 0 ? 'false' : `(${outsiders.join(' or ')})`,
    closedProfile,
  };
}

/** A key column that is still text while organizations have uuids is read as what it will be. */
function cast(found: Survey, table: Table | null, column: string): string {
  const tenant = table === null ? null : tenantOf(found, table);
  return tenant?.text === true && found.idType === 'uuid' ? idFrom(`${column}::text`, 'uuid') : column;
}

/** A table of people who sign in and are members nowhere: customers, patients, suppliers; guests of a project or a clinic. */
export type Portal = {
  readonly name: string;
  readonly column: string;
  /** It joins users with rows of an organization: the same user may stand there often. */
  readonly joins: boolean;
  /** SQL condition: a row of it is the user whose id the expression gives. */
  readonly has: (user: string) => string;
};

/**
 * Tables with an organization in which a user is a row: a column that refers to users and names no action, beside what
 * is known as profiles and memberships. Whether each user stands there once at most, the data says.
 */
export function portalCandidates(found: Survey): readonly Portal[] {
  const keyed = new Set(found.tenants.map((one) => `${one.table.schema}.${one.table.name}`));
  return [...found.tenants.map((one) => one.table), ...found.unkeyed].flatMap((table): Portal[] => {
    if (table === found.profiles || table === found.memberships?.table || table === found.organizations) return [];
    const tenant = tenantOf(found, table) !== null;
    const column = table.columns.find((one) => {
      if (one.base !== 'uuid' || /(^|_)(by|to|from|owner|author|assignee|creator|actor)(_|$)/.test(one.name))
        return false;
      const foreign = table.constraints.find(
        (each) => each.type === 'f' && each.columns.join() === one.name,
      )?.references;
      const users = foreign?.schema === 'auth' && foreign.table === 'users';
      return (
        users ||
        (foreign === undefined && /^(auth_)?(user|account|login)(_?id)?$|^auth_(user_)?(uid|id)$/.test(one.name))
      );
    });
    if (column === undefined || table.kind === 'foreign') return [];
    const joins =
      !tenant &&
      table.constraints.some(
        (one) =>
          one.type === 'f' &&
          one.columns.length === 1 &&
          one.references !== null &&
          keyed.has(`${one.references.schema}.${one.references.table}`) &&
          isUnique(table, [column.name, ...one.columns]),
      );
    if (!tenant && !joins) return [];
    const sql = qualified(table.schema, table.name);
    return [
      {
        joins,
        name: `${table.schema}.${table.name}`,
        column: column.name,
        has: (user) => `exists (select from ${sql} c where c.${identifier(column.name)} = ${user})`,
      },
    ];
  });
}

/** SQL that says whether each user stands in the table once at most, and that somebody does. */
export const oncePerUser = (one: Portal): string => {
  const [schema = 'public', name = ''] = one.name.split('.');
  const column = `c.${identifier(one.column)}`;
  return `select count(${column}) > 0 and count(${column}) = count(distinct ${column}) as once from ${qualified(schema, name)} c`;
};
