import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { behindAuth } from './behind-auth.ts';
import { classOfText, type FileList } from './files.ts';
import type { AuthFile, ClientRole, Project, SupabaseClientFile } from './project.ts';

export type Traits = {
  readonly auth: readonly AuthFile[];
  readonly supabaseClients: readonly SupabaseClientFile[];
  readonly generatedTypes: readonly string[];
  readonly authenticatedFiles: ReadonlySet<string>;
};

const authCode = /\.auth\s*\.\s*(?:getUser|getClaims)\s*\(|\bjwt\s*\.\s*verify\s*\(|\bjwtVerify\s*\(/;
/** A token that is taken apart without its signature being looked at: `jwt.decode`, the middle part through `atob`. */
const decoding =
  /\bjwt_?[dD]ecode\s*(?:<[^>(]*>)?\s*\(|\b(?:jwt|jsonwebtoken|jose|JWT)\s*\.\s*decode(?:Jwt)?\s*\(|\bdecodeJ[wW][tT]\s*\(|\bimport\s*\{[^}]*\bdecode\b[^}]*\}\s*from\s*['"](?:hono\/jwt|jsonwebtoken|djwt)|(?:\batob\s*\(|\bBuffer\s*\.\s*from\s*\()[^;]{0,120}\.split\(\s*['"`]\.['"`]\s*\)|\.split\(\s*['"`]\.['"`]\s*\)[\s\S]{0,200}?(?:\batob\s*\(|\bBuffer\s*\.\s*from\s*\()/;
/** What checks a signature, or asks the auth server. */
const verifying =
  /(?<!\bfunction\s+)\b(?:jwtV|v|V)erif\w*\s*(?:<[^>(]*>)?\s*\(|(?<!\bfunction\s+)\b(?:validate|check|authenticate|introspect)\w*(?:Token|Jwt|JWT|Session)\w*\s*\(|\b(?:timingSafeEqual|createVerify|createHmac|expressjwt|createRemoteJWKSet)\s*\(|\bcrypto\s*\.\s*subtle\s*\.\s*verify\b|\b(?:jwksRsa|passport)\b/;
const createClient =
  /\b(?:createClient|createServerClient|createBrowserClient|createRouteHandlerClient|createClientComponentClient|createServerComponentClient|createMiddlewareClient|createPagesBrowserClient)\s*(?:<[^>(]*>)?\s*\(/;

/** What the files of a workspace are to the rollout, from one reading of their text. */
export async function readTraits(root: string, list: FileList, projects: readonly Project[]): Promise<Traits> {
  const auth: (AuthFile & { readonly score: number })[] = [];
  const supabaseClients: SupabaseClientFile[] = [];
  const generatedTypes: string[] = [];
  const mounts: { readonly file: string; readonly text: string }[] = [];
  const known = new Set(list.files.map(({ path: file }) => file));
  for (const { path: file, fileClass } of list.files) {
    if (
      fileClass === 'test' ||
      fileClass === 'script' ||
      fileClass === 'vendored' ||
      fileClass === 'minified' ||
      file.endsWith('.sql')
    )
      continue;
    // A file that cannot be read is a notice of the scan; here it only has no traits.
    const text = await readFile(path.join(root, file), 'utf8').catch(() => '');
    if (classOfText(fileClass, text) === 'generated') {
      if (/\bRow:\s*\{/.test(text) && /\bTables:\s*\{/.test(text)) generatedTypes.push(file);
      continue;
    }
    const middleware =
      /\bNextFunction\b|\bNextApiHandler\b|\(\s*req\b[^)]*,\s*res\b[^)]*,\s*next\b|FastifyRequest|preHandler|createMiddleware|\(\s*(?:c|ctx|context)\b[^)]*,\s*next\b|\bCanActivate\b|\bHandle\b|\.middleware\s*\(|\bhandler?Auth\b|\bonRequest\b|\baddHook\s*\(/.test(
        text,
      );
    const named = /(?:^|\/)(?:middlewares?\/)?[\w.-]*auth[\w.-]*\.[jt]sx?$/i.test(file);
    const verifies = authCode.test(text);
    const decodesOnly = !verifies && decoding.test(text) && !verifying.test(withoutComments(text));
    if ((verifies || decodesOnly) && middleware && !isBrowserFile(text)) {
      const score =
        (named ? 4 : 0) +
        (/middleware|guard|hooks\.server/i.test(file) ? 2 : 0) +
        (/\b(?:req(?:uest)?|ctx(?:\.state)?|locals)\.\w*(?:user|org|tenant|auth|claims)\w*\s*=[^=]|\bc(?:tx)?\.set\s*\(\s*['"`]\w*(?:user|org|tenant|auth|claims)/i.test(
          text,
        )
          ? 3
          : 0);
      if (score >= 3)
        auth.push({ file, exports: exportsOf(text), side: 'server', score, ...(decodesOnly ? { decodesOnly } : {}) });
    } else if (/createContext/.test(text) && /\.auth\b/.test(text) && /auth/i.test(path.basename(file))) {
      auth.push({ file, exports: exportsOf(text), side: 'browser', score: 1 });
    }
    if (createClient.test(text) && /supabase/i.test(text))
      supabaseClients.push({ file, role: roleOf(text), exports: exportsOf(text), roles: rolesOf(text) });
    if (/\b(?:express\s*\(|Router\s*\(|fastify\s*\(|Fastify\s*\()/.test(text)) mounts.push({ file, text });
  }
  auth.sort((a, b) => b.score - a.score || (a.file < b.file ? -1 : 1));
  const names = auth.filter(({ side }) => side === 'server').flatMap(({ exports }) => exports);
  return {
    auth: auth.map(({ score: _, ...one }) => one),
    supabaseClients,
    generatedTypes,
    authenticatedFiles: behindAuth(mounts, names, known, projects),
  };
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`])\/\/[^\n]*/g, '$1');

const isBrowserFile = (text: string): boolean => /^\s*['"]use client['"]/.test(text.slice(0, 200));

function roleOf(text: string): ClientRole {
  if (serviceKey.test(text)) return 'service';
  if (/headers\s*:\s*\{[^}]*Authorization|cookies\s*[:(]|createServerClient|RouteHandler|ServerComponent/.test(text))
    return 'user';
  return /anon|publishable/i.test(text) ? 'anon' : 'unknown';
}

const serviceKey = /service_?role|serviceKey|SERVICE_KEY|SUPABASE_SECRET|sb_secret/i;

/** The roles of single exports: each is read from its own text up to the next one, and by the constants that it names. */
function rolesOf(text: string): Readonly<Record<string, ClientRole>> {
  const keys = [...text.matchAll(/\b(?:const|let|var)\s+(\w+)\s*=\s*([^;\n]*)/g)]
    .filter(([, , value = '']) => serviceKey.test(value))
    .map(([, name = '']) => name);
  const names = keys.length === 0 ? null : new RegExp(`\\b(?:${keys.join('|')})\\b`);
  const roles: Record<string, ClientRole> = {};
  for (const part of text.split(/^(?=export\b)/m)) {
    const name = /^export\s+(?:default\s+)?(?:async\s+)?(?:function\s*\*?|const|let|var|class)\s+([\w$]+)/.exec(
      part,
    )?.[1];
    const role = names?.test(part.replace(/^export\s+(?:const|let|var)\s+\w+/, '')) ? 'service' : roleOf(part);
    if (name !== undefined && role !== 'unknown') roles[name] = role;
  }
  return roles;
}

/** Names that a module exports, as the text shows them. */
export function exportsOf(text: string): readonly string[] {
  const names = new Set<string>();
  for (const match of text.matchAll(
    /\bexport\s+(?:default\s+)?(?:async\s+)?(?:function\s*\*?|const|let|var|class)\s+([A-Za-z_$][\w$]*)/g,
  )) {
    if (match[1]) names.add(match[1]);
  }
  for (const match of text.matchAll(/\bexport\s*\{([^}]*)\}/g)) {
    for (const part of (match[1] ?? '').split(',')) {
      const name = /([A-Za-z_$][\w$]*)\s*$/.exec(part.trim())?.[1];
      if (name) names.add(name);
    }
  }
  for (const match of text.matchAll(/\bmodule\.exports\s*=\s*\{([^}]*)\}|\bexports\.([A-Za-z_$][\w$]*)\s*=/g)) {
    if (match[2]) names.add(match[2]);
    for (const part of (match[1] ?? '').split(',')) {
      const name = /^\s*([A-Za-z_$][\w$]*)/.exec(part)?.[1];
      if (name) names.add(name);
    }
  }
  return [...names];
}
