import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note } from '../../src/rollout/step.ts';
import { applyEdits } from '../../src/workspace/edit.ts';
import { speaksExpress } from '../../src/workspace/frameworks.ts';
import type { Project } from '../../src/workspace/project.ts';
import { projectOf, resolveModule } from '../../src/workspace/resolve.ts';
import { importEdits } from '../../src/workspace/scan/fixes.ts';
import { declarationIn, escapeRegExp, placesOf } from '../../src/workspace/scan/scope.ts';
import { positionOf, Source } from '../../src/workspace/scan/syntax.ts';
import type { Helpers, TextEdit } from '../../src/workspace/scan/types.ts';
import { type Code, textOf } from '../code/code.ts';
import type { Overlay } from '../code/fixes.ts';
import { helpersOf, locateService } from '../code/service.ts';
import type { AnswerEdits } from './answer-edits.ts';
import { followRefusals, importsFrom, type Resolve } from './refusal-flow.ts';

/** A call that refuses, and of which nothing shows that the refusal is answered. */
export type Unanswered = { readonly file: string; readonly line: number; readonly reason: string };

/** What has to be put into the files of the backend so that every refusal is answered, and what nobody can tell. */
export type Answers = {
  readonly edits: ReadonlyMap<string, AnswerEdits>;
  readonly open: readonly Unanswered[];
};

/**
 * A helper of the service refuses by throwing. Express 4 does not wait for an async handler: nobody would answer such a
 * request, and the process could end with it. So each throw is followed from its call to the handler, through catch
 * clauses, callbacks and functions of this file and others: a clause lets a refusal go first, and the handler is wrapped.
 */
export async function answersOf(code: Code, overlay: ReadonlyMap<string, string> = new Map()): Promise<Answers> {
  const { workspace } = code;
  const { backend } = workspace;
  const edits = new Map<string, AnswerEdits>();
  const open: Unanswered[] = [];
  if (backend === null || !speaksExpress(backend)) return { edits, open };
  const service = await locateService(code, backend);
  const sources = new Map<string, Source>();
  for (const { path, fileClass } of workspace.list.files) {
    if (fileClass !== 'source' || !/\.[cm]?[jt]sx?$/.test(path) || path === service.file) continue;
    if (projectOf(path, workspace.projects) !== backend) continue;
    const text = overlay.get(path) ?? (await textOf(workspace, path));
    if (text !== null) sources.set(path, new Source(path, text));
  }
  const known = new Set([...sources.keys(), service.file]);
  const resolve: Resolve = (from, module) => resolveModule(from, module, known, workspace.projects);
  const follow = followRefusals(sources, resolve, edits, await mayBeUndefined(code, backend));
  for (const source of sources.values()) {
    if (!/requireOrgId|assertSameOrg/.test(source.text) || source.errorAt !== null) continue;
    if (!importsFrom(source, service.file, resolve)) continue;
    for (const place of placesOf(source, /(?<![\w$])(?:requireOrgId|assertSameOrg)(?=\s*\()/g)) {
      const call = place.above('call_expression');
      if (!call?.child(0)?.contains(place)) continue;
      const reason = follow(call);
      const { line } = positionOf(source.text, call.start);
      if (reason !== null) open.push({ file: source.path, line, reason });
    }
  }
  return { edits, open };
}

/**
 * Puts into the texts of a plan what answers the refusals in them. A file whose refusals nobody would answer keeps the
 * text that it has, and a person gets the word.
 */
export async function answerRefusals(code: Code, overlay: Overlay): Promise<readonly Unanswered[]> {
  const { backend } = code.workspace;
  if (backend === null) return [];
  const helpers = helpersOf(code.workspace, await locateService(code, backend));
  const { open } = await answersOf(code, overlay);
  for (const { file } of open) overlay.delete(file);
  const { edits } = await answersOf(code, overlay);
  for (const [file, { edits: own, imports, typed }] of edits) {
    const text = overlay.get(file) ?? (await textOf(code.workspace, file));
    const edited = text === null ? null : withNames(file, text, own, imports, helpers);
    if (edited !== null) overlay.set(file, typed === true ? withRequestType(file, edited) : edited);
  }
  for (const [file, text] of overlay) {
    const specifier = /\.[cm]?jsx?$/.test(file) ? helpers.importPath(file) : null;
    if (specifier !== null) overlay.set(file, joinedRequires(text, specifier));
  }
  return open;
}

async function mayBeUndefined({ workspace }: Code, { tsconfig }: Project): Promise<boolean> {
  const text = tsconfig === null ? null : await textOf(workspace, tsconfig);
  return /"noUncheckedIndexedAccess"\s*:\s*true/.test(text ?? '');
}

function withRequestType(file: string, text: string): string {
  const source = new Source(file, text);
  if (declarationIn(source.root, 'Request') !== null) return text;
  const helpers = { requireOrgId: '', assertSameOrg: '', importPath: () => 'express' };
  return applyEdits(text, importEdits(source, helpers, 'type Request') ?? []);
}

/** What several edits require of one module, as one line. */
function joinedRequires(text: string, specifier: string): string {
  const line = new RegExp(
    `^const \\{ ([\\w$, ]+) \\} = require\\((['"])${escapeRegExp(specifier)}\\2\\);?[^\\S\\r\\n]*(?:\\r?\\n|$)`,
    'gm',
  );
  const lines = [...text.matchAll(line)];
  const [first] = lines;
  if (first === undefined || lines.length < 2) return text;
  const names = [...new Set(lines.flatMap(([, list = '']) => list.split(/\s*,\s*/)))].join(', ');
  const joined = first[0].replace(first[1] ?? '', names);
  let at = 0;
  return text.replace(line, () => (at++ === 0 ? joined : ''));
}

function withNames(
  file: string,
  text: string,
  edits: readonly TextEdit[],
  imports: readonly string[],
  helpers: Helpers,
): string {
  let edited = applyEdits(text, edits);
  for (const name of imports) edited = applyEdits(edited, importEdits(new Source(file, edited), helpers, name) ?? []);
  return edited;
}

const wrapIt =
  'Take the organization in the handler itself, and wrap the handler in answeringRefusals of the organization service.';

/** A place that the plan leaves as it is, for the operator. */
export const unansweredNote = ({ file, line, reason }: Unanswered): Note => ({
  text: `${file} is left as it is: nobody would answer what is refused there (line ${line} of the edited file: ${reason}). ${wrapIt}`,
});

/** Every refusal reaches whoever asked. */
export async function* checkAnswers(code: Code): AsyncIterable<CheckResult> {
  const began = performance.now();
  const { backend } = code.workspace;
  if (backend === null || !speaksExpress(backend)) return;
  const { edits, open } = await answersOf(code);
  const places = [...open.map(({ file, line, reason }) => `${file}:${line} ${reason}`), ...edits.keys()];
  yield {
    id: '2.3/answers',
    title: 'Every refusal is answered',
    kind: 'scan',
    verdict: places.length === 0 ? 'passed' : 'failed',
    expected: 'no refusal that is thrown where nobody answers it',
    observed: places.length === 0 ? 'each of them is' : places.slice(0, 5).join(', '),
    ...(places.length === 0 ? {} : { evidence: places.join('\n'), advice: `Apply step 2.3. ${wrapIt}` }),
    milliseconds: performance.now() - began,
  };
}
