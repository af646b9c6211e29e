import type { BatchChange, Change, FileChange, SqlChange } from '../../rollout/change.ts';
import type { CheckResult } from '../../rollout/check.ts';
import type { Answer } from '../../rollout/decision.ts';
import type { PreviewResult } from '../../rollout/executor.ts';
import { filterChanges } from '../../rollout/filter.ts';
import { type Group, groupsOf } from '../../rollout/grouping.ts';
import { riskOf } from '../../rollout/hazards.ts';
import type { Impact } from '../../rollout/impact.ts';
import { replacedBy } from '../../rollout/replaced.ts';
import type { Plan } from '../../rollout/step.ts';
import { count, duration, plural } from '../../rollout/text.ts';
import type { Look } from '../glyphs.ts';
import { clean, type Line, line, plainText, span } from '../lines.ts';
import { impactCard } from './card.ts';
import { definitionDiff, type FileDiff, fileDiff, isWhole } from './diff.ts';
import { lockMeaning, strongestFirst } from './locks.ts';
import { sqlLines } from './sql.ts';

/** A long text to scroll and search. */
export type Document = {
  readonly lines: readonly Line[];
  /** Where each change or file begins: what `[` and `]` jump between. */
  readonly anchors: readonly { readonly line: number; readonly label: string }[];
  /** The whole of it in one sentence, shown above and below. */
  readonly summary: Line;
};

export const documentText = (document: Document): string =>
  `${document.lines.map((row) => plainText(row).trimEnd()).join('\n')}\n`;

/** Collects lines and remembers where things begin. */
export const writer = () => {
  const lines: Line[] = [];
  const anchors: { line: number; label: string }[] = [];
  return {
    lines,
    anchors,
    add: (...more: readonly Line[]) => {
      for (const one of more) lines.push(one);
    },
    /** Notes and details may hold several lines. */
    text: (text: string, tone?: Parameters<typeof line>[1], indent = '') => {
      for (const row of text.split('\n')) lines.push(line(indent + clean(row), tone));
    },
    anchor: (label: string) => anchors.push({ line: lines.length, label }),
  };
};

/** A batch change as the statement that each batch amounts to; the engine adds the range of the key. */
export const batchSql = ({ table, write }: BatchChange): string => {
  if (write.kind === 'insert') return `INSERT INTO ${table} (${write.columns.join(', ')})\n${write.source.trimEnd()};`;
  const value = write.jsonKey === undefined ? write.value : `(key ${write.jsonKey}) ${write.value}`;
  return `UPDATE ${table} AS t\n   SET ${write.column} = ${value}\n WHERE ${write.where};`;
};

const kinds = (changes: readonly Change[], diffs: ReadonlyMap<string, FileDiff>): Line => {
  const sql = changes.filter((change) => change.kind === 'sql').length;
  const batches = changes.filter((change) => change.kind === 'batches').length;
  const files = changes.filter((change) => change.kind === 'file').length;
  const parts: string[] = [];
  if (sql > 0) parts.push(plural(sql, 'SQL change'));
  if (batches > 0) parts.push(plural(batches, 'backfill'));
  if (files > 0) parts.push(plural(files, 'file'));
  const line_ = [span(parts.join(', '), 'strong')];
  if (files === 0) return line_;
  let added = 0;
  let removed = 0;
  for (const diff of diffs.values()) {
    added += diff.added;
    removed += diff.removed;
  }
  return [
    ...line_,
    span('  '),
    span(`+${count(added)}`, 'diff.add'),
    span(' '),
    span(`-${count(removed)}`, 'diff.del'),
  ];
};

const summaryOf = (
  plan: Plan,
  results: readonly PreviewResult[],
  diffs: ReadonlyMap<string, FileDiff>,
  look: Look,
  failed: boolean,
): Line => {
  const dot = ` ${look.glyphs.separator} `;
  if (plan.blockers.length > 0) {
    const first = plan.blockers[0];
    return [
      span(`${look.glyphs.blocked} blocked`, 'status.failed'),
      span(`${dot}${plural(plan.blockers.length, 'decision')} needed first${dot}`),
      span(clean(first?.problem ?? '')),
    ];
  }
  if (plan.changes.length === 0 && failed)
    return [
      span(`${look.glyphs.failed} its checks failed`, 'status.failed'),
      span(`${dot}nothing is left that this step could change`),
    ];
  if (plan.changes.length === 0) return [span(`${look.glyphs.ok} Nothing to change`, 'status.ok')];
  const failing = results.filter((result) => result.outcome === 'failed').length;
  const unseen = results.filter((result) => result.outcome === 'not executed').length;
  const strongest = strongestFirst(results.flatMap((result) => result.locks))[0];
  const parts: Span[] = [...kinds(plan.changes, diffs)];
  if (failing > 0) parts.push(span(dot), span(`${look.glyphs.failed} ${count(failing)} would fail`, 'status.failed'));
  if (strongest) parts.push(span(`${dot}${strongest.level} lock: ${lockMeaning(strongest.level)}`));
  if (unseen > 0) parts.push(span(`${dot}${count(unseen)} not executed in the preview`, 'status.waiting'));
  return parts;
};
type Span = Line[number];

/** What came of trying a change; a reason of several lines keeps its excerpt and its caret below. */
const outcomeLines = (result: PreviewResult | undefined, look: Look): readonly Line[] => {
  if (!result) return [line('  not previewed', 'muted')];
  const [first = '', ...rest] = (result.reason ?? '').split('\n');
  const why = first === '' ? '' : `: ${clean(first)}`;
  const below = rest.map((row) => line(`    ${clean(row)}`, 'muted'));
  if (result.outcome === 'failed')
    return [[span(`  ${look.glyphs.failed} applying would fail${why}`, 'status.failed')], ...below];
  if (result.outcome === 'not executed')
    return [[span(`  ${look.glyphs.waiting} not executed in the preview${why}`, 'status.waiting')], ...below];
  return [
    [
      span(`  ${look.glyphs.ok} Tested in ${duration(result.milliseconds)}, then rolled back`, 'status.ok'),
      span(why, 'muted'),
    ],
    ...below,
  ];
};

/** Changes that would fail, before everything else: nobody should have to find them among hundreds. */
const doomed = (plan: Plan, result: ReadonlyMap<string, PreviewResult>, look: Look): readonly Line[] =>
  plan.changes.flatMap((change, index): readonly Line[] => {
    const tried = result.get(change.id);
    if (tried?.outcome !== 'failed') return [];
    const place = `${index + 1}/${plan.changes.length}`;
    return [
      [span(`${look.glyphs.failed} ${place} would fail: `, 'status.failed'), span(clean(change.title), 'strong')],
      line(`  ${clean((tried.reason ?? '').split('\n')[0] ?? '')}`),
    ];
  });

export const diffHeading = (diff: FileDiff): Line => [
  span(clean(diff.path), 'diff.file'),
  span(`  ${diff.what}  `, 'muted'),
  span(`+${count(diff.added)}`, 'diff.add'),
  span(' '),
  span(`-${count(diff.removed)}`, 'diff.del'),
];

/** A folded group: what its changes do, on how much, the first of them, and how many more. */
export const groupLines = (
  { title, summary, changes }: Group,
  look: Look,
  /** What stands before the title, and after everything else. */
  { verb = '', tail = '' }: { readonly verb?: string; readonly tail?: string } = {},
): readonly Line[] => {
  const rest = changes.length - shownTitles;
  return [
    [
      span(`${plural(changes.length, 'change')}  `, 'muted'),
      span(`${verb}${title}`, 'strong'),
      span(summary === '' ? '' : `  ${clean(summary).replaceAll('×', look.glyphs.times)}`),
      span(tail, 'muted'),
    ],
    ...changes.slice(0, shownTitles).map((change) => line(`  ${clean(change.title)}`)),
    ...(rest > 0 ? [line(`  ${look.glyphs.ellipsis} and ${count(rest)} more; z shows every statement`, 'muted')] : []),
    line(),
  ];
};

/** What is known of a group that would be applied. */
const riskTail = ({ changes }: Group, result: ReadonlyMap<string, PreviewResult>): string => {
  const longest = Math.max(0, ...changes.map((change) => result.get(change.id)?.held ?? 0));
  return `  risk ${riskOf(changes).risk}${longest > 0 ? `, longest lock ${duration(longest)}` : ''}`;
};

/** The decisions that could be given here; `d` asks for one. */
const answerRows = (answers: readonly Answer[]): readonly Line[] =>
  answers.flatMap((one) => [
    [span('  d decides: ', 'key'), span(clean(one.flag), 'strong')],
    line(`    ${clean(one.consequence)}`, 'muted'),
  ]);

/** The statements of a change; what it replaces is shown as old text against new. */
const statementLines = (change: SqlChange, look: Look): readonly Line[] => {
  const { replaced, rest } = replacedBy(change);
  if (replaced.length === 0) return sqlLines(change.up.trimEnd());
  return [
    ...rest.flatMap(sqlLines),
    ...replaced.flatMap((one) => [
      line(`-- ${one.after === null ? 'drops' : 'replaces'} ${clean(one.name)}`, 'sql.comment'),
      ...definitionDiff(one, look.accessible),
      ...(one.after === null || isWhole(one)
        ? []
        : [line('-- as it will read:', 'sql.comment'), ...sqlLines(one.after)]),
    ]),
  ];
};

export const isFile = (change: Change): change is FileChange => change.kind === 'file';

/** A step's plan with what was seen when it was run and rolled back. */
export type Preview = {
  readonly plan: Plan;
  readonly results: readonly PreviewResult[];
  /** Null where the step is behind the gate, so that nothing was run. */
  readonly impact: Impact | null;
  /** Checks that did not pass when the changes were tested. */
  readonly open?: readonly CheckResult[];
  /** The step's checks failed before. */
  readonly failed: boolean;
};

/** From so many changes on a plan or a rollback is shown by groups, each with its first changes. */
const many = 40;
/** Titles of a folded group that are shown. */
const shownTitles = 3;

export const foldsAtFirst = (changes: number): boolean => changes > many;

/** What a step would do. `folded`: by kinds of change with their counts, without the statements. */
export const previewDocument = (
  { plan: whole, results, impact, failed }: Preview,
  look: Look,
  folded = foldsAtFirst(whole.changes.length),
  /** Only changes that fit; see `filterChanges`. */
  filter = '',
): Document => {
  const plan = filter.trim() === '' ? whole : { ...whole, changes: filterChanges(whole.changes, filter) };
  const out = writer();
  const result = new Map(results.map((one) => [one.change.id, one]));
  const diffs = new Map(plan.changes.filter(isFile).map((change) => [change.id, fileDiff(change, look.accessible)]));
  const summary: Line = [
    ...summaryOf(
      whole,
      results,
      new Map(whole.changes.filter(isFile).map((change) => [change.id, fileDiff(change, look.accessible)])),
      look,
      failed,
    ),
    ...(plan === whole
      ? []
      : [
          span(
            ` ${look.glyphs.separator} ${count(plan.changes.length)} with "${clean(filter.trim())}"`,
            'status.waiting',
          ),
        ]),
  ];

  if (impact !== null && plan.blockers.length === 0 && plan.changes.length > 0)
    out.add(...impactCard(impact, look), line());
  for (const blocker of plan.blockers) {
    out.anchor('blocked');
    out.add([span(`${look.glyphs.blocked} ${clean(blocker.problem)}`, 'status.failed')]);
    out.text(blocker.remedy, undefined, '  ');
    if (blocker.detail) out.text(blocker.detail, 'muted', '  ');
    out.add(...answerRows(blocker.answers ?? []), line());
  }
  const failing = doomed(plan, result, look);
  if (failing.length > 0) out.add(...failing, line());
  for (const note of plan.notes) {
    out.add([span('Note: ', 'strong'), span(clean(note.text))]);
    if (note.detail) out.text(note.detail, 'muted', '  ');
    out.add(...answerRows(note.answers ?? []));
  }
  for (const { command, why } of plan.runs ?? [])
    out.add([span('Runs: ', 'strong'), span(clean(command)), span(`  a program of the app (${clean(why)})`, 'muted')]);
  if (plan.notes.length > 0 || plan.runs !== undefined) out.add(line());
  if (diffs.size > 1) {
    for (const diff of diffs.values()) out.add(diffHeading(diff));
    out.add(line());
  }

  if (folded) {
    for (const group of groupsOf(plan.changes)) {
      out.anchor(group.title);
      out.add(...groupLines(group, look, { tail: riskTail(group, result) }));
    }
    out.add(summary);
    return { lines: out.lines, anchors: out.anchors, summary };
  }
  for (const [index, change] of plan.changes.entries()) {
    const of = `${index + 1}/${plan.changes.length}`;
    const tried = result.get(change.id);
    const diff = diffs.get(change.id);
    out.anchor(diff ? diff.path : change.title);
    out.add([span(`${of}  `, 'muted'), span(clean(change.title), 'strong')]);
    if (diff) out.add(diffHeading(diff));
    if (!diff || tried?.outcome === 'failed') out.add(...outcomeLines(tried, look));
    for (const lock of strongestFirst(tried?.locks ?? []))
      out.add([span(`  ${lock.level} lock on ${clean(lock.relation)}`), span(`: ${lockMeaning(lock.level)}`, 'muted')]);
    if (change.kind === 'batches')
      out.add(line(`  in batches by ${clean(change.key.column)}, each committed; every old value is kept`, 'muted'));
    if (change.kind === 'batches' && change.quiet) out.add(line('  app triggers do not fire for these rows', 'muted'));
    if (change.kind === 'sql' && change.mode === 'autocommit')
      out.add(line('  one statement outside a transaction, because PostgreSQL asks for it', 'muted'));
    out.add(line());
    if (diff) out.add(...diff.lines);
    else if (change.kind === 'sql') out.add(...statementLines(change, look));
    else if (change.kind === 'batches') out.add(...sqlLines(batchSql(change)));
    out.add(line());
  }
  out.add(summary);
  return { lines: out.lines, anchors: out.anchors, summary };
};
