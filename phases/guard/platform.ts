import type { ClientBase } from 'pg';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { finding, type Since } from './changed.ts';

type Asked = {
  readonly name: string;
  readonly signature: string;
  readonly body: string;
  readonly language: string;
  readonly definer: boolean;
  readonly immutable: boolean;
};

/** Which claims of the token each of the platform's functions may answer with. */
const claims: Readonly<Record<string, readonly string[]>> = {
  uid: ['sub'],
  role: ['role'],
  email: ['email'],
  jwt: [],
};

/**
 * What every policy asks, ours included: who is calling, and in which folder a file lies. Answers that come from
 * elsewhere than the token, or from what users write into it, let anybody be anybody.
 */
export async function fromPlatform(client: ClientBase, since: Since): Promise<readonly GuardFinding[]> {
  const { rows } = await client.query<Asked>(
    `select p.proname as name, n.nspname || '.' || p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' as signature, p.prosrc as body,
       l.lanname as language, p.prosecdef as definer, p.provolatile = 'i' as immutable
     from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
     where n.nspname = 'auth' and p.pronargs = 0 and p.proname in ('uid', 'role', 'email', 'jwt')`,
  );
  const changed = rows.filter((one) => !asksTheToken(one)).map((one) => one.signature);
  const folder = "storage.foldername('a/b/c.d')";
  const { rows: there } = await client.query<{ there: boolean }>(
    `select pg_catalog.to_regprocedure('storage.foldername(text)') is not null as there`,
  );
  if (there[0]?.there === true) {
    const { rows: folders } = await client.query<{ right: boolean }>(
      `select (${folder}::text[] = array['a', 'b'] and storage.foldername('x/y.z')::text[] = array['x']) is true as right`,
    );
    if (folders[0]?.right !== true) changed.push('storage.foldername(text)');
  }
  return changed.map((signature) =>
    finding(since, {
      kind: 'platform',
      object: signature,
      key: rows.find((one) => one.signature === signature)?.body ?? '',
      reason: signature.startsWith('auth.')
        ? `${signature} answers by something else than the request's token alone: every policy that asks who is calling believes it.`
        : `${signature} does not give the folder of a file: every policy on files that asks for it lets through others than it says.`,
      instruction:
        'Restore it as the platform defines it: compare it with a new project, and ask its support where it may not be changed.',
    }),
  );
}

/**
 * Versions of the platform write it in different ways, all out of the same few words: the settings in which the API
 * hands the token over, and the one claim that the function is named for.
 */
function asksTheToken({ name, body, language, definer, immutable }: Asked): boolean {
  if (definer || immutable || !['sql', 'plpgsql'].includes(language)) return false;
  const text = body.replace(/--[^\n]*/g, ' ').replace(/\/\*[\s\S]*?\*\//g, ' ');
  const own = claims[name] ?? [];
  const literals = [...text.matchAll(/'((?:[^']|'')*)'/g)].map(([, value = '']) => value);
  const settings = ['request.jwt.claims', 'request.jwt.claim', ...own.map((one) => `request.jwt.claim.${one}`)];
  if (!literals.every((one) => one === '' || own.includes(one) || settings.includes(one))) return false;
  if (!literals.some((one) => settings.includes(one))) return false;
  const words = text.replace(/'(?:[^']|'')*'/g, ' ').match(/[a-z_][\w$]*/gi) ?? [];
  return words.every((one) => known.has(one.toLowerCase()));
}

const known = new Set(
  'select coalesce nullif current_setting true false uuid json jsonb text varchar as pg_catalog begin return end'.split(
    ' ',
  ),
);
