import { indentAt } from '../../../src/workspace/scan/fixes.ts';
import { parametersOf } from '../../../src/workspace/scan/scope.ts';
import type { SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../../src/workspace/scan/types.ts';
import type { Cure } from './cure.ts';
import { functionsAround } from './handlers.ts';

/** Nest: a guard on the method, and a parameter that it fills. */
export const nest: Cure = {
  framework: 'nest',
  title: 'Nest',
  detect: ({ project }) => project?.frameworks.includes('nest') === true,
  module: {
    template: 'org-nest.ts',
    name: 'org.guard',
    exports: ['OrgGuard', 'OrgId', 'RequireOrg', 'assertSameOrg'],
    client: 'service',
  },
  fill: ({ project }) =>
    project?.typescript === true ? { values: {} } : 'Decorators need TypeScript, which this app does not have.',
  way: (node, { workspace }, { files }) => {
    const method = functionsAround(node).find((fn) => fn.kind === 'method_definition') ?? methodOf(node);
    const body = method?.parent;
    if (!method || body?.kind !== 'class_body') return null;
    const before = decoratorsOf(method);
    if (!before.some((one) => /^@(?:Get|Post|Put|Patch|Delete|All|Head|Options)\b/.test(one.text))) return null;
    const own = /@OrgId\(\)\s*(\w+)/.exec(signatureOf(method))?.[1];
    const list = method.childOfKind('formal_parameters');
    if (list === null) return null;
    const declared = /\bownOrgId\b/.test(method.text) && own === undefined ? 'validatedOrgId' : 'ownOrgId';
    const top = before[0];
    const head = method.source.text.slice(0, method.start);
    const controller = head.slice(Math.max(0, head.lastIndexOf('@Controller') - 300));
    const guarded = /@UseGuards\(|@Auth\w*\(|@ApiBearerAuth/;
    const everywhere = files.some(({ text }) => /\bAPP_GUARD\b|useGlobalGuards\(/.test(text));
    const open = before.some((one) => /^@(?:Public|SkipAuth|AllowAnonymous|IsPublic)\b/i.test(one.text));
    const names = workspace.auth.flatMap(({ exports }) => exports);
    const authenticated =
      !open &&
      (everywhere ||
        guarded.test(controller.split(/\bclass\b/)[0] ?? '') ||
        before.some((one) => guarded.test(one.text) || names.some((name) => one.text.includes(name))));
    const required = before.some((one) => /^@RequireOrg\b/.test(one.text)) || top === undefined;
    return {
      carrier: own ?? declared,
      awaited: false,
      authenticated,
      edits: [
        ...(own === undefined ? [parameterEdit(method, list, declared)] : []),
        ...(required
          ? []
          : [
              {
                start: top.start,
                end: top.start,
                text: `@RequireOrg()${method.source.text.includes('\r\n') ? '\r\n' : '\n'}${indentAt(method.source.text, top.start)}`,
              },
            ]),
      ],
      imports: [...(own === undefined ? ['OrgId'] : []), ...(required ? [] : ['RequireOrg'])],
      words: `@RequireOrg() on ${/(\w+)\s*\($/.exec(signatureOf(method).split('(')[0] ?? '')?.[1] ?? 'the method'}`,
      own: own ?? declared,
    };
  },
  instruction:
    'Put @RequireOrg() on the method or the controller and take the organization from a parameter (@OrgId() orgId: string), or call assertSameOrg(orgId, value) where the request names one; for a webhook verify its signature and look the organization up by what the sender owns.',
};

/** The method whose parameter a node is. */
function methodOf(node: SyntaxNode): SyntaxNode | null {
  let at: SyntaxNode | null = node;
  while (at !== null && at.kind !== 'method_definition') at = at.parent;
  return at;
}

/** The decorators in front of a method. */
function decoratorsOf(method: SyntaxNode): readonly SyntaxNode[] {
  const inside = method.children.filter((one) => one.kind === 'decorator');
  const siblings = method.parent?.children ?? [];
  const found: SyntaxNode[] = [];
  for (let at = siblings.indexOf(method) - 1; siblings[at]?.kind === 'decorator'; at -= 1) {
    const one = siblings[at];
    if (one) found.unshift(one);
  }
  return [...found, ...inside];
}

const signatureOf = (method: SyntaxNode): string =>
  method.source.text.slice(method.start, method.childOfKind('statement_block')?.start ?? method.end);

/** Behind the others, but in front of those that may be left out. */
function parameterEdit(method: SyntaxNode, list: SyntaxNode, name: string): TextEdit {
  const parameter = `@OrgId() ${name}: string`;
  const [first] = list.children;
  const last = list.child(-1);
  if (first === undefined || last === null) return { start: list.start + 1, end: list.end - 1, text: parameter };
  const optional =
    list.children.some((one) => one.kind === 'optional_parameter') ||
    parametersOf(method).some(({ fallback }) => fallback !== null);
  return optional
    ? { start: first.start, end: first.start, text: `${parameter}, ` }
    : { start: last.end, end: last.end, text: `, ${parameter}` };
}
