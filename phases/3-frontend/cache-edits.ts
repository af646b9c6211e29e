import { applyEdits } from '../../src/workspace/edit.ts';
import { importEdits, indentAt, statementAround } from '../../src/workspace/scan/fixes.ts';
import {
  callOf,
  functionAround,
  isFunction,
  keyName,
  parseSource,
  type SyntaxNode,
  stringValue,
} from '../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../src/workspace/scan/types.ts';
import { descendants } from '../code/nodes.ts';
import { nameIn } from './callers.ts';
import type { HookCall } from './hook-edits.ts';

const signsOut = /\bauth\s*\.\s*signOut\s*\(/;
const makesClient = /\bnew\s+QueryClient\s*\(/;
const asks = /\buse(?:SWR\w*|(?:Suspense|Infinite)*Query)\s*[(<]/;

/** Whether a file may need an edit for what the browser keeps of answers; a look at the words only. */
export const mayKeepAnswers = (text: string): boolean =>
  signsOut.test(text) || makesClient.test(text) || asks.test(text);

/**
 * Lets what the browser keeps of answers go when somebody signs out, and keeps apart what was asked for different
 * organizations: a key under which an organization's rows are kept names it. `exports`: what the hook's file exports.
 * `addressed`: whether some file reaches into a cache by this first part of a key, which would then miss the entry.
 */
export async function keepApart(
  file: string,
  text: string,
  hook: HookCall,
  exports: readonly string[],
  addressed: (key: string) => boolean,
): Promise<string> {
  let now = await keyed(file, text, hook, addressed);
  if (exports.includes('emptiedOnSignOut')) now = await withCall(file, now, hook, 'emptiedOnSignOut', clientEdits);
  if (exports.includes('clearOrg') && isForBrowser(file, now))
    now = await withCall(file, now, hook, 'clearOrg', signOutEdits);
  return now;
}

/** A route or an action of the server signs out as well, and keeps nothing. */
const isForBrowser = (file: string, text: string): boolean =>
  !/(?:^|\/)(?:route|middleware|actions?)\.[cm]?[jt]s$|(?:^|\/)(?:pages\/)?api\//.test(file) &&
  !/^\s*['"]use server['"]/m.test(text);

async function withCall(
  file: string,
  text: string,
  hook: HookCall,
  name: string,
  editsOf: (root: SyntaxNode) => readonly TextEdit[],
): Promise<string> {
  if (new RegExp(`\\b${name}\\s*\\(`).test(text)) return text;
  const source = await parseSource(file, text);
  const edits = source.errorAt === null ? editsOf(source.root) : [];
  if (edits.length === 0) return text;
  const helpers = { requireOrgId: '', assertSameOrg: '', importPath: () => hook.from };
  return applyEdits(text, [...edits, ...(importEdits(source, helpers, name) ?? [])]);
}

/** `new QueryClient(…)`, wherever it is made. */
function clientEdits(root: SyntaxNode): readonly TextEdit[] {
  return descendants(root, 'new_expression')
    .filter((node) => node.child(0)?.text === 'QueryClient')
    .flatMap(({ start, end }) => [
      { start, end: start, text: 'emptiedOnSignOut(' },
      { start: end, end, text: ')' },
    ]);
}

/** `await supabase.auth.signOut()` as a statement, or as the value of one: what was kept goes behind it. */
function signOutEdits(root: SyntaxNode): readonly TextEdit[] {
  const { text } = root.source;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return descendants(root, 'call_expression').flatMap((call) => {
    if (!/\bauth\s*\.\s*signOut$/.test(call.child(0)?.text ?? '') || call.parent?.kind !== 'await_expression')
      return [];
    const statement = statementAround(call);
    const isOwn =
      statement.kind === 'expression_statement' || /^(?:lexical|variable)_declaration$/.test(statement.kind);
    if (!isOwn || statement.parent?.kind !== 'statement_block' || functionAround(statement) !== functionAround(call))
      return [];
    const end = statement.text.endsWith(';') ? ';' : '';
    return [
      {
        start: statement.end,
        end: statement.end,
        text: `${newline}${indentAt(text, statement.start)}clearOrg()${end}`,
      },
    ];
  });
}

/** Keys of queries whose function uses the organization that the hook gave, and that do not name it. */
async function keyed(file: string, text: string, hook: HookCall, addressed: (key: string) => boolean): Promise<string> {
  if (!asks.test(text)) return text;
  const source = await parseSource(file, text);
  if (source.errorAt !== null) return text;
  const edits: TextEdit[] = [];
  for (const call of descendants(source.root, 'call_expression')) {
    if (!/^use(?:SWR(?:Immutable)?|(?:Suspense|Infinite)*Query)$/.test(call.child(0)?.text ?? '')) continue;
    const scope = statementAround(call).parent;
    const query = queryOf(call);
    const name = query === null || scope === null ? null : orgIn(scope, query.uses, hook);
    if (query === null || name === null) continue;
    edits.push(...keyEdits(query.key, name, query.keyIsArgument, addressed));
  }
  return applyEdits(text, edits);
}

type Query = {
  readonly key: SyntaxNode;
  /** The function that asks. */
  readonly uses: SyntaxNode;
  /** The function is given the key, so that another shape of it would be noticed. */
  readonly keyIsArgument: boolean;
};

function queryOf(call: SyntaxNode): Query | null {
  const [first, second] = callOf(call)?.args ?? [];
  if (first === undefined) return null;
  if (first.kind === 'object') {
    const value = (name: string): SyntaxNode | null =>
      first.children.find((part) => part.kind === 'pair' && keyName(part.child(0)) === name)?.child(1) ?? null;
    const [key, fn] = [value('queryKey'), value('queryFn')];
    return key && fn && isFunction(fn) ? { key, uses: fn, keyIsArgument: false } : null;
  }
  if (second === undefined || !isFunction(second)) return null;
  const parameters = second.childOfKind('formal_parameters');
  // The type of a parameter says how many parts the key has.
  if (/:/.test(parameters?.text ?? '')) return null;
  return { key: first, uses: second, keyIsArgument: (parameters?.children.length ?? 1) > 0 };
}

/** The variable by which a function knows the organization, where the component has it from the hook. */
function orgIn(scope: SyntaxNode, fn: SyntaxNode, hook: HookCall): string | null {
  for (const statement of scope.children) {
    for (const declarator of statement.children) {
      if (declarator.kind !== 'variable_declarator') continue;
      const [target, value] = [declarator.child(0), declarator.child(-1)];
      if (!target || !value?.text.startsWith(`${hook.name}()`)) continue;
      const name = target.kind === 'identifier' && value.text !== `${hook.name}()` ? target.text : nameIn(target, hook);
      if (name !== null && uses(fn, name)) return name;
    }
  }
  return null;
}

function uses(node: SyntaxNode, name: string): boolean {
  const at = node.kind === 'identifier' ? [node] : descendants(node, 'identifier');
  const short = descendants(node, 'shorthand_property_identifier');
  return [...at, ...short].some((one) => one.text === name);
}

function keyEdits(
  key: SyntaxNode,
  name: string,
  keyIsArgument: boolean,
  addressed: (key: string) => boolean,
): readonly TextEdit[] {
  if (key.kind === 'ternary_expression') {
    const yes = key.child(1);
    return yes ? keyEdits(yes, name, keyIsArgument, addressed) : [];
  }
  if (uses(key, name)) return [];
  if (key.kind === 'array') {
    const last = key.child(-1);
    const head = stringValue(key.child(0));
    // The function of SWR takes the parts by their places: one more at the end changes none of them.
    if (last === null || head === null || addressed(head)) return [];
    return [{ start: last.end, end: last.end, text: `, ${name}` }];
  }
  const whole = stringValue(key);
  if (keyIsArgument || (whole === null && key.kind !== 'template_string') || (whole !== null && addressed(whole)))
    return [];
  return [
    { start: key.start, end: key.start, text: '[' },
    { start: key.end, end: key.end, text: `, ${name}]` },
  ];
}

/** First parts of keys by which code reaches into a cache: `setQueryData(['calls'], …)`, `mutate('/api/calls')`. */
export function addressedKeys(text: string): readonly string[] {
  return [
    ...text.matchAll(
      /\b(?:[sg]etQuer(?:y|ies)Data|getQueryState|ensureQueryData|(?:pre)?fetchQuery|mutate|preload)\s*(?:<[^>()]*>)?\(\s*(?:\{\s*queryKey\s*:\s*)?\[?\s*['"`]([^'"`$]*)/g,
    ),
  ].map(([, key]) => key ?? '');
}
