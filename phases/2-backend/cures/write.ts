import { readPackageFile } from '../../../src/package-root.ts';
import { type CodeStyle, renderTemplate } from '../../../src/workspace/code-style.ts';
import { toPlainJavaScript } from '../../../src/workspace/strip-types.ts';
import { type Code, projectStyle } from '../../code/code.ts';
import { type Client, madeClient, serviceClient } from '../client.ts';
import { filterCalls } from '../filters.ts';
import type { Filling, Ground } from './cure.ts';
import { type Door, importOf } from './index.ts';

/** The modules of a door as they would stand, by file; or why they cannot be written, as a sentence for a person. */
export async function renderDoor(code: Code, door: Door): Promise<ReadonlyMap<string, string> | string> {
  const { adapter, core, cure, ground } = door;
  const specifier = (file: string): string => importOf(code.workspace, ground, adapter.file, file);
  const filling = cure.fill(ground, specifier, adapter.file);
  if (typeof filling === 'string') return filling;
  const client = await clientFor(code, door, filling);
  if (client === null)
    return 'The app has no client with the service key that could ask who is a member of what: make one in a file of its own, then run again.';
  const style = await styleOf(code, ground);
  const values = Object.fromEntries(
    Object.entries(filling.values).map(([key, value]) => [key, value.replaceAll('__CLIENT__', client.expression)]),
  );
  const isAsker = cure.module.client === 'caller' && client.statements !== '' && values.ASK !== undefined;
  if (isAsker) values.ASK = `${values.ASK}, ${client.expression}`;
  const texts = new Map<string, string>();
  if (core.text === null) texts.set(core.file, renderCore(code, ground, core.file, style));
  if (adapter.text === null) {
    const rendered = renderTemplate(
      readPackageFile(`phases/2-backend/templates/${cure.module.template}`),
      style,
      {
        ...values,
        CLIENT_IMPORT: client.statements,
        CLIENT: client.expression,
        CORE: specifier(core.file),
        SUPABASE: supabaseOf(ground),
      },
      { ...filling.flags, client: client.statements !== '', service: isAsker },
    );
    texts.set(adapter.file, asProject(ground, adapter.file, rendered));
  }
  return texts;
}

function renderCore({ facts }: Code, ground: Ground, file: string, style: CodeStyle): string {
  const rendered = renderTemplate(
    readPackageFile('phases/2-backend/templates/org-membership.ts'),
    style,
    {
      SUPABASE: supabaseOf(ground),
      COLUMN: facts.column,
      ORGANIZATIONS: facts.organizations.table,
      ORGANIZATIONS_KEY: facts.organizations.key,
      MEMBERSHIPS: facts.memberships?.table ?? '',
      MEMBERSHIPS_ORG: facts.memberships?.orgColumn ?? '',
      MEMBERSHIPS_USER: facts.memberships?.userColumn ?? '',
      MEMBERSHIPS_ACTIVE: filterCalls(facts.memberships?.active, style.indent.repeat(2), style.quote),
      ORGANIZATIONS_LIVING: filterCalls(facts.organizations.living, style.indent.repeat(2), style.quote),
      PROFILES: facts.profiles?.table ?? '',
      PROFILES_ORG: facts.profiles?.orgColumn ?? '',
      PROFILES_USER: facts.profiles?.userColumn ?? '',
      PROFILES_ACTIVE: filterCalls(facts.profiles?.active, style.indent.repeat(2), style.quote),
    },
    {
      claims: true,
      memberships: facts.memberships !== null,
      profiles: facts.memberships === null && facts.profiles !== null,
    },
  );
  return asProject(ground, file, rendered);
}

/** How the files of a ground name the package; edge functions by an address or a map. */
export function supabaseOf({ files, project }: Ground): string {
  if (project !== null) return '@supabase/supabase-js';
  const named = files.flatMap(({ text }) => /from\s*['"]([^'"]*supabase-js[^'"]*)['"]/.exec(text)?.[1] ?? []);
  return named[0] ?? 'npm:@supabase/supabase-js@2';
}

const asProject = ({ project }: Ground, file: string, text: string): string =>
  project === null || project.typescript ? text : toPlainJavaScript(file, text, project.moduleType);

const styleOf = async (code: Code, { project }: Ground): Promise<CodeStyle> =>
  project === null
    ? { indent: '  ', quote: "'", semicolons: true, newline: '\n' }
    : projectStyle(code.workspace, project);

const nobody: Client = { statements: '', expression: '' };

/** Who looks memberships up: the service client of the app, or one made of the variables that the app reads anyway. */
async function clientFor(
  { workspace }: Code,
  { adapter, cure, ground }: Door,
  filling: Filling,
): Promise<Client | null> {
  const { files, project } = ground;
  if (project === null || filling.flags?.client === false) return nobody;
  const there = await serviceClient(workspace, project, adapter.file);
  if (there !== null) return there;
  // A worker has its variables with the request.
  const bound = cure.framework === 'hono' ? boundClient(files) : null;
  if (bound !== null) return bound;
  // The caller may ask for the own membership.
  if (cure.module.client === 'caller') return nobody;
  const names = new Set(
    files.flatMap(({ text }) => [...text.matchAll(/process\.env\.(\w+)/g)].map(([, name]) => name ?? '')),
  );
  const key = [...names].find((name) => /SUPABASE.*(?:SERVICE|SECRET)/.test(name) && !/JWT/.test(name));
  const url = [...names].find((name) => /SUPABASE.*URL$/.test(name));
  return key === undefined || url === undefined ? null : madeClient(url, key);
}

/** `createClient(c.env.SUPABASE_URL, c.env.SUPABASE_SERVICE_ROLE_KEY)`, as the app makes it for a request. */
function boundClient(files: Ground['files']): Client | null {
  for (const { text } of files) {
    const [, url, key] =
      /\bcreateClient\s*(?:<[^(]*>)?\(\s*c\.env\.(\w+)\s*,\s*c\.env\.(\w*(?:SERVICE|SECRET)\w*)/.exec(text) ?? [];
    if (url === undefined || key === undefined) continue;
    return {
      statements: `import { createClient } from '@supabase/supabase-js';`,
      expression: `createClient(c.env.${url}, c.env.${key})`,
    };
  }
  return null;
}
