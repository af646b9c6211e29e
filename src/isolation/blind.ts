import { type Access, bitsOf } from './rights.ts';
import { claimOf } from './rows.ts';

/**
 * Who had rows of one organization open, and now sees none of those of the organization that is said to be open, in no
 * table: that is no switch from one to the other.
 */
export function blindPeople(before: Access | null, after: Access): ReadonlySet<number> {
  const blind = new Set<number>();
  for (const [at, person] of after.people.entries()) {
    if (person.current === null && person.organizations.length === 0) continue;
    const index = before?.people.findIndex((one) => one.id === person.id) ?? -1;
    const tally = { second: 0, own: 0, read: 0 };
    for (const door of after.doors) {
      const was = before?.doors.find((one) => one.name === door.name);
      if (door.kind !== 'table' || was === undefined || !was.guarded) continue;
      const places = new Map(was.rows.map((hash, place) => [hash, place]));
      const [now, then] = [door.rights[at]?.read, was.rights[index]?.read];
      if (now === undefined || then === undefined) continue;
      for (const [row, hash] of door.rows.entries()) {
        const claim = claimOf(door, door.owners[row], person);
        const place = places.get(hash);
        if (claim === 'own') tally.own += 1;
        if (claim === 'own' && bitsOf(now)[row] === '1') tally.read += 1;
        if (claim === 'second' && place !== undefined && bitsOf(then)[place] === '1' && bitsOf(now)[row] !== '1')
          tally.second += 1;
      }
    }
    // An organization without any rows shows none.
    if (tally.second > 0 && tally.own > 0 && tally.read === 0) blind.add(at);
  }
  return blind;
}
