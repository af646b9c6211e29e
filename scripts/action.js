// What scripts/action.sh cannot say in shell: reads the event, writes annotations, the summary, and the one comment.
import { appendFileSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const env = process.env;
const marker = '<!-- voxanne-rollout guard -->';
const event = () => (env.GITHUB_EVENT_PATH ? JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, 'utf8')) : {});

/** A message of a workflow command: a line end would begin another command. */
const message = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text) => message(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** Text of others in a table of Markdown: no link, no mention, no cell of its own. */
const cell = (text) =>
  text
    .replace(/[\r\n]+/g, ' ')
    .replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one] ?? one)
    .replace(/([\\`*_{}[\]()#+!|~])/g, '\\$1')
    .replaceAll('@', '@\u200b')
    .replaceAll('://', ':\u200b//');

const pathOf = (file) => posix.normalize(posix.join(env.GUARD_WORKSPACE || '.', file));
const placeOf = ({ place }) => (place.kind === 'file' ? `${pathOf(place.file)}:${place.line}` : place.object);

/** What counts comes before advice, of which there may be more than a runner shows. */
const levels = ['error', 'warning', 'note'];
const byWeight = (findings) => [...findings].sort((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level));

function annotate({ findings, notLookedAt }) {
  for (const one of byWeight(findings).slice(0, 50)) {
    const level = { error: 'error', warning: 'warning' }[one.level] ?? 'notice';
    const { place } = one;
    const where =
      place.kind === 'file'
        ? `file=${property(pathOf(place.file))},line=${place.line},endLine=${place.endLine},col=${place.column},`
        : '';
    const text = `${place.kind === 'file' ? '' : `${place.object}: `}${one.reason} ${one.instruction}`;
    console.log(`::${level} ${where}title=${property(one.kind)}::${message(text)}`);
  }
  for (const one of notLookedAt) console.log(`::warning title=not checked::${message(`${one.what}: ${one.reason}`)}`);
}

function markdown({ findings, notLookedAt }, mode) {
  const counted = findings.filter((one) => one.level !== 'note');
  const what = mode === 'drift' ? 'the database' : 'this pull request';
  const lines = [
    marker,
    counted.length === 0
      ? `**voxanne-rollout guard**: no new finding in ${what}.`
      : `**voxanne-rollout guard**: ${counted.length} new ${counted.length === 1 ? 'finding' : 'findings'} in ${what}.`,
  ];
  if (counted.length > 0) {
    lines.push('', '| where | what | what to do |', '|---|---|---|');
    for (const one of byWeight(counted).slice(0, 30))
      lines.push(`| ${cell(placeOf(one))} | ${cell(one.reason)} | ${cell(one.instruction)} |`);
    if (counted.length > 30) lines.push('', `${counted.length - 30} more are in the log.`);
  }
  if (notLookedAt.length > 0) {
    lines.push('', 'Not checked:', '');
    for (const one of notLookedAt.slice(0, 20)) lines.push(`- ${cell(one.what)}: ${cell(one.reason)}`);
  }
  return lines.join('\n');
}

/** Keeps one comment: the first with our marker that may be edited is updated, else one is made if there is something to say. */
async function comment(body, isNews) {
  const number = event().pull_request?.number;
  if (env.GUARD_COMMENT !== 'true' || !Number.isInteger(number) || !env.GUARD_TOKEN) return;
  const repository = env.GITHUB_REPOSITORY ?? '';
  const api = `${env.GITHUB_API_URL ?? 'https://api.github.com'}/repos/${repository}`;
  const ask = (method, path, content) =>
    fetch(`${api}${path}`, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(20_000),
      headers: {
        authorization: `Bearer ${env.GUARD_TOKEN}`,
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
        'content-type': 'application/json',
      },
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    });
  for (let page = 1; page <= 30; page++) {
    const answer = await ask('GET', `/issues/${number}/comments?per_page=100&page=${page}`);
    if (!answer.ok) throw new Error(`reading the comments was answered with ${answer.status}`);
    const comments = await answer.json();
    for (const one of comments.filter(({ body: text }) => text?.startsWith(marker))) {
      if (one.body === body) return;
      const done = await ask('PATCH', `/issues/comments/${one.id}`, { body });
      if (done.ok) return;
      // Somebody else wrote the marker: theirs is not ours to edit.
      if (done.status !== 403 && done.status !== 404) throw new Error(`the comment was answered with ${done.status}`);
    }
    if (comments.length < 100) break;
  }
  if (!isNews) return;
  const made = await ask('POST', `/issues/${number}/comments`, { body });
  if (!made.ok) throw new Error(`the comment was answered with ${made.status}`);
}

async function tell([file, mode, code]) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const body = markdown(report, mode);
  annotate(report);
  console.log(body.split('\n')[1]?.replaceAll('**', ''));
  if (env.GITHUB_STEP_SUMMARY) appendFileSync(env.GITHUB_STEP_SUMMARY, `${body}\n`);
  const counted = report.findings.filter((one) => one.level !== 'note').length;
  if (env.GITHUB_OUTPUT) appendFileSync(env.GITHUB_OUTPUT, `findings=${counted}\nreport=${join(file)}\n`);
  if (mode !== 'scan') return;
  // A pull request from a fork has a token that only reads: the annotations are there all the same.
  await comment(body, code !== '0').catch((error) =>
    console.log(
      `::warning title=voxanne-rollout guard::${message(`No comment was written: ${error.message}. It needs the permission pull-requests: write.`)}`,
    ),
  );
}

const [what, ...rest] = process.argv.slice(2);
if (what === 'base') {
  const sha = event().pull_request?.base?.sha;
  console.log(typeof sha === 'string' && /^[0-9a-f]{40,64}$/.test(sha) ? sha : '');
} else if (what === 'tell') await tell(rest);
else throw new Error('action.js base | tell REPORT MODE CODE');
