const mask = '***';
const anyUrl = /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@"'`]*):(?!PASSWORD@HOST\b)[^\s/"'`@]*@/gi;

/**
 * Shapes that are secret wherever they stand, with what stays of them readable. Repetitions are bounded, because an
 * open-ended one looks through a long line (a bundle, a dump) once per possible beginning.
 */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, `-----BEGIN $1----- ${mask}`],
  // A password of a PostgreSQL URL may hold a raw slash or question mark: everything up to the last @ of the word.
  // What a message says of its form (USER:PASSWORD@HOST) is nobody's password.
  [/\b(postgres(?:ql)?:\/\/[^\s:/@"'`]{0,200}):(?!PASSWORD@HOST\b)[^\s"'`]{0,2000}@/gi, `$1:${mask}@`],
  [anyUrl, `$1:${mask}@`],
  [/(postgres(?:ql)?%3A%2F%2F(?:(?!%3A|%40)[^\s"'`]){0,200})%3A[^\s"'`]{0,2000}%40/gi, `$1%3A${mask}%40`],
  [/\beyJ[\w-]{8,1000}\.[\w-]{4,}(?:\.[\w-]*)?/g, mask],
  [/\bsb_secret_[\w-]+/g, mask],
  [/\bsbp_[\w-]{8,}/g, mask],
  // Keys of services that an app of this kind calls: payment, model, cloud and messaging providers, code hosts.
  [/\b(?:[sr]k_(?:live|test)|whsec|gh[pousr]|github_pat)_[\w-]{10,}/g, mask],
  [/\b(?:sk-(?:proj-|ant-)?|xox[abeprs]-|AIza|SG\.)(?=[\w.-]*\d)[\w.-]{16,}/g, mask],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, mask],
  [/\bSCRAM-SHA-256\$[^\s"']+/g, mask],
  [/\b(authorization"?\s*[:=]\s*"?(?:bearer|basic)\s+)[^\s"',]+/gi, `$1${mask}`],
  [/\b((?:pg|ssl|supabase_db_)?password=)("[^"]*"|'[^']*'|[^\s&"',;)]+)/gi, `$1${mask}`],
  [/("(?:password|apikey|service_role|secret)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi, `$1"${mask}"`],
];

/**
 * Removes what looks like a secret: credentials in URLs (also percent-encoded ones), JWTs, Supabase secret keys and
 * access tokens, private keys, `password=…`. Applying it twice changes nothing more. Give it whole lines: a secret that
 * is cut between two calls is not recognized.
 */
export function redact(text: string): string {
  // A pattern that begins with any word tries every word: two thirds of the time for texts that hold no URL at all.
  const hasUrl = text.includes('://');
  return patterns.reduce(
    (rest, [pattern, replacement]) => (pattern === anyUrl && !hasUrl ? rest : rest.replace(pattern, replacement)),
    text,
  );
}

/** Words that are passwords of local stacks and names of half the objects there: hiding them would only garble. */
const publicWords = new Set([
  'postgres',
  'password',
  'supabase',
  'supabase_admin',
  'authenticated',
  'anonymous',
  '[your-password]',
]);
const shortest = 4;

/**
 * `redact` that also knows the secrets of this run and finds them in any form they take in output: as they are,
 * percent-encoded in whole or in part, escaped in JSON, doubled quotes in SQL, base64.
 *
 * Secrets shorter than four characters and well-known default passwords are found only where a pattern knows them (in
 * a URL, after `password=`).
 */
export function createRedactor(secrets: Iterable<string>): (text: string) => string {
  const known = [...new Set(secrets)]
    .filter((secret) => secret.length >= shortest && !publicWords.has(secret.toLowerCase()))
    .sort((a, b) => b.length - a.length);
  if (known.length === 0) return redact;
  const forms = known.flatMap((secret) => [anyForm(secret), ...base64Forms(secret)]);
  const pattern = new RegExp(forms.join('|'), 'g');
  return (text) => redact(text.replace(pattern, mask));
}

/** Exported variables whose value is a secret by its name. `NEXT_PUBLIC_` and such are sent to browsers anyway. */
const secretName = /PASSWORD|PASSWD|SECRET|SERVICE_ROLE|SERVICE_KEY|ACCESS_TOKEN|AUTH_TOKEN|JWT|API_?KEY|PRIVATE_KEY/i;
const publicName = /^(?:NEXT_PUBLIC_|VITE_|PUBLIC_|REACT_APP_|EXPO_PUBLIC_)/;

/** The secrets that the environment holds: passwords, keys, and the credentials of every URL. */
export function secretsOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value === '' || publicName.test(name)) return [];
    const isSecret = secretName.test(name) && value.length >= 8 && !/^(?:[./~]|[a-z]:\\)/i.test(value);
    return [...urlPasswords(value), ...(isSecret ? [value] : [])];
  });
}

/** A value as it is copied from a file or a shell: without the spaces and the quotes around it. */
export const unquoted = (value: string): string =>
  value
    .trim()
    .replace(/^(["'])([\s\S]*)\1$/, '$2')
    .trim();

/** The password of a URL, as it is written there and decoded. */
export function urlPasswords(url: string): readonly string[] {
  const raw = /^[a-z][a-z0-9+.-]{0,20}:\/\/[^:/@\s]*:(.*)@[^@]*$/is.exec(unquoted(url))?.[1];
  if (raw === undefined || raw === '') return [];
  const inAuthority = raw.split('@')[0] ?? raw;
  return [...new Set([raw, decode(raw), inAuthority, decode(inAuthority)])];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** A pattern for one secret in which every character may be plain, percent-encoded or escaped. */
function anyForm(secret: string): string {
  return [...secret]
    .map((character) => {
      const encoded = [...Buffer.from(character)]
        .map((byte) => `%${[...byte.toString(16).padStart(2, '0')].map(anyCase).join('')}`)
        .join('');
      const forms = [escapePattern(character), encoded];
      const json = JSON.stringify(character).slice(1, -1);
      if (json !== character) forms.push(escapePattern(json));
      if (character === "'") forms.push("''");
      if (character === ' ') forms.push('\\+');
      return `(?:${forms.reverse().join('|')})`;
    })
    .join('');
}

function base64Forms(secret: string): readonly string[] {
  if (secret.length < 8) return [];
  const bytes = Buffer.from(secret);
  return [bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')].map(escapePattern);
}

function anyCase(digit: string): string {
  return /[a-f]/.test(digit) ? `[${digit}${digit.toUpperCase()}]` : digit;
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
