import type { Action, Door, Owners, Person } from './rights.ts';

/**
 * Whose a row is, as a person sees it: of the organization of theirs that is open (or of any, where they see all); of
 * another one of theirs; of one where their membership does not count; their own although it stands in no organization
 * of theirs; that of somebody who is in an organization of theirs, where it names none; nobody's in particular; somebody
 * else's. Of a view that does not say: unknown.
 */
export type Claim = 'own' | 'second' | 'former' | 'mine' | 'colleague' | 'shared' | 'other' | 'unknown';

export function claimOf(door: Door, owners: Owners | undefined, person: Person): Claim {
  if (owners === undefined) return 'unknown';
  const { organizations, users } = owners;
  const theirs = organizations.filter((one) => person.organizations.includes(one));
  if (theirs.length > 0) return person.current === null || theirs.includes(person.current) ? 'own' : 'second';
  if (organizations.some((one) => person.former.includes(one))) return 'former';
  if (person.id !== null && users.includes(person.id)) return 'mine';
  const open = person.current === null ? person.organizations : [person.current];
  if (organizations.length === 0 && owners.colleagues?.some((one) => open.includes(one)) === true) return 'colleague';
  if (organizations.length > 0 || users.length > 0) return 'other';
  return door.kind === 'view' || door.kind === 'function' ? 'unknown' : 'shared';
}

export type Loss = 'lockout' | 'on purpose';

/**
 * What it means that a person reaches a row no more.
 *
 * Where no row security was on, everybody reached everything and nobody had decided that: there only what belongs to the
 * person counts. What people may write into organizations, profiles and memberships says who belongs where, so that
 * only those who run the organization, and everybody's own profile, count.
 */
export function lossOf(
  door: Door,
  before: {
    /** Row security was on: a policy let it through, of whatever kind. */
    readonly guarded: boolean;
    /** A policy let the row through that does not let everything through for everybody. */
    readonly decided: boolean;
    readonly publicly: boolean;
    /** A policy let it through that ties it to the person by something else than its organization. */
    readonly shared: boolean;
    /** A policy let it through because of who the person is. */
    readonly anywhere: boolean;
    /** A user opens one organization at a time, and may open each of theirs. */
    readonly switches: boolean;
  },
  action: Action,
  claim: Claim,
  person: Person,
  owners: Owners,
): Loss {
  const isOnes = person.id !== null && owners.users.includes(person.id);
  if (action !== 'read' && isDirectory(door) && claim !== 'other') {
    if (door.kind === 'profiles' && isOnes && action === 'update' && claim !== 'former') return 'lockout';
    const leads = owners.organizations.some((one) => person.leads.includes(one));
    return before.decided && leads && !isOnes && action !== 'insert' ? 'lockout' : 'on purpose';
  }
  if (claim === 'own') return 'lockout';
  // Where nothing guarded the rows, nobody had said that a user sees several organizations at once.
  if (claim === 'second') return before.decided && !before.switches ? 'lockout' : 'on purpose';
  if (claim === 'mine') return before.decided || owners.organizations.length === 0 ? 'lockout' : 'on purpose';
  // What a colleague has, a policy let them read: what they write there is another matter.
  if (claim === 'colleague') return action === 'read' && before.guarded ? 'lockout' : 'on purpose';
  // Nobody's in particular: a policy that shows it to whoever signs in takes nothing from any organization. Where rows
  // name a user alone, those that name none would be nobody's to read from then on, guarded or not. Where nothing guards
  // them and none names anybody, it may also be that nothing tells whose they are.
  if (claim === 'shared') {
    const named = (whom: 'organizations' | 'users'): boolean => door.owners.some((one) => one[whom].length > 0);
    const told = person.id !== null && (before.guarded || (!named('organizations') && named('users')));
    return action === 'read' && (before.decided || told) ? 'lockout' : 'on purpose';
  }
  if (isEverybodys(door, claim, owners, before))
    return action === 'read' && person.id !== null ? 'lockout' : 'on purpose';
  if (claim === 'other' && before.shared) return 'lockout';
  if ((claim === 'other' || claim === 'former') && before.anywhere) return 'lockout';
  return action === 'read' && before.publicly && claim === 'other' ? 'lockout' : 'on purpose';
}

/**
 * A row that names its maker alone, and that a policy showed to whoever signs in, was nobody's in particular: a rate, a
 * flag, a version of the terms.
 */
export const isEverybodys = (
  door: Door,
  claim: Claim,
  owners: Owners,
  before: { readonly guarded: boolean; readonly decided: boolean },
): boolean =>
  claim === 'other' &&
  door.makersAlone === true &&
  before.guarded &&
  !before.decided &&
  owners.organizations.length === 0;

/** Whether it is a leak that a person reaches a row. `already`: they did so before. */
export function isLeak(
  door: Door,
  action: Action,
  claim: Claim,
  person: Person,
  owners: Owners,
  already: boolean,
): boolean {
  const isOnes = person.id !== null && owners.users.includes(person.id);
  if (claim === 'other') return true;
  if (claim === 'colleague') return action !== 'read' || door.showsColleagues !== true;
  // A former member still sees that there was a membership, and their own profile.
  if (claim === 'former') return !(isDirectory(door) && isOnes);
  if (claim !== 'shared' || already) return false;
  return action !== 'read' || door.owners.some((one) => one.organizations.length > 0);
}

const isDirectory = (door: Door): boolean =>
  door.kind === 'organizations' || door.kind === 'profiles' || door.kind === 'memberships';
