import type { Entry, StepRecord } from '../../rollout/journal.ts';
import type { StepId } from '../../rollout/step.ts';
import { type HistoryRow, holds } from './history.ts';
import type { JournalRow, Mark } from './migration-file.ts';

/** A journalled SQL change with what files say of it. */
export type Item = JournalRow & {
  readonly seq: number;
  readonly checksum: string;
  readonly step: StepId;
  readonly state: Entry['state'];
  /** Which apply of its step made it, counted from 0. */
  readonly turn: number;
  /** Whether that apply has not come to its end yet. */
  readonly open: boolean;
};

/** One file that history and folder should have. */
export type Wanted = {
  readonly step: StepId;
  readonly items: readonly Item[];
  /** Of the row of the history that holds it; null: one is to be chosen. */
  readonly version: string | null;
  /** Whether that row does not hold exactly these items yet. */
  readonly stale: boolean;
};

/** What is to be in the history of all that is ours. */
export type Desired = {
  /** In the order in which they were applied. */
  readonly files: readonly Wanted[];
  /** Versions that go: what they hold was rolled back, or is in another file now. */
  readonly gone: readonly string[];
};

/** The SQL changes of the journal. Rows written in batches have no file: a database that is built from files has none. */
export function itemsOf(
  entries: readonly Entry[],
  marks: ReadonlyMap<number, Mark>,
  records: readonly StepRecord[],
): readonly Item[] {
  return [...entries]
    .sort((a, b) => a.seq - b.seq)
    .flatMap(({ seq, run, step, state, change, appliedAt }) => {
      const mark = marks.get(seq);
      if (mark === undefined || mark.checksum === null || change.kind !== 'sql') return [];
      const ends = records.filter((one) => one.step === step && one.state === 'applied');
      const turn = ends.filter((one) => appliedAt !== null && one.at < appliedAt).length;
      const { id, checksum } = mark;
      return [{ seq, id, checksum, run, step, state, change, turn, open: turn === ends.length }];
    });
}

type Held = { readonly row: HistoryRow; readonly all: readonly Item[]; readonly live: readonly Item[] };

/**
 * One file for each apply of a step. Its parts (what was pushed before and after a change that went through pg, or by a
 * run that was stopped) are put together, unless somebody else's migration lies between them, which the later ones may
 * build upon. What an apply left that came to its end is never put together again: others may have those files.
 *
 * @param own Versions that this run pushed and that have no file in the workspace yet, so that nobody can have them with
 * what they hold now. Any other version never comes to hold more: a database that has it would not notice.
 */
export function desiredOf(items: readonly Item[], history: readonly HistoryRow[], own: ReadonlySet<string>): Desired {
  const known = new Set(items.map((item) => item.id));
  const ours = history.flatMap((row): Held[] => {
    const all = items.filter((item) => item.step === row.step && holds(row.marks, item, known));
    return all.length === 0 ? [] : [{ row, all, live: all.filter((item) => item.state !== 'reverted') }];
  });
  const held = new Set(ours.flatMap(({ all }) => all));
  const missing = items.filter((item) => item.state === 'applied' && !held.has(item));

  const turnOf = ({ step, turn }: Item): string => `${step} ${turn}`;
  /** The parts of an apply with which the history ends, newest first. */
  const partsOf = (turn: string): readonly Held[] => {
    const parts: Held[] = [];
    for (const row of history.toReversed()) {
      const part = ours.find((one) => one.row === row);
      if (part?.live.length === 0) continue;
      if (part === undefined || part.live.some((item) => turnOf(item) !== turn || !item.open)) break;
      parts.push(part);
    }
    return parts;
  };

  const files: Wanted[] = [];
  const gone: string[] = [];
  const joined = new Set<Held>();
  const newest = ours.findLast(({ live }) => live.length > 0)?.live[0];
  for (const turn of new Set([...missing, ...(newest === undefined ? [] : [newest])].map(turnOf))) {
    const lacking = missing.filter((item) => turnOf(item) === turn);
    const parts = partsOf(turn);
    if (lacking.length === 0 && parts.length < 2) continue;
    const together = new Set([...parts.flatMap(({ live }) => live), ...lacking]);
    const [first, ...others] = [...together].sort((a, b) => a.seq - b.seq);
    if (first === undefined) continue;
    const whole = parts.find(({ live, all }) => live.length === together.size && all.length === live.length);
    const target = whole ?? parts.find(({ row }) => own.has(row.version));
    for (const part of parts) {
      joined.add(part);
      if (part !== target) gone.push(part.row.version);
    }
    files.push({
      step: first.step,
      items: [first, ...others],
      version: target?.row.version ?? null,
      stale: whole === undefined,
    });
  }
  for (const part of ours) {
    if (joined.has(part)) continue;
    const [first] = part.live;
    if (first === undefined) gone.push(part.row.version);
    else {
      files.push({
        step: first.step,
        items: part.live,
        version: part.row.version,
        stale: part.live.length !== part.all.length,
      });
    }
  }
  return { files: files.sort((a, b) => (a.items[0]?.seq ?? 0) - (b.items[0]?.seq ?? 0)), gone };
}
