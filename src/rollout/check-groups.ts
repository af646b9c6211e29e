import type { CheckResult } from './check.ts';
import { count, plural } from './text.ts';

/** Passed checks that ask one thing of many objects, counted as they come: of any number only names are held. */
export type CheckTally = ReadonlyMap<string, Asked>;

type Noun = 'table' | 'view' | 'function';
type Asked = {
  readonly area: string;
  /** What is asked about; null where the id names no object of the database. */
  readonly noun: Noun | null;
  readonly what: string;
  readonly names: ReadonlySet<string>;
  readonly checks: number;
  /** The first ones of them, of which a few are shown by themselves. */
  readonly some: readonly CheckResult[];
  readonly first: CheckResult;
};

/** Checks that are shown as one line. */
export type CheckGroup = {
  readonly id: string;
  /** `71 tables × read, insert, update, delete`, or the names of what was checked. */
  readonly label: string;
  /** What they are about, as many as are held. */
  readonly names: readonly string[];
  readonly checks: number;
  /** One of them; a group of one is shown as this check itself. */
  readonly first: CheckResult;
  /** What is asked in it, by `kindOf`; nothing of a check that stands for itself. */
  readonly kinds: readonly string[];
};

/** Names that are held where they are not tables, views or functions, of which a database has only so many. */
const held = 12;
/** Names that stand in the label. */
const shown = 4;
/** So many checks of something else than tables, views and functions say more by themselves than as one line. */
const few = 4;

/** Where the words of an id are not those that people read. */
const called: Readonly<Record<string, string>> = {
  'not-tenant-scoped': 'not of an organization',
  'sign-up': 'sign-ups',
  'token-forged': 'forged token',
  'token-without-claim': 'token without a claim',
  'token-not-a-uuid': 'token with a wrong id',
  'two-org': 'between organizations',
};

const words = (id: string): string =>
  called[id] ??
  id
    .replace(/^anon-(.+)/, '$1 without a login')
    .replace(/^own-(.+)/, 'own $1')
    .replace(/^members\//, 'members ')
    .replaceAll('-', ' ');

/** What a check asks of what, by its id: `1.7/two-org/public.calls/read`. */
const askedBy = (check: CheckResult): Pick<Asked, 'area' | 'noun' | 'what'> & { readonly name: string } => {
  const foreseen = '/foreseen/';
  const at = check.id.indexOf(foreseen);
  const [step = '', area = '', name = '', ...rest] = (at < 0 ? check.id : check.id.slice(at + foreseen.length)).split(
    '/',
  );
  // Beyond the database a dot belongs to the name of a file.
  if (!step.startsWith('1.') || !/[.(]/.test(name))
    return { area, noun: null, what: '', name: [name, ...rest].filter(Boolean).join('/') };
  if (name.includes('(')) return { area, noun: 'function', what: words(rest[0] ?? 'call'), name };
  // The columns of a reference, and the bucket of a file, tell apart what is asked in the same way.
  const what = words((rest[0] ?? area).replace(/^reference-.*/, 'reference'));
  const view = /\bview$/.test(rest[0] ?? '') || /\bview\b/.test(check.title.slice(check.title.indexOf(': ')));
  return { area, noun: view ? 'view' : 'table', what, name };
};

/** What a check asks, in words that all checks share that ask the same of other objects. */
export const kindOf = (check: CheckResult): string => kindFrom(askedBy(check));

const kindFrom = ({ area, noun, what }: Pick<Asked, 'area' | 'noun' | 'what'>): string =>
  [area, noun ?? '', what].join('/');

/** The tally with these as well; each of what is asked anew is copied once, however many checks there are. */
export const tallied = (tally: CheckTally, passed: readonly CheckResult[]): CheckTally => {
  if (passed.length === 0) return tally;
  const next = new Map(tally);
  const fresh = new Map<string, Set<string>>();
  for (const check of passed) {
    const { name, ...asked } = askedBy(check);
    const key = kindFrom(asked);
    const was = next.get(key);
    const names = fresh.get(key) ?? new Set(was?.names);
    fresh.set(key, names);
    if (name !== '' && (asked.noun !== null || names.size < held)) names.add(name);
    const some = was === undefined ? [check] : was.some.length < few ? [...was.some, check] : was.some;
    next.set(key, { ...asked, names, checks: (was?.checks ?? 0) + 1, some, first: was?.first ?? check });
  }
  return next;
};

const listed = (names: readonly string[], all: number): string => {
  const some = names.slice(0, shown);
  const rest = all - some.length;
  return `${some.map(words).join(', ')}${rest > 0 ? ` and ${count(rest)} more` : ''}`;
};

/** The same objects in the same area: what is asked of them stands on one line. */
const together = ({ area, noun, names }: Asked): string => [area, noun ?? '', ...[...names].sort()].join(' ');

/** What was counted, a line for everything that is asked of the same objects, in the order in which it came. */
export const groupsOfChecks = (tally: CheckTally): readonly CheckGroup[] => {
  const groups = new Map<string, { readonly asked: Asked[]; checks: number }>();
  for (const one of tally.values()) {
    const key = together(one);
    const group = groups.get(key) ?? { asked: [], checks: 0 };
    group.asked.push(one);
    group.checks += one.checks;
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ asked, checks }): readonly CheckGroup[] => {
    const [head] = asked;
    if (head === undefined) return [];
    if (head.noun === null && checks <= few)
      return head.some.map((one) => ({ id: one.id, label: one.title, names: [], checks: 1, first: one, kinds: [] }));
    const names = [...head.names];
    const label =
      head.noun === null
        ? [words(head.area), listed(names, checks)].filter(Boolean).join(' × ')
        : `${plural(names.length, head.noun)} × ${asked.map((one) => one.what).join(', ')}`;
    const id = `group ${asked.map((one) => one.first.id).join(' ')}`;
    return [{ id, label, names, checks, first: head.first, kinds: asked.map(kindFrom) }];
  });
};
