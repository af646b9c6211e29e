import { parametersOf } from '../../src/workspace/scan/scope.ts';
import type { SyntaxNode } from '../../src/workspace/scan/syntax.ts';

/** Whose metadata is read. */
export const metadataOf = /([A-Za-z_$][\w$]*(?:[?!]?\.[A-Za-z_$][\w$]*)*)[?!]?\.(?:app|user)_metadata\b/;

/** What an edit of an auth file calls in the service. */
export type Names = Set<'resolveOrgId' | 'devOrgId' | 'reportRefusal'>;

/** The names of request and response of an Express handler. */
export function handlerOf(fn: SyntaxNode): { readonly request: string; readonly response: string | null } | null {
  const [request, response] = parametersOf(fn).map((one) =>
    one.pattern.kind === 'identifier' ? one.pattern.text : null,
  );
  if (!request || !/^_?(?:req|request)\b/.test(request)) return null;
  return { request, response: response && /^_?(?:res|response|reply)\b/.test(response) ? response : null };
}
