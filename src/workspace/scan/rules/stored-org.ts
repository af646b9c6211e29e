import { meetsUsersOwn } from '../guards.ts';
import { isOrgIdName, isOrgName, orgLetters } from '../names.ts';
import { usesOf } from '../org-reads.ts';
import { originsOf } from '../origins.ts';
import { knowsRequest } from '../request-readers.ts';
import type { Rule } from '../rule.ts';
import { bindingOf, returnsOf } from '../scope.ts';
import { callOf, isFunction, keyName, memberOf, type SyntaxNode, stringValue, unwrap } from '../syntax.ts';

const storage =
  /\b(?:local|session)Storage\b|\b(?:Cookies|cookieStore|AsyncStorage|SecureStore)\s*\.|\bdocument\s*\.\s*cookie\b|\b(?:setCookie|getCookie|useCookie|use(?:Local|Session|Async)?Storage|useMMKV\w*)\s*(?:<[^()]*>)?\(|\bpersist\s*[(:]/g;

const written = 'The organization is written to the browser storage, where it outlives the session and can be edited.';
const instruction =
  'Read app_metadata.org_id of the current session (useOrg) and keep nothing in storage; remove what older versions left there on sign-out.';

/**
 * The organization kept in the browser's storage: it outlives the session that it came from, and anyone can edit it. A
 * cache of data under a key that holds the org's id is none of this, nor is a stored id that is compared with the token's.
 */
export const storedOrg: Rule = {
  kind: 'stored-org',
  seeds: ({ side, source }) => (side === 'server' || !orgLetters.test(source.text) ? null : storage),
  *check(node, context) {
    if (context.side === 'server') return;
    for (const place of persistedAt(node)) yield { node: place, reason: written, instruction };
    const access = accessAt(node);
    if (access === null) return;
    const { key, place, writes } = access;
    const name = lastWord(key);
    if (!isOrgIdName(key) && (!isOrgName(name) || ofMessage.test(name))) return;
    if (!writes && meetsUsersOwn(usesOf({ node: place, binding: null }))) return;
    yield {
      node: place,
      reason: writes ? written : 'The organization is taken from the browser storage instead of the session.',
      instruction,
    };
  },
  examples: {
    finds: [
      { path: 'src/a.tsx', code: `localStorage.setItem('orgId', org.id);` },
      { path: 'src/a.tsx', code: `const orgId = localStorage.getItem('org_id');` },
      { path: 'src/a.tsx', code: `const KEY = 'current_org'; const id = window.sessionStorage.getItem(KEY);` },
      { path: 'src/a.tsx', code: `localStorage.tenantId = id;` },
      { path: 'src/a.tsx', code: `document.cookie = 'org_id=' + id;` },
      { path: 'src/a.tsx', code: `Cookies.set('organizationId', id);` },
      { path: 'src/a.tsx', code: `const store = window.cookieStore; const org = await cookieStore.get('org_id');` },
      { path: 'src/a.tsx', code: `localStorage.setItem('created_org_id', id);` },
      { path: 'src/a.ts', code: `const orgId = useCookie('org_id');` },
      { path: 'src/a.ts', code: `const orgId = useCookie<string | null>('org_id', { default: () => null });` },
      { path: 'src/a.ts', code: `const orgId = useStorage('current-org-id', null);` },
      { path: 'src/a.ts', code: `const [orgId, setOrgId] = useLocalStorage('orgId', null);` },
      {
        path: 'src/a.ts',
        code: `export const useOrg = create(persist((set) => ({ orgId: null, pick: (orgId) => set({ orgId }) }), { name: 'org' }));`,
      },
      {
        path: 'src/a.ts',
        code: `export const useOrg = create<State>()(persist((set) => ({ orgId: null, theme: 'dark' }), { name: 'org', partialize: (state) => ({ orgId: state.orgId }) }));`,
      },
      {
        path: 'src/a.ts',
        code: `export const useOrg = defineStore('org', { state: () => ({ currentOrgId: null as string | null }), persist: true });`,
      },
      {
        path: 'src/a.ts',
        code: `export const useOrg = defineStore('org', () => { const orgId = ref(null); return { orgId }; }, { persist: { storage: localStorage } });`,
      },
    ],
    leaves: [
      {
        path: 'app/page.tsx',
        code: `import { cookies } from 'next/headers'; export default async function Page() { const cookieStore = await cookies(); const org = cookieStore.get('current_org')?.value; return <Nav org={org} />; }`,
      },
      {
        path: 'src/lib/org.ts',
        code: `import { cookies } from 'next/headers'; export async function keep(id: string) { const cookieStore = await cookies(); cookieStore.set('org_id', id); }`,
      },
      { path: 'src/a.tsx', code: `const message = Cookies.get('flash_org'); show(message);` },
      { path: 'src/a.tsx', code: `if (!Cookies.get('organization-toast')) toast(text);` },
      { path: 'src/a.tsx', code: `localStorage.setItem('orgCreated', '1');` },
      { path: 'src/a.tsx', code: `const seen = sessionStorage.getItem('tenant_banner');` },
      { path: 'src/a.ts', code: `const theme = useCookie('theme'); const orgId = session.orgId;` },
      {
        path: 'src/a.ts',
        code: `export const useOrg = create(persist((set) => ({ orgId: null, theme: 'dark' }), { name: 'org', partialize: (state) => ({ theme: state.theme }) }));`,
      },
      {
        path: 'src/a.ts',
        code: `export const useOrg = defineStore('org', { state: () => ({ orgId: null, theme: '' }), persist: { pick: ['theme'] } });`,
      },
      {
        path: 'src/a.ts',
        code: `export const useOrg = defineStore('org', { state: () => ({ orgId: null }), persist: false });`,
      },
      { path: 'src/a.tsx', code: `localStorage.removeItem('orgId');` },
      { path: 'src/a.tsx', code: `localStorage.setItem('theme', 'dark');` },
      { path: 'src/a.tsx', code: 'sessionStorage.setItem(`dashboard:${orgId}`, JSON.stringify(data));' },
      {
        path: 'src/a.tsx',
        code: `const cached = sessionStorage.getItem('org_id'); if (cached === session.user.app_metadata.org_id) show();`,
      },
      { path: 'src/a.tsx', code: `sessionStorage.setItem('org-settings-cache', JSON.stringify(data));` },
    ],
  },
};

/** `flash_org`, `org-toast`, `org_created`: what is shown once, or was shown, and not which organization. */
const ofMessage =
  /(?:^|[-_.]|(?<=[a-z])(?=[A-Z]))(?:toast|flash|messages?|notice|notifications?|banner|alert|error|success|warning|created|updated|deleted|removed|joined|left|invited|saved|seen|shown|dismissed|hidden|welcome|tour|onboarding|prompt|hint|tab|collapsed|expanded)(?=$|[-_.\dA-Z])/i;

const isOfServer = (module: string): boolean => knowsRequest(module) || /^(?:hono\/|next\/headers)/.test(module);

type Access = { readonly key: string; readonly place: SyntaxNode; readonly writes: boolean };

function accessAt(node: SyntaxNode): Access | null {
  // document.cookie = 'org_id=…'
  const assignment = node.above('assignment_expression');
  if (
    assignment &&
    /^(?:window\.)?document\s*\.\s*cookie\b/.test(assignment.child(0)?.text ?? '') &&
    assignment.child(0)?.contains(node)
  ) {
    const text = assignment.child(1)?.text ?? '';
    const key = /^[`'"]\s*([\w-]+)=/.exec(text)?.[1];
    return key === undefined ? null : { key, place: assignment, writes: true };
  }
  let at: SyntaxNode = node;
  // `const cookieStore = await cookies()` of Next: the cookies of a request, which the rule for requests follows.
  if (at.kind === 'identifier' && originsOf(at).some(({ kind }) => kind === 'request')) return null;
  // window.localStorage
  while (at.parent?.kind === 'member_expression' && at.parent.child(1) === at) at = at.parent;
  const member = at.parent;
  if (at.kind === 'identifier' && member?.kind === 'call_expression') {
    // The helper of a server framework reads the cookies of a request.
    if (/cookie/i.test(at.text) && isOfServer(bindingOf(at)?.imported?.module ?? '')) return null;
    const key = keyOf(callOf(member)?.args[0] ?? null);
    return key === null ? null : { key, place: member, writes: !/^(?:get|use)/.test(at.text) };
  }
  const access = member ? memberOf(member) : null;
  if (!member || access === null || member.child(0) !== at) return null;
  const call =
    member.parent?.kind === 'call_expression' && member.parent.child(0) === member ? callOf(member.parent) : null;
  if (call !== null && member.parent) {
    if (!/^(?:getItem|setItem|get|set|getItemAsync|setItemAsync)$/.test(access.name)) return null;
    const key = keyOf(call.args[0] ?? null);
    return key === null ? null : { key, place: member.parent, writes: access.name.startsWith('set') };
  }
  const parent = member.parent;
  if (parent?.kind === 'assignment_expression' && parent.child(0) === member)
    return { key: access.name, place: parent, writes: true };
  return isOrgIdName(access.name) ? { key: access.name, place: member, writes: false } : null;
}

/** The key as the code spells it, or the constant's value; a key made with an id in it is a cache's. */
function keyOf(node: SyntaxNode | null): string | null {
  if (node === null) return null;
  const literal = stringValue(node);
  if (literal !== null) return literal;
  const inner = unwrap(node);
  if (inner.kind === 'identifier') {
    const binding = bindingOf(inner);
    return (binding?.init && binding.path.length === 0 ? stringValue(binding.init) : null) ?? inner.text;
  }
  return memberOf(inner)?.name ?? null;
}

function lastWord(key: string): string {
  return key.split(/[:./]/).at(-1) ?? key;
}

/** What a store keeps in the browser by itself: `persist((set) => ({ orgId }), …)` of Zustand, `persist: true` of Pinia. */
function persistedAt(node: SyntaxNode): readonly SyntaxNode[] {
  if (node.text !== 'persist') return [];
  const parent = node.parent;
  if (parent?.kind === 'call_expression' && parent.child(0) === node) {
    const [state, options] = callOf(parent)?.args ?? [];
    return kept(state, optionOf(options, 'partialize'));
  }
  const value = parent?.kind === 'pair' && parent.child(0) === node ? parent.child(1) : null;
  const options = parent?.parent;
  if (!value || value.text === 'false' || !options) return [];
  const setup =
    options.parent?.kind === 'arguments' ? options.parent.children.find((one) => isFunction(one)) : undefined;
  return kept(optionOf(options, 'state') ?? setup, optionOf(value, 'pick') ?? optionOf(value, 'paths'));
}

const optionOf = (options: SyntaxNode | null | undefined, name: string): SyntaxNode | null =>
  (options ? unwrap(options) : null)?.children
    .find((part) => part.kind === 'pair' && keyName(part.child(0)) === name)
    ?.child(1) ?? null;

/** The organizations among what a function returns, of which `only` may name a part. */
function kept(state: SyntaxNode | null | undefined, only: SyntaxNode | null): readonly SyntaxNode[] {
  const fn = state ? unwrap(state) : null;
  if (fn === null || !isFunction(fn)) return [];
  return returnsOf(fn)
    .flatMap((value) => unwrap(value).children)
    .flatMap((part) => {
      const key = part.kind === 'pair' ? part.child(0) : part;
      const name =
        part.kind === 'pair' ? keyName(key) : part.kind === 'shorthand_property_identifier' ? part.text : null;
      if (key === null || name === null || !(isOrgIdName(name) || isOrgName(name))) return [];
      if (isFunction(part.child(1) ?? part) || (only !== null && !new RegExp(`\\b${name}\\b`).test(only.text)))
        return [];
      return [key];
    });
}
