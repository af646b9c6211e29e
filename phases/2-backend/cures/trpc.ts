import { callOf, memberOf, type SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { AppFile, Cure, Ground } from './cure.ts';
import { uses } from './ground.ts';
import { functionsAround, propertyOf } from './handlers.ts';

/** tRPC: a procedure whose context holds the organization, on top of the app's own that asks for a user. */
export const trpc: Cure = {
  framework: 'trpc',
  title: 'tRPC',
  detect: (ground) => ground.project?.frameworks.includes('trpc') === true && uses(ground, /@trpc\/server/),
  module: {
    template: 'org-trpc.ts',
    name: 'org-procedure',
    exports: ['orgProcedure', 'assertSameOrg'],
    client: 'service',
  },
  fill: (ground, specifier) => {
    const base = baseOf(ground);
    if (base === null)
      return 'No file exports a procedure that asks for a user (initTRPC, then a procedure with .use): export one as protectedProcedure, then run again.';
    const ask = askOf(ground);
    if (ask === null)
      return 'createContext gives procedures neither the client of the caller nor the headers of the request: put headers there, then run again.';
    return {
      values: { BASE: base.name, TRPC: specifier(base.file), ASK: ask, ASK_IMPORT: /^\w+/.exec(ask)?.[0] ?? '' },
      flags: { client: ask.includes('__CLIENT__') },
    };
  },
  way: (node, _context, ground) => {
    const procedure = procedureAround(node);
    const base = baseOf(ground);
    if (procedure === null || base === null) return null;
    const { root, fn } = procedure;
    const open = isOpen(root.text);
    // A procedure that asks for more than a user keeps what it asks for, which a person has to carry over.
    if (!open && root.text !== base.name && root.text !== 'orgProcedure') return null;
    const context = propertyOf(fn, 'ctx');
    if (context === null) return null;
    const swap = root.text === 'orgProcedure' ? [] : [{ start: root.start, end: root.end, text: 'orgProcedure' }];
    return {
      carrier: context.text,
      awaited: false,
      authenticated: !open,
      edits: [...swap, ...context.edits],
      imports: ['orgProcedure'],
      own: `${context.text}.orgId`,
      words: `orgProcedure in the place of ${root.text}`,
    };
  },
  speaks: /[pP]rocedure\b/,
  instruction:
    'Build the procedure on orgProcedure and use ctx.orgId, or assertSameOrg(ctx, input.…) where the input names one; a procedure of its own (admin, billing) takes the same .use as orgProcedure.',
};

const isOpen = (name: string): boolean => /^(?:public|open|anon|base|guest)|^(?:t\.)?procedure$/i.test(name);

/** The procedure around a place: `root.input(…).mutation(fn)`. */
function procedureAround(node: SyntaxNode): { readonly root: SyntaxNode; readonly fn: SyntaxNode } | null {
  for (const fn of functionsAround(node)) {
    const call = fn.parent?.kind === 'arguments' ? fn.parent.parent : null;
    const callee = call ? callOf(call)?.callee : null;
    let member = callee ? memberOf(callee) : null;
    if (member === null || !/^(?:query|mutation|subscription)$/.test(member.name)) continue;
    for (;;) {
      const { object } = member;
      if (object.kind === 'identifier') return { root: object, fn };
      const inner = callOf(object);
      const next = inner === null ? null : memberOf(inner.callee);
      if (next === null) return /^\w+\.\w+$/.test(object.text) ? { root: object, fn } : null;
      member = next;
    }
  }
  return null;
}

/** The procedure of the app that asks for a user: `protectedProcedure = t.procedure.use(…)`. */
function baseOf({ files }: Ground): { readonly name: string; readonly file: string } | null {
  const found = files
    .filter(({ text }) => /\binitTRPC\b|[pP]rocedure\s*\.\s*use\s*\(/.test(text) && !/\borgProcedure\s*=/.test(text))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/export\s+const\s+(\w*[pP]rocedure)\s*=\s*(?=([\s\S]{0,200}))/g)].map(
        ([, name = '', value = '']) => ({
          name,
          file: path,
          uses: /^[^;]*?\.\s*(?:use|concat)\s*\(/.test(value),
        }),
      ),
    )
    .filter((one) => one.uses && !isOpen(one.name));
  const usual = /^(?:protected|auth\w*|user|private|secure\w*|loggedIn)Procedure$/;
  return found.find(({ name }) => usual.test(name)) ?? (found.length === 1 ? (found[0] ?? null) : null);
}

/** How a procedure asks who is calling, by what the app puts into the context. */
function askOf({ files }: Ground): string | null {
  const made = files.map(contextOf).find((one) => one !== null);
  if (made === undefined || made === null) return null;
  const { keys, text } = made;
  const clients = keys.find((key) => /^(?:supabase|supabaseClient|db|client)$/.test(key));
  if (
    clients !== undefined &&
    /createServerClient|Authorization|createClient\s*\(\s*\)/.test(text) &&
    !/service_?role/i.test(text)
  )
    return `orgOfSession(ctx.${clients})`;
  if (keys.includes('headers')) return "orgOfToken(__CLIENT__, ctx.headers.get('authorization'))";
  const request = keys.find((key) => /^(?:req|request)$/.test(key));
  if (request === undefined) return null;
  const web = /FetchCreateContextFnOptions|adapters\/fetch|NextRequest|:\s*Request\b/.test(text);
  return `orgOfToken(__CLIENT__, ctx.${request}.headers${web ? ".get('authorization')" : '.authorization'})`;
}

/** The names that a context holds, from the function that makes it. */
function contextOf({ text }: AppFile): { readonly keys: readonly string[]; readonly text: string } | null {
  const at = text.search(/\bcreate(?:TRPC|Inner|InnerTRPC)?Context\s*(?:=|\()/);
  if (at < 0) return null;
  const body = text.slice(at, at + 4000);
  const object = /(?:return\s*|=>\s*\(\s*)\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/.exec(body)?.[1];
  if (object === undefined) return null;
  const flat = object.replace(/\{[^{}]*\}|\([^()]*\)/g, '');
  return { keys: [...flat.matchAll(/(?:^|,|\n)\s*(\w+)\s*(?=[:,]|$)/gm)].map(([, key]) => key ?? ''), text };
}
