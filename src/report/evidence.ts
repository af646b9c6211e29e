import type { Change } from '../rollout/change.ts';
import { type CheckResult, verdictWord } from '../rollout/check.ts';
import { groupsOfChecks, kindOf, tallied } from '../rollout/check-groups.ts';
import type { Comparison } from '../rollout/compare-times.ts';
import { groupsOf } from '../rollout/grouping.ts';
import type { Rollout, StepStatus } from '../rollout/rollout.ts';
import { comparisonRows, comparisonSource } from './comparison.ts';
import { escapeHtml, fenced, md } from './escape.ts';
import { count, duration } from './format.ts';
import { replacedLines } from './replaced.ts';

export type About = {
  readonly version: string;
  readonly label: string;
  readonly project: string | null;
  readonly environment: string;
  readonly at: string;
  /** By which plan, and without which rehearsal, steps were applied. */
  readonly remarks: readonly string[];
  /** What a rehearsal predicted beside what came; null where no plan file was given. */
  readonly comparison: Comparison | null;
};

type Section = {
  readonly row: StepStatus;
  readonly changes: readonly Change[];
  readonly checks: readonly CheckResult[];
};

/** Is told the step whose checks run next. */
export type Beginning = (row: StepStatus) => void;

/** Reads the journal and runs the checks of what is applied again: a report says only what is true now. */
async function gather(rollout: Rollout, signal: AbortSignal, beginning: Beginning): Promise<readonly Section[]> {
  const sections: Section[] = [];
  for (const row of await rollout.status()) {
    const changes =
      row.applied > 0 ? (await rollout.rollbackPlan(row.step)).entries.map((entry) => entry.change).reverse() : [];
    const checks: CheckResult[] = [];
    if (row.last !== null && row.state !== 'rolled back' && row.state !== 'skipped') {
      const stop = rollout.listen((event) => {
        if (event.type === 'check') checks.push(event.result);
      });
      try {
        beginning(row);
        await rollout.verify(row.step, signal);
      } finally {
        stop();
      }
    }
    sections.push({ row, changes, checks });
  }
  // The states are those that the checks left, not those from before them.
  const now = await rollout.status();
  return sections.map((one) => ({ ...one, row: now.find(({ step }) => step === one.row.step) ?? one.row }));
}

/** Above this number changes are shown by their kinds, as `plan` does. */
const few = 8;
/** Above this number passed checks are shown by what they ask, as the wizard does. */
const fewChecks = 40;
const numbered = (value: number): string => value.toLocaleString('en');

/** A step in the table at the head of a report. */
const cellsOf = ({ row, changes, checks }: Awaited<ReturnType<typeof gather>>[number]): readonly string[] => {
  const of = (verdict: CheckResult['verdict']) => checks.filter((one) => one.verdict === verdict).length;
  const counts = [changes.length, of('passed'), of('failed'), of('skipped')].map(numbered);
  return [`${row.step} ${row.title}`, row.state, ...counts];
};

export async function markdownReport(
  about: About,
  rollout: Rollout,
  signal: AbortSignal,
  beginning: Beginning = () => undefined,
): Promise<string> {
  const sections = await gather(rollout, signal, beginning);
  const lines = [
    '# Rollout report',
    '',
    `Target \`${about.label}\`${about.project === null ? '' : `, project \`${about.project}\``}, environment ${about.environment}. Made ${about.at} by voxanne-rollout ${about.version}.`,
    '',
    '| step | state | changes in force | checks passed | failed | not checked |',
    '|---|---|---|---|---|---|',
    ...sections.map((one) => `| ${cellsOf(one).join(' | ')} |`),
  ];
  if (about.remarks.length > 0)
    lines.push('', '## How it was applied', '', ...about.remarks.map((one) => `- ${md(one)}`));
  if (about.comparison !== null) {
    const [head = [], ...rows] = comparisonRows(about.comparison);
    const row = (cells: readonly string[]): string => `| ${cells.map(md).join(' | ')} |`;
    lines.push('', '## Predicted and observed', '', md(comparisonSource(about.comparison)), '');
    lines.push(row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row));
  }
  for (const { row, changes, checks } of sections) {
    if (changes.length === 0 && checks.length === 0) continue;
    lines.push('', `## ${row.step} ${row.title}`, '', md(row.why));
    if (changes.length > 0) lines.push('');
    if (changes.length <= few) for (const change of changes) lines.push(`- ${md(change.title)}`);
    else
      for (const group of groupsOf(changes)) {
        lines.push(`- ${md(groupTitle(group))}`);
        for (const change of group.changes) lines.push(`  - ${md(change.title)}`);
      }
    for (const { label, members } of checkGroups(checks)) {
      if (label !== null) lines.push('', `### ${md(passedTitle(label, members))}`);
      for (const check of members) lines.push(...checkLines(check, label === null ? '###' : '####'));
    }
  }
  return `${lines.join('\n')}\n`;
}

const checkLines = (check: CheckResult, heading: string): readonly string[] => [
  '',
  `${heading} ${verdictWord(check.verdict)}: ${md(check.title)}`,
  '',
  `Expected ${md(check.expected)}; observed ${md(check.observed)} (${duration(check.milliseconds)}).`,
  ...(check.advice === undefined ? [] : ['', md(check.advice)]),
  ...(check.evidence === undefined ? [] : ['', ...fenced(check.evidence)]),
];

export async function htmlReport(
  about: About,
  rollout: Rollout,
  signal: AbortSignal,
  beginning: Beginning = () => undefined,
): Promise<string> {
  const sections = await gather(rollout, signal, beginning);
  const rows = sections.map(
    (one) =>
      `<tr>${cellsOf(one)
        .map((cell) => `<td>${escapeHtml(cell)}</td>`)
        .join('')}</tr>`,
  );
  const bodies = sections
    .filter(({ changes, checks }) => changes.length > 0 || checks.length > 0)
    .map(
      ({ row, changes, checks }) =>
        `<h2>${escapeHtml(`${row.step} ${row.title}`)}</h2><p>${escapeHtml(row.why)}</p>${changesHtml(changes)}${checkGroups(
          checks,
        )
          .map(({ label, members }) => {
            const all = members.map(checkHtml).join('');
            return label === null
              ? all
              : `<details class="passed"><summary>${escapeHtml(passedTitle(label, members))}</summary>${all}</details>`;
          })
          .join('')}`,
    );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Rollout report</title>
<style>body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fcfcfa}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}pre{overflow:auto;background:#f0f0ec;padding:.6rem}summary{cursor:pointer}ins,del{text-decoration:none}ins{color:#1a6b2f}del{color:#a11}.passed summary{color:#1a6b2f}.passed .passed{margin-left:1.2rem}.failed summary{color:#a11}.skipped summary{color:#8a5a00}</style>
<h1>Rollout report</h1><p>Target <code>${escapeHtml(about.label)}</code>${about.project === null ? '' : `, project <code>${escapeHtml(about.project)}</code>`}, environment ${escapeHtml(about.environment)}. Made ${about.at} by voxanne-rollout ${about.version}.</p>
<table><tr><th>step</th><th>state</th><th>changes in force</th><th>checks passed</th><th>failed</th><th>not checked</th></tr>${rows.join('')}</table>
${appliedHtml(about)}${bodies.join('\n')}</html>
`;
}

const checkHtml = (check: CheckResult): string =>
  `<details class="${check.verdict}"${check.verdict === 'failed' ? ' open' : ''}><summary>${verdictWord(check.verdict)}: ${escapeHtml(check.title)}</summary><p>Expected ${escapeHtml(check.expected)}; observed ${escapeHtml(check.observed)}.</p>${check.advice === undefined ? '' : `<p>${escapeHtml(check.advice)}</p>`}${check.evidence === undefined ? '' : `<pre>${escapeHtml(check.evidence)}</pre>`}</details>`;

type Shown = { readonly label: string | null; readonly members: readonly CheckResult[] };

/** What failed and what was not checked, each by itself and first; many passed checks by what they ask of what. */
function checkGroups(checks: readonly CheckResult[]): readonly Shown[] {
  const passed = checks.filter(({ verdict }) => verdict === 'passed');
  const others = checks.filter(({ verdict }) => verdict !== 'passed').sort(failedFirst);
  const alone = (members: readonly CheckResult[]): readonly Shown[] =>
    members.length === 0 ? [] : [{ label: null, members }];
  if (passed.length <= fewChecks) return alone([...others, ...passed]);
  const byKind = new Map<string, CheckResult[]>();
  for (const one of passed) {
    const kind = byKind.get(kindOf(one)) ?? [];
    byKind.set(kindOf(one), kind);
    kind.push(one);
  }
  const groups = groupsOfChecks(tallied(new Map(), passed)).map(
    ({ label, kinds, checks: all, first }): Shown =>
      all === 1
        ? { label: null, members: [first] }
        : { label, members: kinds.flatMap((kind) => byKind.get(kind) ?? []) },
  );
  return [...alone(others), ...groups];
}

const passedTitle = (label: string, members: readonly CheckResult[]): string =>
  `${label} · ${count(members.length, 'check')} passed`;

const groupTitle = ({ title, summary, changes }: ReturnType<typeof groupsOf>[number]): string =>
  `${count(changes.length, 'change')}: ${title}${summary === '' ? '' : `, ${summary}`}`;

/** Changes as `plan --verbose` shows them: by their kinds where there are many, and what each replaces as a diff. */
function changesHtml(changes: readonly Change[]): string {
  if (changes.length === 0) return '';
  const list = (some: readonly Change[]): string =>
    `<ul>${some.map((one) => `<li>${escapeHtml(one.title)}${replacedHtml(one)}</li>`).join('')}</ul>`;
  if (changes.length <= few) return list(changes);
  return groupsOf(changes)
    .map(
      (group) =>
        `<details class="changes"><summary>${escapeHtml(groupTitle(group))}</summary>${list(group.changes)}</details>`,
    )
    .join('');
}

function replacedHtml(change: Change): string {
  const lines = replacedLines(change, (_, text) => text);
  if (lines.length === 0) return '';
  const row = (line: string): string =>
    line.startsWith('+')
      ? `<ins>${escapeHtml(line)}</ins>`
      : line.startsWith('-')
        ? `<del>${escapeHtml(line)}</del>`
        : escapeHtml(line);
  return `<details class="replaced"><summary>before and after</summary><pre>${lines.map(row).join('\n')}</pre></details>`;
}

/** How it was applied, and what was predicted of it. */
function appliedHtml({ remarks, comparison }: About): string {
  const list = remarks.map((one) => `<li>${escapeHtml(one)}</li>`).join('');
  const applied = remarks.length === 0 ? '' : `<h2>How it was applied</h2><ul>${list}</ul>\n`;
  if (comparison === null) return applied;
  const rows = comparisonRows(comparison).map(
    (cells, index) =>
      `<tr>${cells.map((one) => (index === 0 ? `<th>${escapeHtml(one)}</th>` : `<td>${escapeHtml(one)}</td>`)).join('')}</tr>`,
  );
  return `${applied}<h2>Predicted and observed</h2><p>${escapeHtml(comparisonSource(comparison))}</p><table>${rows.join('')}</table>\n`;
}

const order = { failed: 0, skipped: 1, passed: 2 } as const;
const failedFirst = (a: CheckResult, b: CheckResult): number => order[a.verdict] - order[b.verdict];
