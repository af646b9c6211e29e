import type { Case } from './case.ts';

const q = (v: string) => `const { data } = await client.from('calls').select('*').eq('org_id', ${v}); return data;`;
const h = (
  body: string,
) => `import { serverSupabaseClient, serverSupabaseServiceRole, serverSupabaseUser } from '#supabase/server';
export default defineEventHandler(async (event) => {
  const client = serverSupabaseServiceRole(event);
  const user = await serverSupabaseUser(event);
  if (!user) throw createError({ statusCode: 401 });
  ${body}
});
`;
const R = 'request-org';
export const nuxt: readonly Case[] = [
  ['query', 'server/api/a.get.ts', R, h(`const query = getQuery(event); ${q('query.org_id')}`)],
  ['query destructured', 'server/api/a.get.ts', R, h(`const { orgId } = getQuery(event); ${q('orgId')}`)],
  ['query generic', 'server/api/a.get.ts', R, h(`const { orgId } = getQuery<{ orgId: string }>(event); ${q('orgId')}`)],
  [
    'router param',
    'server/api/orgs/[orgId]/a.get.ts',
    R,
    h(`const orgId = getRouterParam(event, 'orgId'); ${q('orgId')}`),
  ],
  [
    'router param id',
    'server/api/orgs/[id]/a.get.ts',
    R,
    h(`const orgId = getRouterParam(event, 'id'); ${q('orgId')}`),
  ],
  [
    'router param id inline',
    'server/api/orgs/[id]/a.get.ts',
    R,
    h(`const id = getRouterParam(event, 'id'); ${q('id')}`),
  ],
  [
    'context params',
    'server/api/orgs/[orgId]/a.get.ts',
    R,
    h(`const orgId = event.context.params!.orgId; ${q('orgId')}`),
  ],
  [
    'context params ?',
    'server/api/orgs/[orgId]/a.get.ts',
    R,
    h(`const { orgId } = event.context.params as { orgId: string }; ${q('orgId')}`),
  ],
  [
    'readBody',
    'server/api/a.post.ts',
    R,
    h(
      `const body = await readBody(event); const { error } = await client.from('calls').insert({ org_id: body.org_id, name: body.name });`,
    ),
  ],
  [
    'readValidatedBody',
    'server/api/a.post.ts',
    R,
    h(
      `const body = await readValidatedBody(event, (b) => schema.parse(b)); await client.from('calls').insert({ org_id: body.orgId });`,
    ),
  ],
  [
    'readValidatedBody safeParse',
    'server/api/a.post.ts',
    R,
    h(
      `const result = await readValidatedBody(event, schema.safeParse); if (!result.success) throw createError({ statusCode: 400 }); await client.from('calls').insert({ org_id: result.data.orgId });`,
    ),
  ],
  [
    'getValidatedQuery',
    'server/api/a.get.ts',
    R,
    h(`const { orgId } = await getValidatedQuery(event, schema.parse); ${q('orgId')}`),
  ],
  [
    'getValidatedRouterParams',
    'server/api/a.get.ts',
    R,
    h(`const { orgId } = await getValidatedRouterParams(event, schema.parse); ${q('orgId')}`),
  ],
  ['header', 'server/api/a.get.ts', R, h(`const orgId = getHeader(event, 'x-org-id'); ${q('orgId')}`)],
  [
    'requestHeader',
    'server/api/a.get.ts',
    R,
    h(`const orgId = getRequestHeader(event, 'x-organization-id'); ${q('orgId')}`),
  ],
  ['headers obj', 'server/api/a.get.ts', R, h(`const orgId = getHeaders(event)['x-org-id']; ${q('orgId')}`)],
  ['event.headers', 'server/api/a.get.ts', R, h(`const orgId = event.headers.get('x-org-id'); ${q('orgId')}`)],
  [
    'event.node.req.headers',
    'server/api/a.get.ts',
    R,
    h(`const orgId = event.node.req.headers['x-org-id'] as string; ${q('orgId')}`),
  ],
  ['cookie', 'server/api/a.get.ts', R, h(`const orgId = getCookie(event, 'org_id'); ${q('orgId')}`)],
  ['parseCookies', 'server/api/a.get.ts', R, h(`const orgId = parseCookies(event).org_id; ${q('orgId')}`)],
  [
    'getRequestURL',
    'server/api/a.get.ts',
    R,
    h(`const url = getRequestURL(event); const orgId = url.searchParams.get('orgId'); ${q('orgId')}`),
  ],
  [
    'readFormData',
    'server/api/a.post.ts',
    R,
    h(`const form = await readFormData(event); await client.from('calls').insert({ org_id: form.get('org_id') });`),
  ],
  [
    'multipart',
    'server/api/a.post.ts',
    R,
    h(
      `const parts = await readMultipartFormData(event); const orgId = parts?.find((p) => p.name === 'org_id')?.data.toString(); await client.from('calls').insert({ org_id: orgId });`,
    ),
  ],
  [
    'web request',
    'server/api/a.post.ts',
    R,
    h(`const body = await toWebRequest(event).json(); await client.from('calls').insert({ org_id: body.org_id });`),
  ],
  [
    'useSession h3',
    'server/api/a.post.ts',
    '',
    h(`const session = await useSession(event, { password: config.pw }); ${q('session.data.orgId')}`),
  ],
  [
    'defineCachedEventHandler',
    'server/api/a.get.ts',
    R,
    `export default defineCachedEventHandler(async (event) => { const { orgId } = getQuery(event); ${q('orgId')} });`,
  ],
  [
    'cachedEventHandler',
    'server/api/a.get.ts',
    R,
    `export default cachedEventHandler(async (event) => { const { orgId } = getQuery(event); ${q('orgId')} });`,
  ],
  [
    'own wrapper',
    'server/api/a.get.ts',
    R,
    `export default defineAuthenticatedHandler(async (event) => { const { orgId } = getQuery(event); ${q('orgId')} });`,
  ],
  [
    'own wrapper with auth',
    'server/api/a.get.ts',
    R,
    `export default withAuth(async (event, { user }) => { const { orgId } = getQuery(event); ${q('orgId')} });`,
  ],
  [
    'lazyEventHandler',
    'server/api/a.get.ts',
    R,
    `export default lazyEventHandler(() => { return defineEventHandler(async (event) => { const { orgId } = getQuery(event); ${q('orgId')} }); });`,
  ],
  [
    'object handler',
    'server/api/a.get.ts',
    R,
    `export default defineEventHandler({ onRequest: [auth], handler: async (event) => { const { orgId } = getQuery(event); ${q('orgId')} } });`,
  ],
  [
    'fromNodeMiddleware',
    'server/api/a.get.ts',
    R,
    `export default fromNodeMiddleware(async (req, res) => { const orgId = req.headers['x-org-id']; ${q('orgId')} });`,
  ],
  [
    'util H3Event',
    'server/utils/org.ts',
    R,
    `import type { H3Event } from 'h3';\nexport async function requireOrg(event: H3Event) { const orgId = getHeader(event, 'x-org-id'); if (!orgId) throw createError({ statusCode: 400 }); return orgId; }`,
  ],
  [
    'util H3Event name differs',
    'server/utils/org.ts',
    R,
    `import type { H3Event } from 'h3';\nexport const getOrgId = (e: H3Event): string | undefined => getCookie(e, 'org_id');`,
  ],
  [
    'util H3Event ctx assign',
    'server/middleware/org.ts',
    R,
    `export default defineEventHandler((event) => { const orgId = getHeader(event, 'x-org-id'); if (orgId) event.context.orgId = orgId; });`,
  ],
  [
    'middleware assign direct',
    'server/middleware/org.ts',
    R,
    `export default defineEventHandler((event) => { event.context.tenantId = getCookie(event, 'tenant_id'); });`,
  ],
  [
    'rpc',
    'server/api/a.post.ts',
    R,
    h(`const body = await readBody(event); await client.rpc('close_month', { p_org_id: body.orgId });`),
  ],
  [
    'storage path',
    'server/api/a.post.ts',
    R,
    h(`const { orgId } = await readBody(event); await client.storage.from('files').upload(\`\${orgId}/a.pdf\`, buf);`),
  ],
  [
    'fetch own backend',
    'server/api/a.get.ts',
    R,
    h(`const { orgId } = getQuery(event); return await $fetch(\`/orgs/\${orgId}/calls\`, { baseURL });`),
  ],
  [
    'body whole',
    'server/api/a.post.ts',
    'body-spread',
    h(`const body = await readBody(event); await client.from('calls').insert(body);`),
  ],
  [
    'body spread',
    'server/api/a.post.ts',
    'body-spread',
    h(`const body = await readBody(event); await client.from('calls').insert({ ...body, created_by: user.id });`),
  ],
  [
    'body validated local',
    'server/api/a.post.ts',
    '',
    `const schema = z.object({ name: z.string() });\n` +
      h(`const body = await readValidatedBody(event, schema.parse); await client.from('calls').insert(body);`),
  ],
  [
    'body validated fn',
    'server/api/a.post.ts',
    '',
    `const schema = z.object({ name: z.string() });\n` +
      h(
        `const body = await readValidatedBody(event, (body) => schema.parse(body)); await client.from('calls').insert(body);`,
      ),
  ],
  [
    'body validated safe',
    'server/api/a.post.ts',
    '',
    `const schema = z.object({ name: z.string() });\n` +
      h(
        `const body = await readValidatedBody(event, schema.safeParse); if (!body.success) throw createError({ statusCode: 400 }); await client.from('calls').insert(body.data);`,
      ),
  ],
  ['user_metadata', 'server/api/a.get.ts', 'user-metadata-org', h(q('user.user_metadata.org_id'))],
  [
    'guard own',
    'server/api/a.get.ts',
    '',
    h(
      `const { orgId } = getQuery(event); if (orgId !== user.app_metadata.org_id) throw createError({ statusCode: 403 }); ${q('orgId')}`,
    ),
  ],
  [
    'guard member',
    'server/api/a.get.ts',
    '',
    h(
      `const { orgId } = getQuery(event); const { data: m } = await client.from('memberships').select('role').eq('org_id', orgId).eq('user_id', user.id).maybeSingle(); if (!m) throw createError({ statusCode: 403 }); ${q('orgId')}`,
    ),
  ],
  [
    'guard helper',
    'server/api/a.get.ts',
    '',
    h(`const orgId = getRouterParam(event, 'orgId'); await requireOrgMember(event, orgId); ${q('orgId')}`),
  ],
  ['context own', 'server/api/a.get.ts', '', h(q('event.context.orgId'))],
  ['app meta', 'server/api/a.get.ts', '', h(q('user.app_metadata.org_id'))],
  [
    'first org',
    'server/api/a.get.ts',
    'first-org',
    h(`const { data: org } = await client.from('organizations').select('id').limit(1).single(); ${q('org.id')}`),
  ],
  ['hard coded', 'server/api/a.get.ts', 'hard-coded-org', h(q(`'8f14e45f-ceea-467f-a9be-123456789abc'`))],
  ['runtime config default', 'server/api/a.get.ts', '', h(`const orgId = useRuntimeConfig().orgId; ${q('orgId')}`)],
  // frontend
  [
    'page useCookie',
    'app/pages/a.vue',
    'stored-org',
    `<script setup lang="ts">\nconst orgId = useCookie('org_id');\nconst client = useSupabaseClient();\nconst { data } = await useAsyncData('calls', () => client.from('calls').select('*').eq('org_id', orgId.value));\n</script>\n<template><p>{{ data }}</p></template>`,
  ],
  [
    'composable useLocalStorage',
    'composables/useOrg.ts',
    'stored-org',
    `export const useOrg = () => { const orgId = useLocalStorage('org_id', ''); return { orgId }; };`,
  ],
  [
    'useStorage vueuse',
    'composables/useOrg.ts',
    'stored-org',
    `import { useStorage } from '@vueuse/core';\nexport const useOrg = () => { const orgId = useStorage('current-org-id', null); return { orgId }; };`,
  ],
  [
    'localStorage',
    'composables/useOrg.ts',
    'stored-org',
    `export const useOrg = () => { const orgId = useState('org', () => localStorage.getItem('org_id')); return { orgId }; };`,
  ],
  [
    'pinia persist',
    'stores/org.ts',
    'stored-org',
    `export const useOrgStore = defineStore('org', { state: () => ({ orgId: null as string | null }), persist: true });`,
  ],
  [
    'useFetch header',
    'app/pages/a.vue',
    'browser-org-header',
    `<script setup lang="ts">\nconst org = useOrg();\nconst { data } = await useFetch('/api/calls', { headers: { 'x-org-id': org.id } });\n</script>`,
  ],
  [
    '$fetch header',
    'app/plugins/api.ts',
    'browser-org-header',
    `export default defineNuxtPlugin(() => { const org = useOrg(); const api = $fetch.create({ onRequest({ options }) { options.headers.set('x-org-id', org.id.value); } }); return { provide: { api } }; });`,
  ],
  [
    'vue user meta',
    'app/pages/a.vue',
    'user-metadata-org',
    `<script setup lang="ts">\nconst user = useSupabaseUser();\nconst client = useSupabaseClient();\nconst { data } = await client.from('calls').select('*').eq('org_id', user.value!.user_metadata.org_id);\n</script>`,
  ],
  [
    'vue template user meta',
    'app/pages/a.vue',
    'user-metadata-org',
    `<script setup lang="ts">\nconst user = useSupabaseUser();\n</script>\n<template><Calls :org-id="user.user_metadata.org_id" /></template>`,
  ],
  [
    'vue default',
    'app/pages/a.vue',
    'default-org',
    `<script setup lang="ts">\nconst profile = await useProfile();\nconst client = useSupabaseClient();\nconst { data } = await client.from('calls').select('*').eq('org_id', profile.value?.org_id ?? '');\n</script>`,
  ],
  [
    'vue first org',
    'app/pages/a.vue',
    'first-org',
    `<script setup lang="ts">\nconst client = useSupabaseClient();\nconst { data: orgs } = await client.from('organizations').select('id');\nconst orgId = orgs?.[0]?.id;\nconst { data } = await client.from('calls').select('*').eq('org_id', orgId);\n</script>`,
  ],
  [
    'vue props default',
    'components/A.vue',
    '',
    `<script setup lang="ts">\nconst props = withDefaults(defineProps<{ orgId?: string }>(), { orgId: '' });\n</script>\n<template><p>{{ props.orgId }}</p></template>`,
  ],
];
