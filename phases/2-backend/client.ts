import type { Project, Workspace } from '../../src/workspace/project.ts';
import { projectOf, specifierFor } from '../../src/workspace/resolve.ts';
import { textOf } from '../code/code.ts';

/** How a module takes a client: what it imports or makes, and what it then calls. */
export type Client = { readonly statements: string; readonly expression: string };

/** The service-role client that the app has, or one of the service's own where it has none. */
export const clientOf = async (workspace: Workspace, backend: Project, file: string): Promise<Client> =>
  (await serviceClient(workspace, backend, file)) ?? madeClient('SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY');

/** The service-role client of the app as a file of it imports it; null where it has none that can be called blindly. */
export async function serviceClient(workspace: Workspace, backend: Project, file: string): Promise<Client | null> {
  const usable = workspace.supabaseClients.filter(
    (client) => client.role === 'service' && projectOf(client.file, workspace.projects) === backend,
  );
  for (const client of usable) {
    const name =
      client.exports.find((one) =>
        /^(?:supabase|supabaseAdmin|supabaseService|serviceClient|adminClient|db)$/.test(one),
      ) ?? client.exports.find((one) => /supabase|admin|service/i.test(one) && !/^[A-Z]|url|key|anon|user/i.test(one));
    if (name === undefined) continue;
    const text = (await textOf(workspace, client.file)) ?? '';
    // A default export may carry any name here, and a factory with arguments cannot be called blindly.
    if (new RegExp(`export default [^;]*\\b${name}\\b`).test(text) && !isNamed(text, name)) continue;
    const called = new RegExp(
      `function ${name}\\s*\\(([^)]*)\\)|${name}\\s*=\\s*(?:async\\s*)?\\(([^)]*)\\)\\s*(?::[^=]+)?=>`,
    ).exec(text);
    if (called !== null && `${called[1] ?? ''}${called[2] ?? ''}`.trim() !== '') continue;
    const from = specifierFor(file, client.file, workspace.projects);
    return { statements: `import { ${name} } from '${from}';`, expression: called === null ? name : `${name}()` };
  }
  return null;
}

/** A service-role client made of the variables of the environment that hold its address and key. */
export const madeClient = (url: string, key: string): Client => ({
  statements: [
    `import { createClient } from '@supabase/supabase-js';`,
    '',
    `const client = createClient(process.env.${url} ?? '', process.env.${key} ?? '', {`,
    '  auth: { persistSession: false, autoRefreshToken: false },',
    '});',
  ].join('\n'),
  expression: 'client',
});

const isNamed = (text: string, name: string): boolean =>
  new RegExp(`export (?:const|let|var|function|async function) ${name}\\b|export \\{[^}]*\\b${name}\\b`).test(text);
