import { readPackageFile } from '../../src/package-root.ts';
import { renderTemplate } from '../../src/workspace/code-style.ts';
import type { Project, Workspace } from '../../src/workspace/project.ts';
import { importPath, projectOf } from '../../src/workspace/resolve.ts';
import { isOrgIdName, isOrgName, mentionsOrg } from '../../src/workspace/scan/names.ts';
import { vocabulary } from '../../src/workspace/scan/vocabulary.ts';
import { toPlainJavaScript } from '../../src/workspace/strip-types.ts';
import { type Code, projectStyle, textOf } from '../code/code.ts';

/** Where the hook is or goes, and how the app calls it today. */
export type Hook = {
  readonly file: string;
  readonly text: string | null;
  readonly name: string;
  readonly isDefault: boolean;
  /** What callers take from it, by what it means; null: it gives the id itself. */
  readonly keys: readonly (readonly [key: string, meaning: Meaning])[] | null;
  /** Keys whose meaning is not known: the hook is then left to a person. */
  readonly unknown: readonly string[];
};

type Meaning = 'orgId' | 'loading' | 'error' | 'ready';

const ours: readonly (readonly [string, Meaning])[] = [
  ['orgId', 'orgId'],
  ['loading', 'loading'],
  ['error', 'error'],
];

/** The hook that gives components the organization: the app's own, or the one that will be created. */
export async function locateHook(code: Code, frontend: Project): Promise<Hook> {
  const { workspace } = code;
  const { files } = workspace.list;
  const own = files.filter(({ path }) => projectOf(path, workspace.projects) === frontend).map(({ path }) => path);
  const named = new RegExp(`(?:^|/)use-?(?:current-?)?(?:${vocabulary().word})(?:-?id)?\\.[jt]sx?$`, 'i');
  const file = own.find((path) => named.test(path));
  if (file === undefined) {
    const base = frontend.sourceDirectory === '' ? '' : `${frontend.sourceDirectory}/`;
    const folder =
      own.some((path) => path.startsWith(`${base}hooks/`)) || !own.some((path) => path.startsWith(`${base}lib/`))
        ? 'hooks'
        : 'lib';
    return {
      file: `${base}${folder}/useOrg.${frontend.typescript ? 'ts' : 'js'}`,
      text: null,
      name: 'useOrg',
      isDefault: false,
      keys: ours,
      unknown: [],
    };
  }
  const text = (await textOf(workspace, file)) ?? '';
  return { file, text, ...shapeOf(text) };
}

/** How a hook is exported and what it returns, from its text. */
export function shapeOf(text: string): Omit<Hook, 'file' | 'text'> {
  const [, byDefault, declared, assigned] =
    /export\s+(default\s+)?(?:async\s+)?(?:function\s+(use\w+)|const\s+(use\w+)\s*=)/.exec(text) ?? [];
  const late = /export\s+default\s+(use\w+)/.exec(text)?.[1];
  const name = declared ?? assigned ?? late ?? 'useOrg';
  const from = text.search(new RegExp(`(?:function|const)\\s+${name}\\b`));
  const body = text.slice(Math.max(from, 0));
  const isDefault = byDefault !== undefined || (late !== undefined && declared === undefined && assigned === undefined);
  const object = [...body.matchAll(/return\s*\{([^{}]*)\}\s*;?\s*\n\}/g)].at(-1)?.[1];
  if (object === undefined) {
    if (isOurs(text)) {
      return { name, isDefault, keys: /return current\.orgId\b/.test(body) ? null : ours, unknown: [] };
    }
    const value = /return\s+(\w+)(?:\s*(?:\?\?|\|\|)\s*[^;\n]+)?;?\s*\n\}/.exec(body)?.[1];
    if (value !== undefined && isOrgName(value)) return { name, isDefault, keys: null, unknown: [] };
    return { name, isDefault, keys: ours, unknown: ['its result'] };
  }
  const keys: [string, Meaning][] = [];
  const unknown: string[] = [];
  for (const part of object.split(',').map((one) => one.trim())) {
    const key = /^(\w+)/.exec(part)?.[1];
    if (key === undefined) continue;
    const meaning = meaningOf(key);
    if (meaning === null) unknown.push(key);
    else keys.push([key, meaning]);
  }
  return { name, isDefault, keys, unknown };
}

function meaningOf(key: string): Meaning | null {
  if (/^(?:is)?loading$/i.test(key)) return 'loading';
  if (/^error$/i.test(key)) return 'error';
  if (/^(?:is)?(?:ready|loaded)$/i.test(key)) return 'ready';
  return isOrgName(key) || key === 'id' ? 'orgId' : null;
}

/** Whether a hook is the one that this tool writes, perhaps edited since. */
export const isOurs = (text: string): boolean =>
  text.includes('useSyncExternalStore') && text.includes('validateOrgId') && text.includes('refreshSession');

/** Storage keys under which the app kept an organization; the hook takes away what is left of them. */
export async function storageKeys(code: Code, frontend: Project): Promise<readonly string[]> {
  const { files } = code.workspace.list;
  const keys = new Set<string>();
  for (const { path, fileClass } of files) {
    if (fileClass !== 'source' || projectOf(path, code.workspace.projects) !== frontend) continue;
    const text = (await textOf(code.workspace, path)) ?? '';
    for (const [, literal, name] of text.matchAll(
      /(?:local|session)Storage\.(?:get|set)Item\(\s*(?:['"`]([\w:.-]+)['"`]|(\w+))/g,
    )) {
      const key = literal ?? new RegExp(`\\b${name}\\s*=\\s*['"]([\\w:.-]+)['"]`).exec(text)?.[1];
      if (key !== undefined && (mentionsOrg(key) || isOrgIdName(key))) keys.add(key);
    }
  }
  return [...keys].sort();
}

/** Libraries that keep answers in the browser, by what the frontend depends on. */
export async function cachesOf(
  code: Code,
  frontend: Project,
): Promise<{ readonly swr: boolean; readonly queries: string | null }> {
  const file = frontend.directory === '' ? 'package.json' : `${frontend.directory}/package.json`;
  const manifest = (await textOf(code.workspace, file)) ?? '';
  return {
    // The first version has no way to list the keys of a cache.
    swr: /"swr"\s*:\s*"(?![~^]?[01]\.)/.test(manifest),
    queries: /"(@tanstack\/react-query|react-query)"\s*:/.exec(manifest)?.[1] ?? null,
  };
}

export async function renderHook(code: Code, frontend: Project, hook: Hook): Promise<string> {
  const { workspace, facts } = code;
  const client = await browserClient(workspace, frontend, hook.file);
  const style = await projectStyle(workspace, frontend);
  const keys = await storageKeys(code, frontend);
  const { swr, queries } = await cachesOf(code, frontend);
  const same = hook.keys?.every(([key, meaning]) => key === meaning) ?? false;
  const value = {
    orgId: 'current.orgId',
    loading: 'current.loading',
    error: 'current.error',
    ready: '!current.loading',
  };
  const extra = ours.filter(([key]) => !hook.keys?.some(([known]) => known === key));
  const result =
    hook.keys === null
      ? 'return current.orgId;'
      : same
        ? 'return current;'
        : `return { ${[...hook.keys, ...extra].map(([key, meaning]) => `${key}: ${value[meaning]}`).join(', ')} };`;
  const rendered = renderTemplate(
    readPackageFile('phases/3-frontend/templates/useOrg.ts'),
    style,
    {
      CLIENT_IMPORT: client.statements,
      CLIENT: client.expression,
      QUERY_PACKAGE: queries ?? '',
      COLUMN: facts.column,
      STORAGE_KEYS: (keys.length === 0 ? ['org_id'] : keys)
        .map((key) => `${style.quote}${key}${style.quote}`)
        .join(', '),
      EXPORT: hook.isDefault ? 'export default ' : 'export ',
      HOOK: hook.name,
      RETURN_TYPE: hook.keys === null ? ': string | null' : same ? ': OrgState' : '',
      RETURN: style.semicolons ? result : result.replace(/;$/, ''),
    },
    {
      client: frontend.frameworks.includes('next-app'),
      uuid: (facts.organizations.idType ?? 'uuid') === 'uuid',
      swr,
      queries: queries !== null,
      caches: swr || queries !== null,
    },
  );
  return /\.tsx?$/.test(hook.file) ? rendered : toPlainJavaScript(hook.file, rendered, 'module');
}

/** The client that the browser uses, as the app imports it. */
export async function browserClient(
  workspace: Workspace,
  frontend: Project,
  file: string,
): Promise<{ readonly statements: string; readonly expression: string }> {
  const usable = workspace.supabaseClients.filter(
    (client) =>
      projectOf(client.file, workspace.projects) === frontend &&
      client.role !== 'service' &&
      !/(?:^|\/)(?:middleware|server)\.[jt]s$|(?:^|\/)(?:api|server)\/|route\.[jt]s$/.test(client.file),
  );
  for (const client of usable) {
    const text = (await textOf(workspace, client.file)) ?? '';
    if (/next\/headers|service_?role/i.test(text)) continue;
    const name =
      client.exports.find((one) => one === 'supabase') ??
      client.exports.find((one) => /supabase|createClient|browser/i.test(one) && !/url|key|config/i.test(one));
    if (name === undefined) continue;
    const from = importPath(workspace, frontend, file, client.file);
    const factory = new RegExp(`function ${name}\\s*\\(\\s*\\)|\\b${name}\\s*=\\s*\\(\\s*\\)\\s*(?::[^=]+)?=>`).test(
      text,
    );
    if (factory)
      return { statements: `import { ${name} } from '${from}';\n\nconst client = ${name}();`, expression: 'client' };
    if (new RegExp(`function ${name}\\s*\\(|\\b${name}\\s*=\\s*\\(`).test(text)) continue;
    return { statements: `import { ${name} } from '${from}';`, expression: name };
  }
  const variable = (name: string): string =>
    frontend.frameworks.includes('vite-react') ? `import.meta.env.VITE_${name}` : `process.env.NEXT_PUBLIC_${name}`;
  const manifest = frontend.directory === '' ? 'package.json' : `${frontend.directory}/package.json`;
  // Where sessions are kept in cookies, a client of another kind has none.
  const cookies = /"@supabase\/ssr"\s*:/.test((await textOf(workspace, manifest)) ?? '');
  const [make, from] = cookies ? ['createBrowserClient', '@supabase/ssr'] : ['createClient', '@supabase/supabase-js'];
  return {
    statements: [
      `import { ${make} } from '${from}';`,
      '',
      `const client = ${make}(${variable('SUPABASE_URL')} ?? '', ${variable('SUPABASE_ANON_KEY')} ?? '');`,
    ].join('\n'),
    expression: 'client',
  };
}
