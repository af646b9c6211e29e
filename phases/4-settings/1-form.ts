import { readPackageFile } from '../../src/package-root.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { type CodeStyle, renderTemplate } from '../../src/workspace/code-style.ts';
import type { Project } from '../../src/workspace/project.ts';
import { importPath } from '../../src/workspace/resolve.ts';
import { toPlainJavaScript } from '../../src/workspace/strip-types.ts';
import { browserClient, type Hook, locateHook } from '../3-frontend/hook.ts';
import { checkTypes, notApplicable } from '../code/checks.ts';
import { type Code, dirtyNote, projectStyle, readCode, textOf } from '../code/code.ts';
import { changesOf } from '../code/fixes.ts';
import { withoutHook } from '../code/frontends.ts';
import { nounOf, titled } from '../code/words.ts';
import type { Target } from '../target.ts';
import { componentsOf } from './components.ts';
import { locateSettings, withSettings } from './page.ts';
import { ownersShutOut } from './roles.ts';

/** 4.1: the form by which an organization changes its own settings. */
export const form: Step<Target> = {
  id: '4.1',
  title: 'Add the organization settings form',
  why: 'The people of an organization need a place to see and change it. The form reads and saves under row security, for the roles that phase 1 creates.',
  plan: async (target): Promise<Plan> => {
    const code = await withSettings(await readCode(target));
    const { frontend } = code.workspace;
    const reason = withoutHook(code, code.facts.column);
    if (frontend === null || reason !== null) {
      return { changes: [], blockers: [], notes: [{ text: `Nothing to do here: ${reason}.` }] };
    }
    if (code.facts.organizations.nameColumn === null) {
      return {
        changes: [],
        blockers: [
          {
            problem: `${code.facts.organizations.table} has no column for a name, so there is nothing to edit.`,
            remedy:
              'Add a text column "name", or name the right table with names.organizations in the configuration file.',
          },
        ],
        notes: [],
      };
    }
    const { form: file } = await locateSettings(code, frontend);
    if ((await textOf(code.workspace, file)) !== null) {
      return { changes: [], blockers: [], notes: [{ text: `${file} is there; it is left as it is.` }] };
    }
    const after = await renderForm(code, frontend, file);
    return {
      changes: await changesOf(code, new Map([[file, after]]), () => `Create ${file}`),
      blockers: [],
      notes: [
        ...(await componentNotes(code, frontend, file)),
        ...(await dirtyNote(code.workspace, [file])),
        ...(await ownersShutOut(code)),
      ],
    };
  },
  checks: async function* (target, signal) {
    const code = await withSettings(await readCode(target));
    const { frontend } = code.workspace;
    const reason = withoutHook(code, code.facts.column);
    if (frontend === null || reason !== null) {
      yield notApplicable('4.1', reason ?? 'the workspace has no frontend');
      return;
    }
    yield await checkForm(code, frontend);
    yield* checkTypes(code, '4.1', signal);
  },
};

/** Which of the app's components the form is built of. */
async function componentNotes(code: Code, frontend: Project, file: string): Promise<readonly Note[]> {
  const { files } = await componentsOf(code, frontend, file);
  return files.length === 0 ? [] : [{ text: `The form is built of the components of the app: ${files.join(', ')}.` }];
}

/** The form reads and saves one organization, that of the session. */
async function checkForm(code: Code, frontend: Project): Promise<CheckResult> {
  const began = performance.now();
  const { form: file } = await locateSettings(code, frontend);
  const text = await textOf(code.workspace, file);
  const faults =
    text === null
      ? ['it is not there']
      : [
          ...(/<form\b/.test(text) ? [] : ['it is not a form']),
          ...(/<[lL]abel\b|aria-label/.test(text) ? [] : ['its fields have no labels']),
          ...(/useOrg|orgId|org_id/.test(text) ? [] : ['it does not name the organization of the session']),
          ...(/user_metadata|localStorage|\.limit\(1\)/.test(text) ? ['it takes the organization from elsewhere'] : []),
        ];
  return {
    id: '4.1/form',
    title: 'The form edits the user’s own organization',
    kind: 'scan',
    verdict: faults.length === 0 ? 'passed' : 'failed',
    expected: 'a labelled form for the organization of the session',
    observed: faults.length === 0 ? file : `${file}: ${faults.join(', ')}`,
    milliseconds: performance.now() - began,
    ...(faults.length === 0 ? {} : { advice: 'Apply step 4.1, or fix the form by hand.' }),
  };
}

export async function renderForm(code: Code, frontend: Project, file: string): Promise<string> {
  const { facts, workspace } = code;
  const style = await projectStyle(workspace, frontend);
  const client = await browserClient(workspace, frontend, file);
  const hook = await locateHook(code, frontend);
  const clientFile = workspace.supabaseClients.find((one) => one.role === 'anon' && !one.file.includes('/api/'));
  const typed = /create\w*Client\w*\s*</.test(
    clientFile === undefined ? '' : ((await textOf(workspace, clientFile.file)) ?? ''),
  );
  const toast = await toastImport(code, frontend, file);
  const components = await componentsOf(code, frontend, file);
  const columns = columnsOf(code);
  const quoted = (text: string): string => `'${text.replaceAll("'", '’')}'`;
  const hookPath = importPath(workspace, frontend, file, hook.file);
  const rendered = renderTemplate(
    readPackageFile('phases/4-settings/templates/OrganizationForm.tsx'),
    style,
    {
      CLIENT_IMPORT: client.statements.replaceAll("'", style.quote),
      CLIENT: client.expression,
      DB: typed ? 'db' : client.expression,
      HOOK_IMPORT: `import ${hook.isDefault ? hook.name : `{ ${hook.name} }`} from ${style.quote}${hookPath}${style.quote}${style.semicolons ? ';' : ''}`,
      HOOK_LINES: hookLines(hook, style),
      TOAST_IMPORT: (toast ?? '').replaceAll("'", style.quote),
      COMPONENT_IMPORTS: components.imports
        .map((line) => `${line}${style.semicolons ? ';' : ''}`)
        .join('\n')
        .replaceAll("'", style.quote),
      MUTED: components.roles ? 'text-muted-foreground' : 'text-gray-500',
      ALARM: components.roles ? 'text-destructive' : 'text-red-700',
      BORDER: components.roles ? 'border-border' : 'border-gray-200',
      NOUN: nounOf(facts.organizations.table),
      TITLE: titled(nounOf(facts.organizations.table)),
      FIELDS: columns
        .map(
          ({ name, label, type, required }) =>
            `${style.indent}{ name: ${quoted(name)}, label: ${quoted(label)}, type: ${quoted(type)}, required: ${required} },`,
        )
        .join('\n')
        .replaceAll("'", style.quote),
      MANAGERS: facts.roles.managers.map((role) => `${style.quote}${role}${style.quote}`).join(', '),
      ORGANIZATIONS: facts.organizations.table,
      KEY: facts.organizations.key,
      COLUMNS: columns.map(({ name }) => name).join(', '),
      MEMBERSHIPS: facts.memberships?.table ?? '',
      MEMBERSHIPS_USER: facts.memberships?.userColumn ?? '',
      MEMBERSHIPS_ORG: facts.memberships?.orgColumn ?? '',
      ROLE: facts.memberships?.roleColumn ?? '',
    },
    {
      client: frontend.frameworks.includes('next-app'),
      typed,
      toast: toast !== null,
      components: components.imports.length > 0,
      button: components.has.Button,
      input: components.has.Input,
      label: components.has.Label,
      card: components.has.Card,
      titled: components.titleIsHeading,
      memberships: facts.memberships !== null && facts.memberships.roleColumn !== null,
    },
  );
  // Class names of a framework that the app does not have would only be noise.
  const plain = workspace.styling.tailwind ? rendered : rendered.replace(/\s+className="[^"]*"/g, '');
  return /\.tsx$/.test(file) ? plain : toPlainJavaScript(file, plain, 'module');
}

/** How the form calls the hook, which gives an object or the id itself, under the app's own names. */
function hookLines({ keys, name }: Hook, { indent, newline, semicolons }: CodeStyle): string {
  const end = semicolons ? ';' : '';
  const key = keys?.find(([, meaning]) => meaning === 'orgId')?.[0];
  const loading = keys?.find(([, meaning]) => meaning === 'loading')?.[0];
  const nothing = `const orgLoading = false${end}`;
  if (key === undefined) return [`const orgId = ${name}()${end}`, nothing].join(newline + indent);
  const id = key === 'orgId' ? 'orgId' : `${key}: orgId`;
  if (loading === undefined) return [`const { ${id} } = ${name}()${end}`, nothing].join(newline + indent);
  return `const { ${id}, ${loading}: orgLoading } = ${name}()${end}`;
}

function columnsOf({ facts }: Code) {
  const { nameColumn, editable } = facts.organizations;
  const name = nameColumn === null ? [] : [{ name: nameColumn, label: 'Name', type: 'text', required: true }];
  return [
    ...name,
    ...editable
      .filter((column) => column.name !== nameColumn)
      .map((column) => ({
        name: column.name,
        label: labelOf(column.name),
        type: typeOf(column.name),
        required: column.required,
      })),
  ];
}

function labelOf(column: string): string {
  const words = column
    .replaceAll('_', ' ')
    .replace('time zone', 'time zone')
    .replace(/^timezone$/, 'time zone');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function typeOf(column: string): 'text' | 'email' | 'tel' | 'url' {
  if (/email/.test(column)) return 'email';
  if (/phone/.test(column)) return 'tel';
  return /website/.test(column) ? 'url' : 'text';
}

/** How the app shows toasts, where it has something with `success` and `error`. */
async function toastImport(code: Code, frontend: Project, file: string): Promise<string | null> {
  const { toast } = code.workspace.styling;
  if (toast === null) return null;
  if (toast.package === 'sonner' || toast.package === 'react-toastify')
    return `import { toast } from '${toast.package}';`;
  if (toast.package === 'react-hot-toast') return `import toast from 'react-hot-toast';`;
  if (toast.file === null) return null;
  const text = (await textOf(code.workspace, toast.file)) ?? '';
  if (!/export (?:const|function) toast\b/.test(text) || !/\bsuccess\b/.test(text) || !/\berror\b/.test(text))
    return null;
  return `import { toast } from '${importPath(code.workspace, frontend, file, toast.file)}';`;
}
