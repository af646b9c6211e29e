import { expect, it } from 'vitest';
import { compare } from '../../src/isolation/compare.ts';
import type { CompareOptions } from '../../src/isolation/results.ts';
import type { Access, Door, Person, Reach } from '../../src/isolation/rights.ts';
import { answersTo, type CheckResult } from '../../src/rollout/check.ts';

const person = (current: string | null): Person => ({
  id: 'u',
  kind: 'member of 2 organizations',
  organizations: ['1', '2'],
  current,
  leads: [],
  former: [],
});

/** A table with one row of each of three organizations, of which one user reads these. */
const door = (read: string, policies: Readonly<Record<string, string>> = {}, name = 'public.things'): Door => {
  const none: Reach = { bits: '000' };
  return {
    name,
    kind: name === 'public.shown' ? 'view' : 'table',
    guarded: true,
    exact: true,
    unread: null,
    rows: ['r1', 'r2', 'r3'],
    places: ['1', '2', '3'],
    rights: [
      { read: { bits: read }, insert: none, update: none, delete: none, policies },
      // Without a login nothing is read, so that no policy lets the same rows through for everybody.
      {
        read: none,
        insert: none,
        update: none,
        delete: none,
        policies: Object.fromEntries(Object.keys(policies).map((one) => [one, '000'])),
      },
    ],
    owners: ['1', '2', '3'].map((one) => ({ organizations: [one], users: [] })),
    labels: ['id = 1', 'id = 2', 'id = 3'],
  };
};

const access = (current: string | null, ...doors: readonly Door[]): Access => ({
  people: [person(current), { ...person(null), id: null, kind: 'without a login', organizations: [] }],
  kinds: [{ kind: 'member of 2 organizations', users: 1, sampled: 1 }],
  doors,
});

const options: CompareOptions = {
  prefix: 'x',
  switches: true,
  kept: () => false,
  shares: () => false,
  anywhere: () => false,
  binding: () => false,
  named: () => false,
  asks: () => [],
  asOwner: () => false,
  judgedElsewhere: () => false,
  whole: true,
  dropped: () => false,
  tested: () => false,
  accepted: () => false,
};

const failed = (before: Access, after: Access, more: Partial<CompareOptions> = {}): readonly CheckResult[] =>
  [...compare(before, after, { ...options, ...more })].filter((one) => one.verdict === 'failed');

const open = { 'read open': '100' };

it('takes a switch to another organization for no loss, and being shown neither for one', () => {
  const before = access(null, door('100', open));
  expect(failed(before, access('2', door('010')))).toEqual([]);
  const neither = failed(before, access('2', door('000')));
  expect(neither.map((one) => one.id)).toEqual(['x/public.things/kept']);
  // A table that is for admins shows nothing to whoever is a member where they are now, as others show.
  const papers = door('010', {}, 'public.papers');
  expect(failed(access(null, door('100', open), papers), access('2', door('000'), papers))).toEqual([]);
});

it('names the policy that shared a row of another organization, with the decision that keeps it', () => {
  const before = access('1', door('101', { 'read ours': '100', 'read shared': '001' }));
  const after = access('1', door('100', { 'read ours': '100' }));
  expect(failed(before, after)).toEqual([]);
  const shares = (_: string, policy: string): boolean => policy === 'shared';
  const [lost] = failed(before, after, { shares });
  expect(lost?.id).toBe('x/public.things/kept');
  expect(lost === undefined ? [] : answersTo(lost).map((one) => one.setting)).toEqual([
    'decisions.keepPolicy',
    'decisions.acceptAccess',
  ]);
  expect(failed(before, after, { shares, dropped: () => true })).toEqual([]);
});

it('asks by name about a policy that let somebody in everywhere for who they are, and not about one that let everybody in', () => {
  const before = access('1', door('101', { 'read ours': '100', 'read staff': '111' }));
  const after = access('1', door('100', { 'read ours': '100' }));
  const anywhere = (_: string, policy: string): boolean => policy === 'staff';
  const [lost] = failed(before, after, { anywhere });
  expect(lost === undefined ? [] : answersTo(lost).map((one) => one.flag)).toEqual([
    `--keep-policy 'public.things: staff'`,
    `--drop-policy 'public.things: staff'`,
    '--accept-access x/public.things/kept',
  ]);
  expect(failed(before, after, { anywhere, dropped: (_, policy) => policy === 'staff' })).toEqual([]);
  const two = (one: Access): Access => ({
    ...one,
    people: [...one.people, { ...person('1'), id: 'v' }],
    doors: one.doors.map((each) => ({ ...each, rights: [...each.rights, ...each.rights.slice(0, 1)] })),
  });
  expect(failed(two(before), two(after), { anywhere })).toEqual([]);
});

it('lets a policy that only reads stay by name in a directory, and one that lets its people in where it was left', () => {
  const shown = (bits: string, ...keys: readonly string[]): Access => {
    const { people, kinds, doors } = access('1', door(bits, Object.fromEntries(keys.map((key) => [key, bits]))));
    return { people, kinds, doors: doors.map((one) => ({ ...one, kind: 'organizations' })) };
  };
  const offered = (before: Access, after: Access, more: Partial<CompareOptions>): readonly string[] =>
    failed(before, after, more).flatMap((one) => answersTo(one).map((each) => each.setting));
  const shares = (): boolean => true;
  expect(offered(shown('101', 'read tree'), shown('100', 'read tree'), { shares })).toEqual([
    'decisions.keepPolicy',
    'decisions.acceptAccess',
  ]);
  const writes = shown('101', 'read tree', 'update tree');
  expect(offered(writes, shown('100', 'read tree'), { shares })).toEqual(['decisions.acceptAccess']);
  const left = shown('101', 'read staff');
  expect(offered(left, left, { anywhere: () => true })).toEqual(['decisions.keepPolicy', 'decisions.acceptAccess']);
});

it('takes rows of no organization, which a policy showed to whoever signed in, for lost', () => {
  const nobodys = (read: string, guarded: boolean): Access => {
    const found = access('1', door(read, { 'read all': read }));
    const owners = found.doors[0]?.owners.with(2, { organizations: [], users: [] }) ?? [];
    const rights = found.doors[0]?.rights.map((one) => ({ ...one, policies: { 'read all': '111' } })) ?? [];
    return { ...found, doors: found.doors.map((one) => ({ ...one, owners, rights, guarded })) };
  };
  expect(failed(nobodys('111', true), nobodys('100', true)).map((one) => one.id)).toEqual(['x/public.things/kept']);
  expect(failed(nobodys('111', false), nobodys('100', false))).toEqual([]);
});

it('takes no row of one’s own for dropped with a policy that let the organization through as well', () => {
  const before = access('1', door('101', { 'read both': '101' }));
  const after = access('1', door('000'));
  const dropped = (): boolean => true;
  expect(failed(before, after, { dropped })).toEqual([]);
  expect(failed(before, after, { dropped, binding: () => true }).map((one) => one.id)).toEqual([
    'x/public.things/kept',
  ]);
});

it('judges rows of a view that reads as its caller where they come from', () => {
  const shown = access('1', door('101', {}, 'public.shown'));
  expect(failed(shown, shown).map((one) => one.id)).toEqual(['x/public.shown/others']);
  expect(failed(shown, shown, { judgedElsewhere: (name) => name === 'public.shown' })).toEqual([]);
  expect(
    failed(shown, access('1', door('001', {}, 'public.shown')), { judgedElsewhere: () => true }).map((one) => one.id),
  ).toEqual(['x/public.shown/kept']);
});

it('asks before rows of colleagues are lost that a policy let be read, and lets nobody write them', () => {
  const owners = ['1', '1', '3'].map((one, at) => ({ organizations: [], users: [`u${at}`], colleagues: [one] }));
  const roles = (read: string, more: Partial<Door> = {}): Door => ({
    ...door(read, { 'read open': '111' }),
    owners,
    ...more,
  });
  const lost = failed(access('1', roles('111')), access('1', roles('000')));
  expect(lost.map((one) => [one.id, /can no longer read 2 rows/.test(one.observed)])).toEqual([
    ['x/public.things/kept', true],
  ]);
  expect(lost.flatMap((one) => answersTo(one)).map((one) => one.setting)).toEqual(['decisions.acceptAccess']);
  // Where nothing guarded them, nobody had said that they are shown.
  expect(failed(access('1', roles('111', { guarded: false })), access('1', roles('000')))).toEqual([]);
  // Shown to colleagues they are no leak where the rule says so, nor to anybody else.
  const leaks = (after: Door): readonly string[] =>
    failed(access('1', roles('111')), access('1', after)).map((one) => one.observed.replace(/.*: /, ''));
  expect(leaks(roles('110', { showsColleagues: true }))).toEqual([]);
  expect(leaks(roles('110')).length).toBe(1);
  expect(leaks(roles('111', { showsColleagues: true })).length).toBe(1);
  const [own] = roles('110').rights;
  const writes = { ...roles('110', { showsColleagues: true }) };
  const rights = own === undefined ? [] : [{ ...own, update: { bits: '110' } }, ...writes.rights.slice(1)];
  expect(leaks({ ...writes, rights }).length).toBe(1);
});
