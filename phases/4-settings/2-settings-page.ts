import { readPackageFile } from '../../src/package-root.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { renderTemplate } from '../../src/workspace/code-style.ts';
import { applyEdits } from '../../src/workspace/edit.ts';
import type { Project } from '../../src/workspace/project.ts';
import { importPath } from '../../src/workspace/resolve.ts';
import { importEdits } from '../../src/workspace/scan/fixes.ts';
import { parseSource } from '../../src/workspace/scan/syntax.ts';
import { tidy } from '../3-frontend/browser-edits.ts';
import { checkScan, checkTypes, notApplicable, type Place } from '../code/checks.ts';
import { type Code, dirtyNote, projectStyle, readCode, textOf } from '../code/code.ts';
import { changesOf, fixFindings, leftNotes, type Overlay } from '../code/fixes.ts';
import { withoutHook } from '../code/frontends.ts';
import { scanCode } from '../code/scan.ts';
import { nounOf, titled } from '../code/words.ts';
import type { Target } from '../target.ts';
import { formName, locateSettings, type SettingsPlace, withSettings } from './page.ts';
import { removeNotes, showForm } from './page-edits.ts';

/** 4.2: the settings page shows the form. */
export const settingsPage: Step<Target> = {
  id: '4.2',
  title: 'Show the form on the settings page',
  why: 'A form that no page shows helps nobody. It takes the place of the note that said to ask somebody else, becomes a tab, or gets a page.',
  plan: async (target): Promise<Plan> => {
    const code = await withSettings(await readCode(target));
    const { frontend } = code.workspace;
    const reason = withoutHook(code, code.facts.column);
    if (frontend === null || reason !== null) {
      return { changes: [], blockers: [], notes: [{ text: `Nothing to do here: ${reason}.` }] };
    }
    const place = await locateSettings(code, frontend);
    const form = await formName(code, place.form);
    if (form === null) {
      return {
        changes: [],
        blockers: [{ problem: `${place.form} exports no component.`, remedy: 'Fix or remove it, then rerun.' }],
        notes: [],
      };
    }
    const overlay: Overlay = new Map();
    const notes: Note[] = [];
    if (place.page === null) {
      overlay.set(place.newPage, await renderPage(code, frontend, place, form));
      if (!frontend.frameworks.some((one) => one.startsWith('next'))) {
        notes.push({ text: `${place.newPage} is new: name it in the app's routes, where this tool cannot.` });
      }
    }
    const { findings } = await scanCode(code, { kinds: ['settings-placeholder'] });
    for (const file of new Set([...findings.map((one) => one.file), ...(place.page === null ? [] : [place.page])])) {
      const before = await textOf(code.workspace, file);
      if (before === null) continue;
      let text = before;
      if (file === place.page && !new RegExp(`<${form.name}\\b`).test(text)) {
        const shown = await showForm(file, text, findings, form.name, titled(nounOf(code.facts.organizations.table)));
        if (shown === null)
          notes.push({ text: `${file} has a shape that is not known: put <${form.name} /> on it by hand.` });
        else text = await withImport(code, frontend, file, shown, place, form);
      } else {
        text = await removeNotes(file, text, findings);
      }
      overlay.set(file, await tidy(file, before, text));
    }
    const { left, notes: refused } = await fixFindings(code, isPlaceholder, overlay);
    const changes = await changesOf(code, overlay, (file) =>
      file === place.page || file === place.newPage
        ? `Show the form on ${file}`
        : `Take notes about the organization out of ${file}`,
    );
    return {
      changes,
      blockers: [],
      notes: [
        ...notes,
        ...refused,
        ...leftNotes(left),
        ...(await dirtyNote(
          code.workspace,
          changes.map((one) => one.path),
        )),
      ],
    };
  },
  checks: async function* (target, signal) {
    const code = await withSettings(await readCode(target));
    const { frontend } = code.workspace;
    const reason = withoutHook(code, code.facts.column);
    if (frontend === null || reason !== null) {
      yield notApplicable('4.2', reason ?? 'the workspace has no frontend');
      return;
    }
    yield await checkShown(code, frontend);
    yield* checkScan(code, '4.2', isPlaceholder, signal);
    yield* checkTypes(code, '4.2', signal);
    if (target.workspace !== null) yield* target.workspace.probeOrganizations(signal);
  },
};

export const isPlaceholder = ({ kind }: Place): boolean => kind === 'settings-placeholder';

type Form = { readonly name: string; readonly isDefault: boolean };

async function withImport(
  code: Code,
  frontend: Project,
  file: string,
  text: string,
  place: SettingsPlace,
  form: Form,
): Promise<string> {
  const from = relativeNear(file, place.form) ?? importPath(code.workspace, frontend, file, place.form);
  const source = await parseSource(file, text);
  const helpers = { requireOrgId: '', assertSameOrg: '', importPath: () => from };
  const edits = importEdits(source, helpers, form.name) ?? [];
  const edited = applyEdits(text, edits);
  return form.isDefault ? edited.replace(`import { ${form.name} }`, `import ${form.name}`) : edited;
}

/** `./components/OrganizationForm` for a part that lies below the page, as the pages import their own parts. */
function relativeNear(file: string, part: string): string | null {
  const folder = `${file.split('/').slice(0, -1).join('/')}/`;
  return part.startsWith(folder) ? `./${part.slice(folder.length).replace(/\.[jt]sx?$/, '')}` : null;
}

async function renderPage(code: Code, frontend: Project, place: SettingsPlace, form: Form): Promise<string> {
  const style = await projectStyle(code.workspace, frontend);
  const from =
    relativeNear(place.newPage, place.form) ?? importPath(code.workspace, frontend, place.newPage, place.form);
  const rendered = renderTemplate(
    readPackageFile('phases/4-settings/templates/page.tsx'),
    style,
    {
      IMPORT: `import ${form.isDefault ? form.name : `{ ${form.name} }`} from ${style.quote}${from}${style.quote}${style.semicolons ? ';' : ''}`,
    },
    { client: frontend.frameworks.includes('next-app') },
  ).replaceAll('OrganizationForm />', `${form.name} />`);
  return code.workspace.styling.tailwind ? rendered : rendered.replace(/\s+className="[^"]*"/g, '');
}

async function checkShown(code: Code, frontend: Project): Promise<CheckResult> {
  const began = performance.now();
  const place = await locateSettings(code, frontend);
  const form = await formName(code, place.form);
  const text = place.page === null ? '' : ((await textOf(code.workspace, place.page)) ?? '');
  const shown = form !== null && new RegExp(`<${form.name}\\b`).test(text);
  return {
    id: '4.2/page',
    title: 'The settings page shows the form',
    kind: 'scan',
    verdict: shown ? 'passed' : 'failed',
    expected: 'the form on the settings page',
    observed: shown ? (place.page ?? '') : place.page === null ? 'there is no settings page' : `not on ${place.page}`,
    milliseconds: performance.now() - began,
    ...(shown ? {} : { advice: 'Apply step 4.2, or put the form on the page by hand.' }),
  };
}
