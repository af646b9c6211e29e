import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note, Plan, Step } from '../../src/rollout/step.ts';
import { speaksExpress } from '../../src/workspace/frameworks.ts';
import type { Finding } from '../../src/workspace/scan/types.ts';
import { checkScan, checkTypes, type Place } from '../code/checks.ts';
import { type Code, readCode, textOf } from '../code/code.ts';
import { fixFindings, type Overlay, planOf } from '../code/fixes.ts';
import { scanCode } from '../code/scan.ts';
import { helpersOf, locateService } from '../code/service.ts';
import type { Target } from '../target.ts';
import { answerRefusals, unansweredNote } from './answers.ts';
import { rewriteAuth } from './auth-edits.ts';
import type { Mount } from './cures/cure.ts';
import { type Door, doorsOf, importOf } from './cures/index.ts';
import { isNeeded } from './cures/terms.ts';

/** 2.2: the middleware that says who is asking no longer guesses for which organization. */
export const auth: Step<Target> = {
  id: '2.2',
  title: 'Fix the auth middleware',
  why: 'A token without an organization was answered with the first organization of the table, or with one that any user can write into their own profile. From here on it is refused, and each refusal is reported.',
  running: {
    before: 'Set DEV_ORG_ID where local development used a default organization.',
    after:
      "Deploy the backend: a request whose token names no organization is answered 401 instead of with somebody else's data.",
  },
  plan: async (target): Promise<Plan> => {
    const code = await readCode(target);
    const files = authFiles(code);
    const doors = await doorsOf(code);
    const mounted = mounts(code, doors);
    if (files.length === 0 && doors.length === 0) {
      return {
        changes: [],
        blockers: [],
        notes: [
          {
            text: 'No auth middleware was found in the backend. Name it with code.authMiddleware in the configuration file if there is one.',
          },
        ],
      };
    }
    const overlay: Overlay = new Map(
      mounted.flatMap((one) => (typeof one === 'string' ? [] : [[one.file, one.after]])),
    );
    const { backend } = code.workspace;
    if (backend !== null && speaksExpress(backend)) {
      const helpers = helpersOf(code.workspace, await locateService(code, backend));
      for (const file of files) {
        const text = overlay.get(file) ?? (await textOf(code.workspace, file));
        if (text !== null) overlay.set(file, await rewriteAuth(file, text, helpers));
      }
    }
    const fixed = await fixFindings(code, isIn(files), overlay);
    const edited = new Set(overlay.keys());
    const unanswered = await answerRefusals(code, overlay);
    const titles = new Map(mounted.flatMap((one) => (typeof one === 'string' ? [] : [[one.file, one.title]])));
    const lacking =
      backend !== null && speaksExpress(backend) ? files.filter((file) => lacksOrg(fixed.overlay.get(file) ?? '')) : [];
    const title = (file: string): string =>
      titles.get(file) ?? `${edited.has(file) ? 'Trust only app_metadata' : 'Answer refusals'} in ${file}`;
    return planOf(code, fixed, title, [
      ...unanswered.map(unansweredNote),
      ...lacking.map((file): Note => ({ text: `${file} needs a manual change: ${setIt}` })),
      ...mounted.flatMap((one) => (typeof one === 'string' ? [{ text: one }] : [])),
      ...decodedNotes(code),
    ]);
  },
  checks: async function* (target, signal) {
    const code = await readCode(target);
    yield* checkScan(code, '2.2', isIn(authFiles(code)), signal);
    yield await checkRequest(code);
    yield* checkTokens(code);
    yield* checkMounts(code, await doorsOf(code));
    yield* checkTypes(code, '2.2', signal);
  },
};

/** The files that authenticate requests on the server. */
export const authFiles = ({ workspace }: Code): readonly string[] =>
  workspace.auth.filter((one) => one.side === 'server').map((one) => one.file);

const isIn =
  (files: readonly string[]) =>
  (finding: Place): boolean =>
    files.includes(finding.file);

/** What puts the modules of the doors to work; a sentence where a person has to. */
const mounts = ({ workspace }: Code, doors: readonly Door[]): readonly (Mount | string)[] =>
  doors.flatMap(({ adapter, cure, ground }) => {
    const made = cure.mount?.(ground, (file) => importOf(workspace, ground, file, adapter.file)) ?? null;
    return made === null ? [] : [made];
  });

async function* checkMounts(code: Code, doors: readonly Door[]): AsyncIterable<CheckResult> {
  const findings = doors.length === 0 ? [] : await allFindings(code);
  for (const door of doors.filter(({ cure }) => cure.mount !== undefined)) {
    const [open] = mounts(code, [door]);
    const base = {
      id: `2.2/mount/${door.id}`,
      title: `${door.cure.title} knows the organization of a request`,
      kind: 'scan' as const,
      expected: `${door.adapter.file} at work`,
      milliseconds: 0,
    };
    if (open === undefined) yield { ...base, verdict: 'passed', observed: 'it is' };
    else if (typeof open === 'string' && !isNeeded(door, findings))
      yield {
        ...base,
        verdict: 'skipped',
        observed: 'not applicable: nothing here takes an organization from a request',
      };
    else if (typeof open === 'string')
      yield {
        ...base,
        verdict: 'skipped',
        matters: true,
        observed: `not checked: ${open}`,
        advice: door.cure.instruction,
      };
    else yield { ...base, verdict: 'failed', observed: `not in ${open.file}`, advice: 'Apply step 2.2.' };
  }
}

async function allFindings(code: Code): Promise<readonly Finding[]> {
  const { findings, waived } = await scanCode(code);
  return [...findings, ...waived];
}

const setIt =
  'Set req.org_id to what resolveOrgId(user, req, res) of the organization service gives, and return where that is null: without it the routes answer 401 to everybody.';

const request = String.raw`\breq(?:uest)?(?:\s+as\s+[^)=;]+\))?\s*[!?]?`;
const carriesUser = new RegExp(
  String.raw`${request}\.(?:user|auth|session|account|principal|identity|current_?user|member)\w*\s*=[^=]|\bres(?:ponse)?\.locals\.\w*user\w*\s*=[^=]|\bObject\.assign\(\s*req(?:uest)?\b`,
  'i',
);
const carriesOrg = new RegExp(
  String.raw`${request}\.org_id\s*=[^=]|\bObject\.assign\(\s*req(?:uest)?\b[^;]*\borg_id\b`,
);

/** A middleware that puts the user on the request, however it is typed, and not the validated organization. */
export const lacksOrg = (text: string): boolean => carriesUser.test(text) && !carriesOrg.test(text);

const decoders = ({ workspace }: Code): readonly string[] =>
  workspace.auth.filter((one) => one.decodesOnly === true).map(({ file }) => file);

const verifyIt =
  'Verify the token before anything in it is believed (supabase.auth.getClaims(token), or jwtVerify with the key set of the project).';

const decodedNotes = (code: Code): readonly Note[] =>
  decoders(code).map((file) => ({
    text: `${file} decodes the token without checking its signature: anyone can forge one. ${verifyIt}`,
  }));

/** Authentication that checks no signature lets everybody be anybody, unless something in front of it does; who knows. */
function* checkTokens(code: Code): Iterable<CheckResult> {
  for (const file of decoders(code)) {
    yield {
      id: `2.2/token/${file}`,
      title: `${file} checks the signature of tokens`,
      kind: 'scan',
      verdict: 'skipped',
      matters: true,
      expected: 'tokens whose signature is checked',
      observed: 'unverified: the token is decoded, and nothing in this file checks its signature',
      advice: `${verifyIt} If something in front of the app does so already, list the id of this check under decisions.acceptNotChecked in the configuration file.`,
      milliseconds: 0,
    };
  }
}

const whyNotAsked = (backend: Code['workspace']['backend']): string =>
  backend === null || speaksExpress(backend)
    ? 'not applicable: no auth middleware was found'
    : 'not applicable: the module of 2.1 keeps it, and 2.3 puts it in front of what needs it';

/** Where a user is put on the request, the validated organization is put there too. */
async function checkRequest(code: Code): Promise<CheckResult> {
  const began = performance.now();
  const lacking: string[] = [];
  const { backend } = code.workspace;
  // Elsewhere the module of the framework keeps it, and the next step puts it in front of what needs it.
  const files = backend !== null && speaksExpress(backend) ? authFiles(code) : [];
  for (const file of files) {
    const text = (await textOf(code.workspace, file)) ?? '';
    if (lacksOrg(text)) lacking.push(file);
  }
  return {
    id: '2.2/request',
    title: 'The request carries the validated organization',
    kind: 'scan',
    verdict: lacking.length === 0 ? 'passed' : 'failed',
    expected: 'req.org_id is set where req.user is',
    observed: lacking.length === 0 ? 'it is' : `not in ${lacking.join(', ')}`,
    milliseconds: performance.now() - began,
    ...(files.length === 0 ? { verdict: 'skipped' as const, observed: whyNotAsked(backend) } : {}),
    ...(lacking.length === 0 ? {} : { advice: setIt }),
  };
}
