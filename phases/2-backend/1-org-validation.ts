import { readPackageFile } from '../../src/package-root.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { renderTemplate } from '../../src/workspace/code-style.ts';
import { speaksExpress } from '../../src/workspace/frameworks.ts';
import type { Project, Workspace } from '../../src/workspace/project.ts';
import { projectOf } from '../../src/workspace/resolve.ts';
import { toPlainJavaScript } from '../../src/workspace/strip-types.ts';
import { checkTypes, notApplicable } from '../code/checks.ts';
import { type Code, dirtyNote, projectStyle, readCode, textOf } from '../code/code.ts';
import { changesOf } from '../code/fixes.ts';
import { scanCode } from '../code/scan.ts';
import { locateService, type Service, serviceExports } from '../code/service.ts';
import type { Target } from '../target.ts';
import { clientOf } from './client.ts';
import { type Door, doorsOf } from './cures/index.ts';
import { isNeeded } from './cures/terms.ts';
import { uncured } from './cures/uncured.ts';
import { renderDoor } from './cures/write.ts';
import { filterCalls, unaskedChecks, unaskedNotes } from './filters.ts';

/** 2.1: the one place that decides which organization a request belongs to. */
export const orgValidation: Step<Target> = {
  id: '2.1',
  title: 'Add the organization service',
  why: 'Routes need one place that says which organization the authenticated user belongs to, from app_metadata alone, checked against the database. Everything after this step calls it.',
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const doors = await doorsOf(code);
    const plans = [await planService(code), ...(await Promise.all(doors.map((door) => planDoor(code, door))))];
    const changes = new Map(plans.flatMap((plan) => plan.changes).map((change) => [change.id, change]));
    const notes = [...plans.flatMap((plan) => plan.notes), ...uncured(code).map((text) => ({ text: `${text}.` }))];
    if (changes.size === 0 && notes.length === 0) {
      notes.push({ text: 'The workspace has no backend; there is nothing to do.' });
    }
    return { changes: [...changes.values()], blockers: [], notes };
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    const doors = await doorsOf(code);
    const open = uncured(code);
    if (hasService(code) || code.workspace.backend === null) yield await checkService(code);
    else if (doors.length === 0 && open.length === 0)
      yield notApplicable('2.1', 'no server code of a framework that is known');
    for (const door of doors) yield await checkDoor(code, door);
    if (hasService(code) || doors.length > 0) yield* unaskedChecks(code);
    for (const [at, reason] of open.entries()) {
      const one = notApplicable('2.1', reason);
      yield at === 0 ? one : { ...one, id: `${one.id}/${at + 1}` };
    }
    yield* checkTypes(code, '2.1', signal);
  },
};

/** Whether the service for `req` and `res` has anybody to serve. */
const hasService = ({ workspace: { backend } }: Code): boolean => backend !== null && speaksExpress(backend);

async function planService(code: Code): Promise<Plan> {
  const { workspace } = code;
  if (workspace.backend === null || !hasService(code)) return { changes: [], blockers: [], notes: [] };
  const service = await locateService(code, workspace.backend);
  if (service.text !== null) {
    return { changes: [], blockers: [], notes: [{ text: `${service.file} is there and exports what is needed.` }] };
  }
  const after = await renderService(code, workspace.backend, service);
  const changes = await changesOf(code, new Map([[service.file, after]]), (file) => `Create ${file}`);
  return { changes, blockers: [], notes: [...notesOf(code, service), ...(await dirtyNote(workspace, [service.file]))] };
}

async function planDoor(code: Code, door: Door): Promise<Plan> {
  const { adapter, core, cure } = door;
  if (adapter.text !== null && core.text !== null) {
    return { changes: [], blockers: [], notes: [{ text: `${adapter.file} is there and exports what is needed.` }] };
  }
  const texts = await renderDoor(code, door);
  if (typeof texts === 'string') {
    return { changes: [], blockers: [], notes: [{ text: `${cure.title} needs a manual change: ${texts}` }] };
  }
  const changes = await changesOf(code, texts, (file) => `Create ${file}`);
  const occupied = [adapter, core].flatMap((one) => (one.occupied === null ? [] : [one.occupied]));
  return {
    changes,
    blockers: [],
    notes: [
      ...occupied.map((file) => ({ text: `${file} exists and is something else; it is left alone.` })),
      ...membershipNotes(code),
    ],
  };
}

async function checkDoor(code: Code, door: Door): Promise<CheckResult> {
  const began = performance.now();
  const { adapter, core, cure } = door;
  const base = {
    id: `2.1/cure/${door.id}`,
    title: `The organization in ${cure.title}`,
    kind: 'scan' as const,
    expected: `a module that exports ${cure.module.exports.join(', ')}`,
  };
  if (adapter.text !== null && core.text !== null) {
    return { ...base, verdict: 'passed', observed: adapter.file, milliseconds: performance.now() - began };
  }
  const texts = await renderDoor(code, door);
  const milliseconds = performance.now() - began;
  if (typeof texts !== 'string') {
    return {
      ...base,
      verdict: 'failed',
      observed: `no such module at ${adapter.file}`,
      advice: 'Apply step 2.1.',
      milliseconds,
    };
  }
  const { findings, waived } = await scanCode(code);
  if (!isNeeded(door, [...findings, ...waived])) {
    return {
      ...base,
      verdict: 'skipped',
      observed: 'not applicable: nothing here takes an organization from a request',
      milliseconds,
    };
  }
  return {
    ...base,
    verdict: 'skipped',
    matters: true,
    observed: `not checked: ${texts}`,
    advice: cure.instruction,
    milliseconds,
  };
}

async function checkService(code: Code): Promise<CheckResult> {
  const began = performance.now();
  const base = {
    id: '2.1/service',
    title: 'The organization service is there',
    kind: 'scan' as const,
    expected: `a module that exports ${serviceExports.join(', ')}`,
  };
  const { backend } = code.workspace;
  if (backend === null) return { ...notApplicable('2.1', 'the workspace has no backend'), id: base.id };
  const service = await locateService(code, backend);
  return {
    ...base,
    verdict: service.text === null ? 'failed' : 'passed',
    observed: service.text === null ? `no such module at ${service.file}` : service.file,
    milliseconds: performance.now() - began,
    ...(service.text === null ? { advice: 'Apply step 2.1.' } : {}),
  };
}

function notesOf(code: Code, service: Service): readonly Note[] {
  const notes: Note[] = [];
  if (service.occupied !== null) {
    notes.push({
      text: `${service.occupied} exists and is something else; it is left alone, and the service goes to ${service.file}.`,
    });
  }
  return [...notes, ...membershipNotes(code)];
}

const membershipNotes = (code: Code): readonly Note[] =>
  code.facts.memberships === null && code.facts.profiles === null
    ? [{ text: 'Neither memberships nor profiles were found: every check of a user would be refused.' }]
    : unaskedNotes(code);

export async function renderService(code: Code, backend: Project, service: Service): Promise<string> {
  const { facts, workspace } = code;
  const client = await clientOf(workspace, backend, service.file);
  const express = backend.frameworks.includes('express');
  const style = await projectStyle(workspace, backend);
  const rendered = renderTemplate(
    readPackageFile('phases/2-backend/templates/org-validation.ts'),
    style,
    {
      CLIENT_IMPORT: client.statements,
      CLIENT: client.expression,
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
      express,
      declare: express && !(await declaresOrgId(workspace, backend)),
      pages: !express && backend.frameworks.includes('next-pages'),
      uuid: (facts.organizations.idType ?? 'uuid') === 'uuid',
      memberships: facts.memberships !== null,
      // A profile says who belongs where only while no membership does.
      profiles: facts.memberships === null && facts.profiles !== null,
    },
  );
  return backend.typescript ? rendered : toPlainJavaScript(service.file, rendered, backend.moduleType);
}

/** Whether the app already says that a request carries `org_id`; a second declaration of another type is an error. */
async function declaresOrgId(workspace: Workspace, backend: Project): Promise<boolean> {
  const { files } = workspace.list;
  for (const { path: file } of files) {
    if (projectOf(file, workspace.projects) !== backend || !/\.ts$/.test(file)) continue;
    const text = (await textOf(workspace, file)) ?? '';
    if (/namespace Express|express-serve-static-core/.test(text) && /\borg_id\s*\??\s*:/.test(text)) return true;
  }
  return false;
}
