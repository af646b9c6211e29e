import { readPackageFile } from '../../src/package-root.ts';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { renderTemplate } from '../../src/workspace/code-style.ts';
import type { Project, Workspace } from '../../src/workspace/project.ts';
import { projectOf, specifierFor } from '../../src/workspace/resolve.ts';
import { toPlainJavaScript } from '../../src/workspace/strip-types.ts';
import { checkTypes } from '../code/checks.ts';
import { type Code, dirtyNote, projectStyle, readCode, textOf } from '../code/code.ts';
import { locateService, type Service, serviceExports } from '../code/service.ts';
import type { Target } from '../target.ts';

/** 2.1: the one place that decides which organization a request belongs to. */
export const orgValidation: Step<Target> = {
  id: '2.1',
  title: 'Organization validation service',
  why: 'Routes need one place that says which organization the authenticated user belongs to, from app_metadata alone, checked against the database. Everything after this step calls it.',
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const { workspace } = code;
    if (workspace.backend === null) {
      return { changes: [], blockers: [], notes: [{ text: 'The workspace has no backend; there is nothing to do.' }] };
    }
    const service = await locateService(code, workspace.backend);
    if (service.text !== null) {
      return { changes: [], blockers: [], notes: [{ text: `${service.file} is there and exports what is needed.` }] };
    }
    const after = await renderService(code, workspace.backend, service);
    return {
      changes: [
        {
          kind: 'file',
          id: `create ${service.file}`,
          title: `Create ${service.file}`,
          path: service.file,
          before: null,
          after,
        },
      ],
      blockers: [],
      notes: [...notesOf(code, service), ...dirtyNote(workspace, [service.file])],
    };
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield await checkService(code);
    yield* checkTypes(code, '2.1', signal);
  },
};

async function checkService(code: Code): Promise<CheckResult> {
  const began = performance.now();
  const base = {
    id: '2.1/service',
    title: 'The service is there',
    kind: 'scan' as const,
    expected: `a module that exports ${serviceExports.join(', ')}`,
  };
  const { backend } = code.workspace;
  if (backend === null) {
    return {
      ...base,
      verdict: 'skipped',
      observed: 'not applicable: the workspace has no backend',
      milliseconds: performance.now() - began,
    };
  }
  const service = await locateService(code, backend);
  return {
    ...base,
    verdict: service.text === null ? 'failed' : 'passed',
    observed: service.text === null ? `no such module at ${service.file}` : service.file,
    milliseconds: performance.now() - began,
    ...(service.text === null ? { advice: 'Apply step 2.1.' } : {}),
  };
}

function notesOf({ facts }: Code, service: Service): readonly Note[] {
  const notes: Note[] = [];
  if (service.occupied !== null) {
    notes.push({
      text: `${service.occupied} exists and is something else; it is left alone, and the service goes to ${service.file}.`,
    });
  }
  if (facts.memberships === null && facts.profiles === null) {
    notes.push({ text: 'Neither memberships nor profiles were found: every check of a user would be refused.' });
  }
  return notes;
}

export async function renderService(code: Code, backend: Project, service: Service): Promise<string> {
  const { facts, workspace } = code;
  const client = await clientOf(workspace, backend, service.file);
  const express = backend.frameworks.includes('express');
  const rendered = renderTemplate(
    readPackageFile('phases/2-backend/templates/org-validation.ts'),
    await projectStyle(workspace, backend),
    {
      CLIENT_IMPORT: client.statements,
      CLIENT: client.expression,
      COLUMN: facts.column,
      ORGANIZATIONS: facts.organizations.table,
      ORGANIZATIONS_KEY: facts.organizations.key,
      MEMBERSHIPS: facts.memberships?.table ?? '',
      MEMBERSHIPS_ORG: facts.memberships?.orgColumn ?? '',
      MEMBERSHIPS_USER: facts.memberships?.userColumn ?? '',
      PROFILES: facts.profiles?.table ?? '',
      PROFILES_ORG: facts.profiles?.orgColumn ?? '',
      PROFILES_USER: facts.profiles?.userColumn ?? '',
    },
    {
      express,
      declare: express && !(await declaresOrgId(workspace, backend)),
      memberships: facts.memberships !== null,
      profiles: facts.profiles !== null,
    },
  );
  return backend.typescript ? rendered : toPlainJavaScript(service.file, rendered, backend.moduleType);
}

/** The service-role client that the app has, or one of the service's own where it has none. */
async function clientOf(
  workspace: Workspace,
  backend: Project,
  file: string,
): Promise<{ readonly statements: string; readonly expression: string }> {
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
  return {
    statements: [
      `import { createClient } from '@supabase/supabase-js';`,
      '',
      `const client = createClient(process.env.SUPABASE_URL ?? '', process.env.SUPABASE_SERVICE_ROLE_KEY ?? '', {`,
      '  auth: { persistSession: false, autoRefreshToken: false },',
      '});',
    ].join('\n'),
    expression: 'client',
  };
}

const isNamed = (text: string, name: string): boolean =>
  new RegExp(`export (?:const|let|var|function|async function) ${name}\\b|export \\{[^}]*\\b${name}\\b`).test(text);

/** Whether the app already says that a request carries `org_id`; a second declaration of another type is an error. */
async function declaresOrgId(workspace: Workspace, backend: Project): Promise<boolean> {
  const { listFiles } = await import('../../src/workspace/files.ts');
  const { files } = await listFiles(workspace.root);
  for (const { path: file } of files) {
    if (projectOf(file, workspace.projects) !== backend || !/\.ts$/.test(file)) continue;
    const text = (await textOf(workspace, file)) ?? '';
    if (/namespace Express|express-serve-static-core/.test(text) && /\borg_id\s*\??\s*:/.test(text)) return true;
  }
  return false;
}
