import { applyEdits } from '../../src/workspace/edit.ts';
import { resolveModule } from '../../src/workspace/resolve.ts';
import { indentAt } from '../../src/workspace/scan/fixes.ts';
import { functionAround, isFunction, parseSource, type SyntaxNode } from '../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../src/workspace/scan/types.ts';
import { type Code, textOf } from '../code/code.ts';
import { descendants } from '../code/nodes.ts';
import type { Hook } from './hook.ts';

/**
 * The files that call the hook, with effects and handlers that wait for it: where it used to give a default at once, it
 * is now null until the session is read, and a request for `null` would be refused (and a strict compiler says so).
 */
export async function guardedCallers(code: Code, hook: Hook): Promise<ReadonlyMap<string, string>> {
  const { workspace } = code;
  const { files } = workspace.list;
  const known = new Set(files.map(({ path }) => path));
  const changed = new Map<string, string>();
  for (const { path: file, fileClass } of files) {
    if (fileClass !== 'source' || file === hook.file) continue;
    const text = (await textOf(workspace, file)) ?? '';
    if (!new RegExp(`\\b${hook.name}\\s*\\(`).test(text)) continue;
    const imports = [...text.matchAll(/from\s*['"]([^'"]+)['"]/g)].map(([, specifier]) => specifier ?? '');
    if (!imports.some((one) => resolveModule(file, one, known, workspace.projects) === hook.file)) continue;
    const after = await guard(file, text, hook);
    if (after !== text) changed.set(file, after);
  }
  return changed;
}

/** Lets what a component does with the id wait for it. `only`: the variable that holds it; null: any. */
export async function guard(
  file: string,
  text: string,
  hook: Pick<Hook, 'name' | 'keys'>,
  only: string | null = null,
): Promise<string> {
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return text;
  const edits: TextEdit[] = [];
  for (const declarator of descendants(source.root, 'variable_declarator')) {
    const [target, value] = [declarator.child(0), declarator.child(-1)];
    const [, key] = new RegExp(`^${hook.name}\\s*\\(\\s*\\)(\\.\\w+)?(?:\\s+as\\s+string)?$`).exec(
      value?.text ?? '',
    ) ?? [null];
    if (!target || key === null) continue;
    const name = key === undefined ? nameIn(target, hook) : target.text;
    const component = functionAround(declarator);
    if (name === null || component === null || (only !== null && name !== only)) continue;
    for (const fn of innerFunctions(component)) edits.push(...guardOf(fn, name));
  }
  return applyEdits(text, edits);
}

/** The variable that holds the id: `const { orgId }`, `const { orgId: id, loading }`, `const id`. */
export function nameIn(target: SyntaxNode, { keys }: Pick<Hook, 'keys'>): string | null {
  if (target.kind === 'identifier') return keys === null ? target.text : null;
  const key = keys?.find(([, meaning]) => meaning === 'orgId')?.[0];
  return key === undefined
    ? null
    : (new RegExp(`[{,\\s]${key}(?:\\s*:\\s*(\\w+))?\\s*[,}]`).exec(target.text)?.[1] ??
        (new RegExp(`[{,\\s]${key}\\s*[,}]`).test(target.text) ? key : null));
}

/** Functions inside of a component that stand in no other function of it. */
function innerFunctions(component: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  const enter = (node: SyntaxNode): void => {
    for (const child of node.children) {
      if (isFunction(child)) found.push(child);
      else enter(child);
    }
  };
  enter(component);
  return found;
}

function guardOf(fn: SyntaxNode, name: string): readonly TextEdit[] {
  const body = fn.childOfKind('statement_block');
  const first = body?.child(0);
  // A function that promises a type cannot end without a value.
  if (!body || !first || fn.childOfKind('type_annotation') !== null) return [];
  if (new RegExp(`if\\s*\\(\\s*!\\s*${name}\\b`).test(body.text)) return [];
  const used = descendants(body, 'identifier').some((one) => one.text === name && inArguments(one, body));
  if (!used) return [];
  const { text } = fn.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const gives = descendants(body, 'return_statement').some(
    (one) => functionAround(one) === fn && one.children.length > 0,
  );
  const end = /;\s*$/.test(first.text) || !/\n/.test(body.text) || /;\s*\n/.test(body.text) ? ';' : '';
  return [
    {
      start: first.start,
      end: first.start,
      text: `if (!${name}) return${gives ? ' undefined' : ''}${end}${newline}${indentAt(text, first.start)}`,
    },
  ];
}

function inArguments(node: SyntaxNode, within: SyntaxNode): boolean {
  for (let at = node.parent; at !== null && at !== within; at = at.parent) if (at.kind === 'arguments') return true;
  return false;
}
