import { groupsOf } from '../rollout/grouping.ts';
import type { Running } from '../rollout/impact.ts';
import { type Measured, planName, type Rehearsal, type SavedPlan } from '../rollout/saved-plan.ts';
import type { StepId } from '../rollout/step.ts';
import { escapeHtml, md } from './escape.ts';
import { count, duration, type Paint } from './format.ts';
import { codeText, placeText } from './saved-plan.ts';

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Bytes for people. */
export const bytes = (n: number): string =>
  n < 1024 ? `${Math.round(n)} B` : n < 1024 ** 2 ? `${(n / 1024).toFixed(1)} kB` : `${(n / 1024 ** 2).toFixed(1)} MB`;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const longest = (changes: readonly Measured[], of: (one: Measured) => number | null): Measured | null =>
  changes.reduce<Measured | null>(
    (best, one) => ((of(one) ?? -1) > (best === null ? -1 : (of(best) ?? -1)) ? one : best),
    null,
  );

/** The short of a rehearsal, for the terminal. */
export function rehearsalLines(rehearsal: Rehearsal, paint: Paint): readonly string[] {
  return [
    ...rehearsal.steps.map(({ step, forward, verified, back }) => {
      const own = rehearsal.changes.filter((one) => one.step === step);
      return `${step}  forward ${duration(forward)}, verified in ${duration(verified)}, back ${duration(back)}  ${paint('dim', `${count(own.length, 'change')}, ${count(sum(own.map((one) => one.rows)), 'row')}, ${bytes(sum(own.map((one) => one.walBytes)))} of WAL`)}`;
    }),
    ...facts(rehearsal).map(([what, value]) => `${what}: ${value}`),
    ...(rehearsal.code?.steps ?? []).map(
      ({ step, forward, verified, back }) =>
        `${step}  forward ${duration(forward)}, verified in ${duration(verified)}, back ${duration(back)}  ${paint('dim', 'in a copy of the checkout')}`,
    ),
    `The code: ${codeText(rehearsal.code)}`,
    ...(rehearsal.load?.errors ?? []).map(
      (one) =>
        `${paint('warn', '!')} load failed ${count(one.times, 'time')} in ${one.step ?? 'no step'}: ${one.message}`,
    ),
  ];
}

/** What production will see, each with its value. */
function facts(rehearsal: Rehearsal): readonly (readonly [string, string])[] {
  const { changes, reader, load } = rehearsal;
  const held = longest(changes, (one) => one.held);
  const read = longest(changes, (one) => one.longestRead);
  const retries = sum(changes.map((one) => one.retries));
  return [
    [
      'Longest lock',
      held?.held == null
        ? 'none that a reader or writer of a whole table waits for'
        : `${duration(held.held)} at most (${held.change})`,
    ],
    [
      'Longest wait of a reader',
      reader === null || read?.longestRead == null
        ? 'not measured'
        : `${duration(read.longestRead)} (${read.change}; ${count(reader.reads, 'read')}; ${duration(reader.quiet)} before anything was changed${reader.errors > 0 ? `, ${reader.errors} failed` : ''})`,
    ],
    ['Tries that gave way to a lock of others', String(retries)],
    ['Rows written', sum(changes.map((one) => one.rows)).toLocaleString('en')],
    ['Write-ahead log', `${bytes(sum(changes.map((one) => one.walBytes)))}, with what others wrote meanwhile`],
    [
      'Load beside it',
      load === null
        ? 'none'
        : `${load.name}: ${count(load.statements, 'statement')}, the longest ${duration(load.longest)}, ${count(sum(load.errors.map((one) => one.times)), 'error')}`,
    ],
  ];
}

export type RehearsalPage = {
  readonly plan: SavedPlan;
  readonly rehearsal: Rehearsal;
  /** Parts of the load that failed before anything was changed. */
  readonly leftOut: readonly string[];
  /** What running code has to do around each step. */
  readonly running: ReadonlyMap<StepId, Running | null>;
};

type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** The page in blocks, which Markdown and HTML write each in its own way. */
function blocks({ plan, rehearsal, leftOut, running }: RehearsalPage): readonly Block[] {
  const measured = new Map(rehearsal.changes.map((one) => [`${one.step} ${one.change}`, one]));
  const changes = plan.steps.flatMap(({ step, changes: own }) => own.map(({ change }) => ({ step, change })));
  const slowest = [...rehearsal.changes].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, 15);
  const titleOf = (one: Measured): string =>
    changes.find(({ step, change }) => step === one.step && change.id === one.change)?.change.title ?? one.change;
  return [
    {
      kind: 'text',
      text: `Plan ${planName(plan)} for ${placeText(plan.target)}, rehearsed on ${placeText(rehearsal.on)} at ${rehearsal.at.slice(0, 16).replace('T', ' ')} UTC with voxanne-rollout ${rehearsal.tool} and PostgreSQL ${rehearsal.server}: forward and verified, back and proven, forward again with the same changes.`,
    },
    {
      kind: 'text',
      text: 'Times are those of the rehearsal. A larger table, a slower disk and more load make them longer; what is locked, in which order and how often does not change.',
    },
    { kind: 'heading', text: 'What production will see' },
    { kind: 'list', items: facts(rehearsal).map(([what, value]) => `${what}: ${value}`) },
    ...(rehearsal.load !== null && rehearsal.load.errors.length > 0
      ? [
          { kind: 'heading', text: 'What failed for the load beside it' } as const,
          {
            kind: 'table',
            head: ['step', 'times', 'what'],
            rows: rehearsal.load.errors.map((one) => [one.step ?? '', String(one.times), one.message]),
          } as const,
        ]
      : []),
    ...(leftOut.length > 0
      ? [
          { kind: 'heading', text: 'Not part of the load, since it failed before the rollout' } as const,
          { kind: 'list', items: leftOut } as const,
        ]
      : []),
    { kind: 'heading', text: 'Step by step' },
    {
      kind: 'table',
      head: ['step', 'changes', 'forward', 'verified in', 'back', 'longest lock', 'longest read', 'rows', 'WAL'],
      rows: plan.steps.map(({ step, title, changes: own }) => {
        const times = rehearsal.steps.find((one) => one.step === step);
        const of = own.flatMap(({ change }) => measured.get(`${step} ${change.id}`) ?? []);
        const held = longest(of, (one) => one.held)?.held ?? null;
        const read = longest(of, (one) => one.longestRead)?.longestRead ?? null;
        return [
          `${step} ${title}`,
          String(own.length),
          times === undefined ? 'not run' : duration(times.forward),
          times === undefined ? '' : duration(times.verified),
          times === undefined ? '' : duration(times.back),
          held === null ? 'none' : duration(held),
          read === null ? 'not measured' : duration(read),
          sum(of.map((one) => one.rows)).toLocaleString('en'),
          bytes(sum(of.map((one) => one.walBytes))),
        ];
      }),
    },
    { kind: 'heading', text: 'What running code has to do' },
    {
      kind: 'list',
      items: plan.steps.flatMap(({ step, title, changes: own }) => {
        const around = running.get(step);
        if (own.length === 0 || around === undefined || around === null) return [];
        return [
          ...(around.before === '' ? [] : [`before ${step} ${title}: ${around.before}`]),
          ...(around.after === '' ? [] : [`after ${step} ${title}: ${around.after}`]),
        ];
      }),
    },
    { kind: 'heading', text: 'Changes that took longest' },
    {
      kind: 'table',
      head: ['step', 'change', 'time', 'lock held at most', 'longest read', 'retries', 'rows', 'WAL'],
      rows: slowest.map((one) => [
        one.step,
        titleOf(one),
        duration(one.milliseconds),
        one.held === null ? 'none' : duration(one.held),
        one.longestRead === null ? 'not measured' : duration(one.longestRead),
        String(one.retries),
        one.rows.toLocaleString('en'),
        bytes(one.walBytes),
      ]),
    },
    { kind: 'heading', text: 'All changes' },
    {
      kind: 'list',
      items: plan.steps.flatMap(({ step, changes: own }) =>
        groupsOf(own.map((one) => one.change)).map(
          (group) =>
            `${step}: ${group.title}${group.summary === '' ? '' : `, ${group.summary}`} (${count(group.changes.length, 'change')})`,
        ),
      ),
    },
    { kind: 'heading', text: 'The code' },
    { kind: 'text', text: sentence(codeText(rehearsal.code)) },
    ...(rehearsal.code !== null && rehearsal.code.steps.length > 0
      ? [
          {
            kind: 'table',
            head: ['step', 'forward', 'verified in', 'back'],
            rows: rehearsal.code.steps.map((one) => [
              one.step,
              duration(one.forward),
              duration(one.verified),
              duration(one.back),
            ]),
          } as const,
        ]
      : []),
    {
      kind: 'text',
      text: 'Not covered: what the API, the pooler and the auth server do, and the app while it runs.',
    },
  ];
}

export const rehearsalMarkdown = (page: RehearsalPage): string =>
  `# What production will see\n\n${blocks(page)
    .map((block) => {
      if (block.kind === 'heading') return `## ${block.text}`;
      if (block.kind === 'text') return md(block.text);
      if (block.kind === 'list') return block.items.map((one) => `- ${md(one)}`).join('\n') || 'Nothing.';
      const row = (cells: readonly string[]): string => `| ${cells.map(md).join(' | ')} |`;
      return [row(block.head), `|${'---|'.repeat(block.head.length)}`, ...block.rows.map(row)].join('\n');
    })
    .join('\n\n')}\n`;

export const rehearsalHtml = (page: RehearsalPage): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>What production will see</title>
<style>body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fcfcfa}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}</style>
<h1>What production will see</h1>
${blocks(page)
  .map((block) => {
    if (block.kind === 'heading') return `<h2>${escapeHtml(block.text)}</h2>`;
    if (block.kind === 'text') return `<p>${escapeHtml(block.text)}</p>`;
    if (block.kind === 'list') return `<ul>${block.items.map((one) => `<li>${escapeHtml(one)}</li>`).join('')}</ul>`;
    const row = (cells: readonly string[], tag: 'td' | 'th'): string =>
      `<tr>${cells.map((one) => `<${tag}>${escapeHtml(one)}</${tag}>`).join('')}</tr>`;
    return `<table>${row(block.head, 'th')}${block.rows.map((one) => row(one, 'td')).join('')}</table>`;
  })
  .join('\n')}
</html>
`;
