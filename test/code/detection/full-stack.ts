import type { Row } from './row.ts';

const trpc = {
  framework: 'tRPC',
  path: 'src/server/routers/%.ts',
  user: 'ctx.user',
  own: 'ctx.user.orgId',
  refuse: `throw new TRPCError({ code: 'FORBIDDEN' });`,
};

const procedure =
  (parameter: string, kind = 'mutation') =>
  (body: string) =>
    `import { createTRPCRouter, protectedProcedure } from '../trpc';
export const callsRouter = createTRPCRouter({
  list: protectedProcedure
    .input(z.object({ orgId: z.string(), name: z.string() }))
    .${kind}(async (${parameter}) => {
      ${body}
      return [];
    }),
});
`;

export const trpcRows: readonly Row[] = [
  {
    ...trpc,
    source: 'input',
    file: procedure('{ ctx, input }', 'query'),
    read: 'input.orgId',
    lookAlike: `const found = await ctx.db.from('calls').select('id').eq('org_id', ctx.user.orgId).ilike('name', input.name);`,
  },
  {
    ...trpc,
    source: 'input in parts',
    file: procedure('{ ctx, input: { orgId, name } }'),
    read: null,
    lookAlike: `await ctx.db.from('calls').insert({ org_id: ctx.user.orgId, name });`,
  },
  {
    ...trpc,
    source: 'opts.input',
    file: procedure('opts'),
    user: 'opts.ctx.user',
    own: 'opts.ctx.user.orgId',
    read: 'opts.input.orgId',
    lookAlike: `await db.from('calls').insert({ org_id: opts.ctx.user.orgId, name: opts.input.name });`,
  },
  {
    ...trpc,
    source: 'input, taken apart in the body',
    file: procedure('{ input, ctx }', 'query'),
    read: 'input?.orgId',
    lookAlike: `const { name } = input; await db.from('calls').select('id').eq('org_id', ctx.session.user.orgId).eq('name', name);`,
  },
];

const start = {
  framework: 'TanStack Start',
  path: 'src/functions/%.ts',
  user: 'context.user',
  own: 'context.user.orgId',
  refuse: `throw new Error('not yours');`,
};

export const tanstackRows: readonly Row[] = [
  {
    ...start,
    source: 'data',
    file: (body) => `import { createServerFn } from '@tanstack/react-start';
export const listCallsOf = createServerFn({ method: 'GET' })
  .middleware([authMiddleware])
  .validator((data: { orgId: string }) => data)
  .handler(async ({ data, context }) => {
    ${body}
    return [];
  });
`,
    read: 'data.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', context.user.orgId).eq('id', data.id);`,
  },
  {
    ...start,
    source: 'a server route',
    path: 'src/routes/api/%.ts',
    file: (body) => `import { createFileRoute } from '@tanstack/react-router';
export const Route = createFileRoute('/api/calls/$orgId')({
  server: {
    middleware: [authMiddleware],
    handlers: {
      GET: async ({ request, params, context }) => {
        ${body}
        return Response.json([]);
      },
    },
  },
});
`,
    read: 'params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', context.user.orgId).eq('id', params.id);`,
  },
  {
    ...start,
    source: 'getCookie()',
    file: (body) => `import { createServerFn } from '@tanstack/react-start';
import { getCookie, setCookie } from '@tanstack/react-start/server';
export const listCallsOf = createServerFn().handler(async ({ context }) => {
  ${body}
  return [];
});
`,
    read: `getCookie('org_id')`,
    lookAlike: `setCookie('org_id', context.user.orgId); await supabase.from('calls').select('id').eq('org_id', context.user.orgId);`,
  },
];

const load = (parameter: string) => (body: string) =>
  `import { error } from '@sveltejs/kit';
import type { PageServerLoad } from './$types';
export const load: PageServerLoad = async (${parameter}) => {
  ${body}
  return { calls: [] };
};
`;

const svelte = {
  framework: 'SvelteKit',
  path: 'src/routes/%/+page.server.ts',
  user: 'locals.user',
  own: 'locals.user.orgId',
  refuse: `throw error(403, 'not yours');`,
};

export const svelteRows: readonly Row[] = [
  {
    ...svelte,
    source: 'params',
    file: load('{ params, locals }'),
    refuse: `error(403, 'not yours');`,
    read: 'params.orgId',
    lookAlike: `await locals.supabase.from('calls').select('id').eq('org_id', locals.user.orgId).eq('id', params.id);`,
  },
  {
    ...svelte,
    source: 'url.searchParams',
    file: load('{ url, locals }'),
    read: `url.searchParams.get('orgId')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', locals.user.orgId).eq('status', url.searchParams.get('status'));`,
  },
  {
    ...svelte,
    source: 'cookies.get()',
    file: load('{ cookies, locals }'),
    read: `cookies.get('org_id')`,
    lookAlike: `cookies.set('org_id', locals.user.orgId, { path: '/' }); await supabase.from('calls').select('id').eq('org_id', locals.user.orgId);`,
  },
  {
    ...svelte,
    source: 'request.headers',
    file: load('{ request, locals }'),
    read: `request.headers.get('x-org-id')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', locals.orgId).eq('agent', request.headers.get('user-agent'));`,
  },
  {
    ...svelte,
    source: 'event',
    path: 'src/routes/%/+layout.server.ts',
    file: load('event'),
    user: 'event.locals.user',
    own: 'event.locals.user.orgId',
    read: 'event.params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', event.locals.user.orgId).eq('id', event.params.id);`,
  },
  {
    ...svelte,
    source: 'a form action',
    file: (body) => `import { fail } from '@sveltejs/kit';
export const actions = {
  create: async ({ request, locals }) => {
    const form = await request.formData();
    ${body}
    return { ok: true };
  },
};
`,
    refuse: `return fail(403, { message: 'not yours' });`,
    read: `form.get('org_id')`,
    lookAlike: `await supabase.from('calls').insert({ org_id: locals.user.orgId, name: form.get('name') });`,
  },
  {
    ...svelte,
    source: 'a default form action',
    file: (body) => `import { fail } from '@sveltejs/kit';
export const actions: Actions = {
  default: async (event) => {
    ${body}
    return { ok: true };
  },
} satisfies Actions;
`,
    user: 'event.locals.user',
    own: 'event.locals.user.orgId',
    refuse: `return fail(403);`,
    read: `Object.fromEntries(await event.request.formData()).org_id`,
    lookAlike: `const form = await event.request.formData(); await supabase.from('calls').insert({ org_id: event.locals.user.orgId, name: form.get('name') });`,
  },
  {
    ...svelte,
    source: 'an endpoint',
    path: 'src/routes/api/%/+server.ts',
    file: (body) => `import { json, error } from '@sveltejs/kit';
export const POST: RequestHandler = async ({ request, url, params, locals }) => {
  ${body}
  return json({ ok: true });
};
`,
    read: `(await request.json()).org_id`,
    lookAlike: `const { name } = await request.json(); await supabase.from('calls').insert({ org_id: locals.user.orgId, name });`,
  },
  {
    ...svelte,
    source: 'an endpoint with an event',
    path: 'src/routes/api/%/+server.ts',
    file: (body) => `import { json } from '@sveltejs/kit';
export async function GET(event) {
  ${body}
  return json([]);
}
`,
    user: 'event.locals.user',
    own: 'event.locals.user.orgId',
    refuse: `return json(null, { status: 403 });`,
    read: `event.url.searchParams.get('org_id')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', event.locals.user.orgId).eq('q', event.url.searchParams.get('q'));`,
  },
];

const nuxt = {
  framework: 'Nuxt',
  path: 'server/api/%.ts',
  file: (body: string) => `export default defineEventHandler(async (event) => {
  ${body}
  return { ok: true };
});
`,
  user: 'event.context.user',
  own: 'event.context.user.orgId',
  refuse: `throw createError({ statusCode: 403 });`,
};

export const nuxtRows: readonly Row[] = [
  {
    ...nuxt,
    source: 'getQuery()',
    read: 'getQuery(event).orgId',
    lookAlike: `const asked = getQuery(settings); await supabase.from('calls').select('id').eq('org_id', event.context.user.orgId).eq('x', asked.orgId);`,
  },
  {
    ...nuxt,
    source: 'readBody()',
    read: '(await readBody(event)).org_id',
    lookAlike: `const body = await readBody(event); await supabase.from('calls').insert({ org_id: event.context.user.orgId, name: body.name });`,
  },
  {
    ...nuxt,
    source: 'readValidatedBody()',
    read: '(await readValidatedBody(event, schema.parse)).orgId',
    lookAlike: `const { name } = await readValidatedBody(event, schema.parse); await supabase.from('calls').insert({ org_id: event.context.user.orgId, name });`,
  },
  {
    ...nuxt,
    source: 'getHeader()',
    read: `getHeader(event, 'x-org-id')`,
    lookAlike: `setHeader(event, 'x-org-id', event.context.user.orgId); await supabase.from('calls').select('id').eq('org_id', event.context.user.orgId);`,
  },
  {
    ...nuxt,
    source: 'getRouterParam()',
    read: `getRouterParam(event, 'orgId')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', event.context.user.orgId).eq('id', getRouterParam(event, 'id'));`,
  },
  {
    ...nuxt,
    source: 'getCookie()',
    read: `getCookie(event, 'org_id')`,
    lookAlike: `setCookie(event, 'org_id', event.context.user.orgId); await supabase.from('calls').select('id').eq('org_id', event.context.user.orgId);`,
  },
  {
    ...nuxt,
    source: 'context.params',
    read: 'event.context.params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', event.context.user.orgId).eq('id', event.context.params.id);`,
  },
  {
    ...nuxt,
    source: 'readFormData()',
    read: `(await readFormData(event)).get('org_id')`,
    lookAlike: `const form = await readFormData(event); await supabase.from('calls').insert({ org_id: event.context.user.orgId, name: form.get('name') });`,
  },
];

const remix = (head: string) => (body: string) =>
  `import { data, redirect } from 'react-router';
import { requireUser } from '~/session.server';
${head} {
  const user = await requireUser(request);
  ${body}
  return data({ ok: true });
}
export default function Page() { return <main>calls</main>; }
`;

const remixBase = {
  framework: 'Remix, React Router',
  path: 'app/routes/%.tsx',
  user: 'user',
  own: 'user.orgId',
  refuse: `throw new Response(null, { status: 403 });`,
};

export const remixRows: readonly Row[] = [
  {
    ...remixBase,
    source: 'params',
    file: remix('export async function loader({ request, params }: LoaderFunctionArgs)'),
    read: 'params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('id', params.id);`,
  },
  {
    ...remixBase,
    source: 'searchParams',
    file: remix('export async function loader({ request }: Route.LoaderArgs)'),
    read: `new URL(request.url).searchParams.get('orgId')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('q', new URL(request.url).searchParams.get('q'));`,
  },
  {
    ...remixBase,
    source: 'formData()',
    file: remix('export async function action({ request }: ActionFunctionArgs)'),
    refuse: `return data({ error: 'not yours' }, { status: 403 });`,
    read: `(await request.formData()).get('org_id')`,
    lookAlike: `const form = await request.formData(); await supabase.from('calls').insert({ org_id: user.orgId, name: form.get('name') });`,
  },
  {
    ...remixBase,
    source: 'json()',
    file: remix('export const action = async ({ request, params }: Route.ActionArgs) =>'),
    read: `(await request.json()).orgId`,
    lookAlike: `const body = await request.json(); await supabase.from('calls').insert({ org_id: user.orgId, name: body.name });`,
  },
  {
    ...remixBase,
    source: 'args.params',
    file: (body) => `export async function loader(args: LoaderFunctionArgs) {
  const user = await requireUser(args.request);
  ${body}
  return null;
}
`,
    read: 'args.params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('id', args.params.id);`,
  },
];

const astro = {
  framework: 'Astro',
  path: 'src/pages/api/%.ts',
  file: (body: string) => `import type { APIRoute } from 'astro';
export const POST: APIRoute = async ({ request, params, url, cookies, locals }) => {
  ${body}
  return new Response('ok');
};
`,
  user: 'locals.user',
  own: 'locals.user.orgId',
  refuse: `return new Response(null, { status: 403 });`,
};

export const astroRows: readonly Row[] = [
  {
    ...astro,
    source: 'params',
    read: 'params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', locals.user.orgId).eq('id', params.id);`,
  },
  {
    ...astro,
    source: 'cookies.get()',
    read: `cookies.get('org_id')?.value`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', locals.user.orgId).eq('theme', cookies.get('theme')?.value);`,
  },
  {
    ...astro,
    source: 'an action',
    path: 'src/actions/%.ts',
    file: (body) => `import { defineAction } from 'astro:actions';
export const server = {
  save: defineAction({
    input: z.object({ orgId: z.string(), name: z.string() }),
    handler: async (input, context) => {
      ${body}
      return { ok: true };
    },
  }),
};
`,
    user: 'context.locals.user',
    own: 'context.locals.user.orgId',
    refuse: `throw new ActionError({ code: 'FORBIDDEN' });`,
    read: 'input.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: context.locals.user.orgId, name: input.name });`,
  },
  {
    ...astro,
    source: 'Astro.url',
    path: 'src/pages/%.astro',
    file: (body) => `---
const { locals } = Astro;
${body}
---
<ul><li>calls</li></ul>
`,
    refuse: `return Astro.redirect('/');`,
    read: `Astro.url.searchParams.get('orgId')`,
    lookAlike: `const found = await supabase.from('calls').select('id').eq('org_id', locals.user.orgId).eq('q', Astro.url.searchParams.get('q'));`,
  },
];
