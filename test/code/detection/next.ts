import type { Row } from './row.ts';

const session = `const supabase = await createClient();
  const { data: { user } } = await supabase.auth.getUser();
  if (!user) throw new Error('signed out');`;

const pagesApi = {
  framework: 'Next pages/api',
  path: 'pages/api/%.ts',
  file: (body: string) => `import type { NextApiRequest, NextApiResponse } from 'next';
export default async function handler(req: NextApiRequest, res: NextApiResponse) {
  const user = await userOf(req, res);
  ${body}
  res.status(200).json({ ok: true });
}
`,
  user: 'user',
  own: 'user.orgId',
  refuse: 'return res.status(403).end();',
};

export const nextPagesRows: readonly Row[] = [
  {
    ...pagesApi,
    source: 'query',
    read: 'req.query.orgId as string',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('id', req.query.id);`,
  },
  {
    ...pagesApi,
    source: 'body',
    read: 'JSON.parse(req.body).org_id',
    lookAlike: `const body = JSON.parse(req.body); await supabase.from('calls').insert({ org_id: user.orgId, name: body.name });`,
  },
  {
    ...pagesApi,
    source: 'cookies',
    read: `req.cookies['org_id']`,
    lookAlike: `const cookies = { org_id: user.orgId }; await supabase.from('calls').select('id').eq('org_id', cookies['org_id']);`,
  },
  {
    ...pagesApi,
    source: 'getServerSideProps',
    path: 'pages/calls/%.tsx',
    file: (body) => `export default function Page({ calls }) { return <ul>{calls.length}</ul>; }
export async function getServerSideProps(context) {
  const user = await userOf(context.req, context.res);
  ${body}
  return { props: { calls: [] } };
}
`,
    refuse: `return { notFound: true };`,
    read: 'context.params.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('id', context.query.id);`,
  },
  {
    ...pagesApi,
    source: 'getServerSideProps, in parts',
    path: 'pages/calls/%.tsx',
    file: (body) => `export default function Page({ calls }) { return <ul>{calls.length}</ul>; }
export const getServerSideProps: GetServerSideProps = async ({ req, query, params }) => {
  const user = await userOf(req);
  ${body}
  return { props: { calls: [] } };
};
`,
    refuse: `return { redirect: { destination: '/', permanent: false } };`,
    read: 'query.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('id', params.id);`,
  },
];

const route = {
  framework: 'Next route handler',
  path: 'app/api/%/route.ts',
  file: (body: string) => `import { cookies, headers } from 'next/headers';
import { NextResponse, type NextRequest } from 'next/server';
export async function POST(request: NextRequest, { params }: { params: Promise<{ orgId: string }> }) {
  ${session}
  ${body}
  return NextResponse.json({ ok: true });
}
`,
  user: 'user',
  own: 'user.app_metadata.org_id',
  refuse: `return NextResponse.json({ error: 'not yours' }, { status: 403 });`,
};

export const nextRouteRows: readonly Row[] = [
  {
    ...route,
    source: 'nextUrl.searchParams',
    read: `request.nextUrl.searchParams.get('orgId')`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('status', request.nextUrl.searchParams.get('status'));`,
  },
  {
    ...route,
    source: 'new URL(request.url)',
    read: `new URL(request.url).searchParams.get('org_id')`,
    lookAlike: `const link = new URL('https://example.com/?org_id=1'); track(link.searchParams.get('org_id')); await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id);`,
  },
  {
    ...route,
    source: 'json()',
    read: `(await request.json()).orgId`,
    lookAlike: `const answer = await fetch('https://example.com/me'); const me = await answer.json(); await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('agent', me.agent);`,
  },
  {
    ...route,
    source: 'formData()',
    read: `(await request.formData()).get('org_id')`,
    lookAlike: `const form = new FormData(); form.set('org_id', user.app_metadata.org_id); await supabase.from('calls').insert({ org_id: user.app_metadata.org_id });`,
  },
  {
    ...route,
    source: 'params',
    read: `(await params).orgId`,
    lookAlike: `const { id } = await params; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('id', id);`,
  },
  {
    ...route,
    source: 'request.headers',
    read: `request.headers.get('x-org-id')`,
    lookAlike: `const answer = await fetch('https://example.com'); const etag = answer.headers.get('etag'); await supabase.from('calls').update({ etag }).eq('org_id', user.app_metadata.org_id);`,
  },
  {
    ...route,
    source: 'request.cookies',
    read: `request.cookies.get('org_id')?.value`,
    lookAlike: `const theme = request.cookies.get('theme')?.value; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('theme', theme);`,
  },
  {
    ...route,
    source: 'cookies()',
    read: `(await cookies()).get('org_id')?.value`,
    lookAlike: `(await cookies()).set('org_id', user.app_metadata.org_id); await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id);`,
  },
  {
    ...route,
    source: 'headers()',
    read: `(await headers()).get('x-org-id')`,
    lookAlike: `const agent = (await headers()).get('user-agent'); await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('agent', agent);`,
  },
  {
    ...route,
    source: 'a handler in a wrapper',
    file: (body) => `import { withAuth } from '@/lib/auth';
export const POST = withAuth(async (request: Request) => {
  ${session}
  ${body}
  return Response.json({ ok: true });
});
`,
    refuse: `return new Response(null, { status: 403 });`,
    read: `(await request.json()).org_id`,
    lookAlike: `const { name } = await request.json(); await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name });`,
  },
];

const page = {
  framework: 'Next page',
  path: 'app/%/page.tsx',
  file: (body: string) => `import { cookies, headers } from 'next/headers';
import { notFound } from 'next/navigation';
export default async function Page({ params, searchParams }: { params: Promise<{ orgId: string }>; searchParams: Promise<{ orgId?: string }> }) {
  ${session}
  ${body}
  return <main>calls</main>;
}
`,
  user: 'user',
  own: 'user.app_metadata.org_id',
  refuse: 'notFound();',
};

export const nextPageRows: readonly Row[] = [
  {
    ...page,
    source: 'params',
    read: `(await params).orgId`,
    lookAlike: `const { id } = await params; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('id', id);`,
  },
  {
    ...page,
    source: 'searchParams',
    read: `(await searchParams).orgId`,
    lookAlike: `const { q } = await searchParams; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).ilike('name', q);`,
  },
  {
    ...page,
    source: 'cookies()',
    read: `(await cookies()).get('org_id')?.value`,
    lookAlike: `const theme = (await cookies()).get('theme')?.value; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('theme', theme);`,
  },
  {
    ...page,
    source: 'props.params',
    file: (body) => `import { notFound } from 'next/navigation';
export default async function Page(props: PageProps<'/[orgId]'>) {
  ${session}
  ${body}
  return <main>calls</main>;
}
`,
    read: `(await props.params).orgId`,
    lookAlike: `const { id } = await props.params; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('id', id);`,
  },
  {
    ...page,
    source: 'generateMetadata',
    file: (body) => `import { notFound } from 'next/navigation';
export async function generateMetadata({ params }: Props): Promise<Metadata> {
  ${session}
  ${body}
  return { title: 'calls' };
}
export default function Page() { return <main />; }
`,
    read: `(await params).orgId`,
    lookAlike: `const { id } = await params; await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('id', id);`,
  },
];

const action = {
  framework: 'Server action',
  path: 'app/%/actions.ts',
  user: 'user',
  own: 'user.app_metadata.org_id',
  refuse: `throw new Error('not yours');`,
};

export const actionRows: readonly Row[] = [
  {
    ...action,
    source: 'argument',
    file: (body) => `'use server';
export async function listCallsOf(orgId: string) {
  ${session}
  ${body}
}
`,
    read: null,
    lookAlike: `const mine = await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id);`,
  },
  {
    ...action,
    source: 'a property of the argument',
    file: (body) => `'use server';
export const saveCall = async (input: { orgId: string; name: string }) => {
  ${session}
  ${body}
};
`,
    read: 'input.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name: input.name });`,
  },
  {
    ...action,
    source: 'formData.get()',
    file: (body) => `'use server';
export async function saveCall(formData: FormData) {
  ${session}
  ${body}
}
`,
    read: `formData.get('org_id') as string`,
    lookAlike: `await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name: formData.get('name') });`,
  },
  {
    ...action,
    source: 'formData after a state',
    file: (body) => `'use server';
export async function saveCall(previous: State, formData: FormData) {
  ${session}
  ${body}
  return { ok: true };
}
`,
    refuse: `return { error: 'not yours' };`,
    read: `String(formData.get('orgId'))`,
    lookAlike: `await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name: String(formData.get('name')) });`,
  },
  {
    ...action,
    source: 'Object.fromEntries and a schema',
    file: (body) => `'use server';
const schema = z.object({ orgId: z.string().uuid(), name: z.string() });
export async function saveCall(formData: FormData) {
  const fields = schema.parse(Object.fromEntries(formData));
  ${session}
  ${body}
}
`,
    read: 'fields.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name: fields.name });`,
  },
  {
    ...action,
    source: 'a function with the directive inside',
    path: 'app/%/page.tsx',
    file: (body) => `export default function Page() {
  async function save(formData: FormData) {
    'use server';
    ${session}
    ${body}
  }
  return <form action={save}><button>Save</button></form>;
}
`,
    read: `formData.get('org_id')`,
    lookAlike: `await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name: formData.get('name') });`,
  },
  {
    ...action,
    framework: 'next-safe-action',
    source: 'parsedInput',
    file: (body) => `'use server';
export const saveCall = actionClient.schema(schema).action(async ({ parsedInput, ctx: { user } }) => {
  ${body}
  return { ok: true };
});
`,
    own: 'user.orgId',
    read: 'parsedInput.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: user.orgId, name: parsedInput.name });`,
  },
  {
    ...action,
    framework: 'next-safe-action',
    source: 'parsedInput in parts',
    file: (body) => `'use server';
export const saveCall = authActionClient
  .metadata({ actionName: 'save' })
  .inputSchema(schema)
  .action(async ({ parsedInput: { name, orgId }, ctx }) => {
    ${body}
  });
`,
    user: 'ctx.user',
    own: 'ctx.user.orgId',
    read: null,
    lookAlike: `await supabase.from('calls').insert({ org_id: ctx.user.orgId, name });`,
  },
];
