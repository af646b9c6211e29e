import type { ClientRole, Workspace } from '../project.ts';
import { projectOf, resolveModule } from '../resolve.ts';
import { type Binding, bindingOf, importedBy, returnsOf } from './scope.ts';
import { callOf, isFunction, memberOf, type SyntaxNode, unwrap } from './syntax.ts';

/** More steps than a client takes from where it is made to its query. */
const maxSteps = 6;

/** Names that say it, wherever a client comes from. `supabaseService` may be anybody's: a class is called so. */
const service =
  /service_?role|(?:service|admin|privileged|elevated)_?(?:client|supabase|db|sb)|(?:supabase|client|sb|db)_?admin|^admin$/i;
const users =
  /^locals$|serverSupabaseClient$|createServerClient|createBrowserClient|create(?:RouteHandler|ServerComponent|ClientComponent|Middleware|ServerAction|PagesServer|PagesBrowser)\w*Client|(?:user|caller|authed|scoped|authenticated|anon)_?(?:client|supabase|db|sb)|(?:client|supabase)(?:For|As|With)(?:User|Caller|Request|Token)|useSupabaseClient/i;

/**
 * Whose rights a query has, by the client at its base: `service` goes past row security, `user` and `anon` do not. It is
 * followed through names, calls of this file and the modules that make clients; what none of them tells is `unknown`.
 */
export function clientRole(base: SyntaxNode, workspace: Workspace): ClientRole {
  const role = roleAt(base, workspace, 0);
  return role === 'unknown' && hasServiceOnly(base.source.path, workspace) ? 'service' : role;
}

/** Whether every client that the package of a file makes goes past row security. */
function hasServiceOnly(file: string, { projects, supabaseClients }: Workspace): boolean {
  const project = projectOf(file, projects);
  const own = supabaseClients.filter((one) => projectOf(one.file, projects) === project);
  return (
    own.length > 0 &&
    own.every(({ role, roles = {} }) => [role, ...Object.values(roles)].every((one) => one === 'service'))
  );
}

function roleAt(expression: SyntaxNode, workspace: Workspace, steps: number): ClientRole {
  const node = unwrap(expression);
  if (steps > maxSteps) return 'unknown';
  const member = memberOf(node);
  if (member !== null) {
    // `locals.supabase`, `supabase.admin`, `this.adminClient`
    const own = byName(member.name);
    return own === 'unknown' ? roleAt(member.object, workspace, steps + 1) : own;
  }
  const call = /^(?:call|new)_expression$/.test(node.kind) ? callOf(node) : null;
  if (call !== null) return roleOfCall(call, workspace, steps);
  if (node.kind !== 'identifier') return byName(node.text.slice(0, 200));
  const own = byName(node.text);
  if (own !== 'unknown') return own;
  const binding = bindingOf(node);
  return binding === null ? 'unknown' : roleOfBinding(binding, node, workspace, steps + 1);
}

function byName(name: string): ClientRole {
  if (service.test(name)) return 'service';
  return users.test(name) ? 'user' : 'unknown';
}

function roleOfBinding(binding: Binding, use: SyntaxNode, workspace: Workspace, steps: number): ClientRole {
  for (const name of binding.path) {
    const role = byName(name);
    if (role !== 'unknown') return role;
  }
  const imported = importedBy(binding);
  if (imported !== null) {
    const { module, name } = imported;
    const file = resolveModule(use.source.path, module, clientFiles(workspace), workspace.projects);
    const known = workspace.supabaseClients.find((one) => one.file === file);
    if (known !== undefined) return known.roles?.[name] ?? known.role;
    return byName(name);
  }
  return binding.init === null ? 'unknown' : roleAt(binding.init, workspace, steps);
}

function roleOfCall(
  { callee, args }: { readonly callee: SyntaxNode; readonly args: readonly SyntaxNode[] },
  workspace: Workspace,
  steps: number,
): ClientRole {
  const name = memberOf(callee)?.name ?? callee.text;
  if (/^createClient$/.test(name) && args.length >= 2) {
    if (/\bAuthorization\b/.test(args[2]?.text ?? '')) return 'user';
    const key = args[1];
    return key ? roleOfKey(key) : 'unknown';
  }
  const own = byName(name);
  if (own !== 'unknown') return own;
  if (callee.kind === 'identifier') {
    const binding = bindingOf(callee);
    const made = binding?.init ? unwrap(binding.init) : null;
    if (made !== null && isFunction(made)) {
      for (const value of returnsOf(made)) {
        const role = roleAt(value, workspace, steps + 1);
        if (role !== 'unknown') return role;
      }
      return 'unknown';
    }
  }
  return roleAt(
    callee.kind === 'member_expression' ? (memberOf(callee)?.object ?? callee) : callee,
    workspace,
    steps + 1,
  );
}

/** The key that a client is made with, by its name or by that of the variable of the environment. */
function roleOfKey(key: SyntaxNode): ClientRole {
  const inner = unwrap(key);
  const init = inner.kind === 'identifier' ? (bindingOf(inner)?.init?.text ?? '') : '';
  const text = `${inner.text} ${init}`;
  if (/service|secret|admin/i.test(text)) return 'service';
  return /anon|publishable|public_?key/i.test(text) ? 'anon' : 'unknown';
}

const files = new WeakMap<Workspace, ReadonlySet<string>>();

function clientFiles(workspace: Workspace): ReadonlySet<string> {
  let known = files.get(workspace);
  if (known === undefined) {
    known = new Set(workspace.supabaseClients.map(({ file }) => file));
    files.set(workspace, known);
  }
  return known;
}
