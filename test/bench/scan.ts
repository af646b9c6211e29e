import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from '@ast-grep/napi';
import { build } from 'esbuild';
import { packageRoot } from '../../src/package-root.ts';
import { listFiles } from '../../src/workspace/files.ts';
import { languageOf } from '../../src/workspace/scan/syntax.ts';
import { type FindingKind, findingKinds, type Rename } from '../../src/workspace/scan/types.ts';
import { type BenchContext, type BenchResult, median, ms, times } from './setup.ts';

const app = fileURLToPath(new URL('../../src/demo/app', import.meta.url));

/**
 * Patterns in which `ast-grep scan` looks for what the rules look for: one for each shape that a rule begins from. A
 * pattern sees a shape; the rules follow values as well, so this is the least that reading the same code costs.
 */
const patterns: Readonly<Record<FindingKind, readonly string[]>> = {
  'first-org': [
    '$DB.from($TABLE).select($$$COLUMNS).limit(1)',
    '$DB.from($TABLE).select($$$COLUMNS).range(0, 0)',
    '$QUERY.single()',
    '$QUERY.maybeSingle()',
    '$MODEL.findFirst($$$OPTIONS)',
    '$ROWS[0]',
    '$ROWS.at(0)',
  ],
  'default-org': ["$ORG || 'default'", "$ORG ?? ''", "$ORG ??= 'default'", "$TEST ? $ORG : 'default'"],
  'hard-coded-org': [
    "$NAME === 'a0000000-0000-4000-8000-000000000001'",
    "const $NAME = 'a0000000-0000-4000-8000-000000000001'",
    "$QUERY.eq($COLUMN, 'a0000000-0000-4000-8000-000000000001')",
  ],
  'user-metadata-org': ['$USER.user_metadata', '$USER.user_metadata.org_id', 'const { user_metadata } = $USER'],
  'request-org': [
    '$REQUEST.headers',
    '$REQUEST.header($NAME)',
    '$REQUEST.query',
    '$REQUEST.body',
    '$REQUEST.params',
    '$REQUEST.cookies',
    '$TOKENS.decode($TOKEN)',
    'JSON.parse($STATE)',
  ],
  'body-spread': ['$QUERY.insert($$$ROWS)', '$QUERY.update($$$ROW)', '$QUERY.upsert($$$ROWS)'],
  'browser-org-header': ['fetch($$$REQUEST)', '$HEADERS.set($NAME, $ORG)'],
  'stored-org': [
    'localStorage.$METHOD($$$ITEM)',
    'sessionStorage.$METHOD($$$ITEM)',
    'document.cookie',
    'Cookies.$METHOD($$$ITEM)',
    'AsyncStorage.$METHOD($$$ITEM)',
  ],
  'unscoped-query': [
    "$QUERY.eq('id', $ID)",
    '$QUERY.match({ id: $ID })',
    '$MODEL.findMany($$$OPTIONS)',
    '$QUERY.from($TABLE)',
  ],
  'old-column': [
    "$QUERY.eq('organization_id', $ID)",
    "$QUERY.neq('organization_id', $ID)",
    "$QUERY.in('organization_id', $IDS)",
    "$QUERY.is('organization_id', $VALUE)",
    "$QUERY.not('organization_id', $$$TEST)",
    "$QUERY.filter('organization_id', $$$TEST)",
    "$QUERY.order('organization_id', $$$OPTIONS)",
    '$QUERY.select($COLUMNS)',
    '$QUERY.or($FILTER)',
    '$QUERY.match({ organization_id: $ID })',
    '$QUERY.insert({ organization_id: $ID })',
    '$QUERY.upsert($ROW, { onConflict: $COLUMNS })',
    '$CHANNEL.on($EVENT, { filter: $FILTER }, $HANDLER)',
    '$ROW.organization_id',
    'const { organization_id } = $ROW',
    'z.object({ organization_id: $TYPE })',
    'pgTable($TABLE, $COLUMNS)',
    '$SQL.query($TEXT, $$$VALUES)',
  ],
  'settings-placeholder': ['$PAGE.settings'],
};
const shapes = Object.values(patterns).flat().length;

const renames: readonly Rename[] = ['profiles', 'invoices', 'agents', 'teams', 'calls', 'leads'].map((table) => ({
  table,
  from: 'organization_id',
  to: 'org_id',
}));

/** Each figure is the CPU time of a process of its own, since other work on the machine stretches the clock. */
type Usage = { readonly cpu: number; readonly rss: number; readonly findings: number };

/**
 * The scan against `ast-grep scan` with a pattern for each shape and with one for each rule, and how it grows. BENCH_APP names a real app to scan, else the
 * sample app is taken eight times; AST_GREP names the program, which comes with the package `@ast-grep/cli`.
 */
export async function scanBench(_context: BenchContext): Promise<BenchResult> {
  const folder = await mkdtemp(path.join(tmpdir(), 'voxanne-scan-'));
  const program = await bundled(folder, 'scan', scanning);
  const parser = await bundled(folder, 'parse', parsing);
  try {
    const copies = path.join(folder, 'copies');
    const target = process.env.BENCH_APP ?? (await copiesOf(copies, 8));
    const { files } = await listFiles(target);
    const own = await medianOf(5, () => inProcess(program, target));
    const bare = await medianOf(5, () => inProcess(parser, target));
    const reference = await referenceOf(folder, target, (all) => all);
    const least = await referenceOf(folder, target, (all) => all.slice(0, 1));
    const lines = [
      `voxanne scan, ${findingKinds.length} rules   ${ms(own.cpu)}   ${Math.round(own.rss)} MB   ${files.length} files`,
      `the same files parsed and nothing else   ${ms(bare.cpu)}   ${Math.round(bare.rss)} MB   voxanne is ${times(own.cpu / bare.cpu)} of it`,
      `${reference.name}, ${shapes} patterns, one for each shape that a rule begins from   ${ms(reference.cpu)}   voxanne is ${times(own.cpu / reference.cpu)} of it`,
      `${least.name}, ${findingKinds.length} patterns, one for each rule   ${ms(least.cpu)}   voxanne is ${times(own.cpu / least.cpu)} of it`,
      ...(reference.note === null ? [] : [reference.note]),
    ];
    const growth: { readonly files: number; readonly usage: Usage }[] = [];
    for (const wanted of [500, 2_000, 10_000]) {
      const root = path.join(folder, `grown-${wanted}`);
      await copiesOf(root, Math.round(wanted / (await listFiles(app)).files.length));
      const count = (await listFiles(root)).files.length;
      growth.push({ files: count, usage: await inProcess(program, root) });
      await rm(root, { recursive: true });
    }
    const each = growth.map((one) => one.usage.cpu / one.files);
    for (const [index, { files: count, usage }] of growth.entries())
      lines.push(
        `${String(count).padStart(6)} files   ${ms(usage.cpu)}   ${(each[index] ?? 0).toFixed(2)} ms a file   ${Math.round(usage.rss)} MB   ${usage.findings} findings`,
      );
    const first = growth[0]?.usage.rss ?? 0;
    const last = growth.at(-1)?.usage.rss ?? 0;
    return {
      title: 'f. scan of code, CPU time',
      lines,
      goals: [
        { goal: 'within 1.5x of a bare parse of the same files', met: own.cpu <= 1.5 * bare.cpu },
        { goal: `within 1.5x of ${reference.name} with as many patterns`, met: own.cpu <= 1.5 * reference.cpu },
        {
          goal: 'linear: a file of 10,000 costs no more than one of 500',
          met: (each.at(-1) ?? 0) <= 1.1 * (each[0] ?? 0),
        },
        { goal: 'memory bounded: no more than 3x for 20x the files', met: last <= 3 * first },
        { goal: 'no more than 250 MB for 10,000 files', met: last <= 250 },
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An app of as many copies of the sample app's sources as asked for, under one pair of packages. */
async function copiesOf(root: string, count: number): Promise<string> {
  await cp(app, root, { recursive: true, filter: (source) => !source.includes('node_modules') });
  const sources = (await listFiles(app)).files.map((file) => file.path);
  const texts = await Promise.all(sources.map((file) => readFile(path.join(app, file), 'utf8')));
  for (let copy = 1; copy < count; copy += 1) {
    for (const [index, file] of sources.entries()) {
      const [project, inside] = /^(backend\/src|src)\/(.+)$/.exec(file)?.slice(1) ?? ['src', file];
      const place = path.join(root, project ?? 'src', `copy-${copy}`, inside ?? file);
      await mkdir(path.dirname(place), { recursive: true });
      await writeFile(place, texts[index] ?? '');
    }
  }
  return root;
}

async function medianOf(rounds: number, measure: () => Promise<Usage>): Promise<Usage> {
  const all: Usage[] = [];
  for (let round = 0; round < rounds; round += 1) all.push(await measure());
  const middle = median(all.map((one) => one.cpu));
  return all.find((one) => one.cpu === middle) ?? { cpu: middle, rss: 0, findings: 0 };
}

/**
 * One scan in a fresh process, bundled as it is shipped: a loader of TypeScript compiles on behind it. What node and the
 * look at the workspace cost comes before it is measured.
 */
async function inProcess(program: string, root: string): Promise<Usage> {
  const said = execFileSync(process.execPath, [program, root, JSON.stringify(renames)], { encoding: 'utf8' });
  return JSON.parse(said) as Usage;
}

const scanning = `import { discoverWorkspace } from './src/workspace/discover.ts';
import { scan } from './src/workspace/scan/scan.ts';
const workspace = await discoverWorkspace(process.argv[2]);
const before = process.cpuUsage();
const { findings } = await scan(workspace, { renames: JSON.parse(process.argv[3]) });
const found = findings.length;
`;
/** What reading every file costs before anything is looked for in it. */
const parsing = `import { parse } from '@ast-grep/napi';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { listFiles } from './src/workspace/files.ts';
import { languageOf, Source } from './src/workspace/scan/syntax.ts';
const before = process.cpuUsage();
const { files } = await listFiles(process.argv[2]);
let found = 0;
for (const file of files) {
  if (file.fileClass === 'minified' || file.fileClass === 'vendored' || /\\.(?:prisma|sql)$/.test(file.path)) continue;
  const { text } = new Source(file.path, readFileSync(path.join(process.argv[2], file.path), 'utf8'));
  found += parse(languageOf(file.path), text).root().isLeaf() ? 0 : 1;
  // Trees of the parser are no garbage that anybody sees.
  if (found % 200 === 0) await new Promise((resume) => setImmediate(resume));
}
`;
const telling = `const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpu: (user + system) / 1000, rss: process.resourceUsage().maxRSS / 1024, findings: found }));
`;

/** A program of `inProcess`, beside a link to the packages that it loads. */
async function bundled(folder: string, name: string, contents: string): Promise<string> {
  const outfile = path.join(folder, `${name}.mjs`);
  const packages = path.join(folder, 'node_modules');
  if (!existsSync(packages)) await symlink(path.join(packageRoot(), 'node_modules'), packages);
  await build({
    stdin: { contents: contents + telling, resolveDir: packageRoot() },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  return outfile;
}

type Reference = { readonly name: string; readonly cpu: number; readonly note: string | null };

/** `ast-grep scan` where the program is there; else its library on the same files. */
async function referenceOf(
  folder: string,
  root: string,
  some: (patterns: readonly string[]) => readonly string[],
): Promise<Reference> {
  const chosen = Object.entries(patterns).flatMap(([kind, all]) =>
    some(all).map((pattern, index) => ({ id: `${kind}-${index}`, pattern })),
  );
  const program = process.env.AST_GREP ?? 'node_modules/.bin/ast-grep';
  if (!existsSync(program)) {
    return {
      name: 'findAll of @ast-grep/napi',
      cpu: await withLibrary(
        root,
        chosen.map((one) => one.pattern),
      ),
      note: `ast-grep scan was skipped: there is no ${program}; set AST_GREP to the program of @ast-grep/cli.`,
    };
  }
  const rules = path.join(folder, 'rules.yml');
  const languages = ['TypeScript', 'Tsx', 'JavaScript'];
  const each = languages.flatMap((language) =>
    chosen.map(
      ({ id, pattern }) =>
        `id: ${id}-${language}\nlanguage: ${language}\nmessage: ${id}\nrule:\n  pattern: ${JSON.stringify(pattern)}\n`,
    ),
  );
  await writeFile(rules, each.join('---\n'));
  const rounds = Array.from({ length: 5 }, () => cpuOf(program, ['scan', '-r', rules, '--json=stream', root]));
  return { name: 'ast-grep scan', cpu: median(rounds), note: null };
}

/** The CPU time of a program, start and end included, as the shell counts that of its children. */
function cpuOf(program: string, args: readonly string[]): number {
  const said = execFileSync('sh', ['-c', '"$@" > /dev/null; times', 'sh', program, ...args], { encoding: 'utf8' });
  const children = said.trim().split('\n').at(-1) ?? '';
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000, 0);
}

async function withLibrary(root: string, wanted: readonly string[]): Promise<number> {
  const { files } = await listFiles(root);
  const code = files.filter((file) => !file.path.endsWith('.prisma') && file.fileClass !== 'minified');
  const measured: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    for (const file of code) {
      const tree = parse(languageOf(file.path), await readFile(path.join(root, file.path), 'utf8')).root();
      for (const pattern of wanted) tree.findAll(pattern);
    }
    const { user, system } = process.cpuUsage(before);
    measured.push((user + system) / 1000);
  }
  return median(measured);
}
