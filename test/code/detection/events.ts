import type { Row } from './row.ts';

const edge = {
  framework: 'Edge function',
  path: 'supabase/functions/%/index.ts',
  file: (body: string) => `import { createClient } from 'jsr:@supabase/supabase-js@2';
Deno.serve(async (req) => {
  const supabase = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_SERVICE_ROLE_KEY')!);
  const token = req.headers.get('Authorization')!.replace('Bearer ', '');
  const { data: { user } } = await supabase.auth.getUser(token);
  if (!user) return new Response('no', { status: 401 });
  ${body}
  return new Response('ok');
});
`,
  user: 'user',
  own: 'user.app_metadata.org_id',
  refuse: `return new Response('no', { status: 403 });`,
};

export const edgeRows: readonly Row[] = [
  {
    ...edge,
    source: 'json()',
    read: '(await req.json()).org_id',
    lookAlike: `const { name } = await req.json(); await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name });`,
  },
  {
    ...edge,
    source: 'searchParams',
    read: `new URL(req.url).searchParams.get('orgId')`,
    lookAlike: `const q = new URL(req.url).searchParams.get('q'); await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).ilike('name', q);`,
  },
  {
    ...edge,
    source: 'headers',
    read: `req.headers.get('x-org-id')`,
    lookAlike: `const answer = await fetch('https://example.com', { headers: { 'x-api-key': key } }); const plan = answer.headers.get('x-plan'); await supabase.from('calls').update({ plan }).eq('org_id', user.app_metadata.org_id);`,
  },
  {
    ...edge,
    source: 'formData()',
    read: `(await req.formData()).get('org_id')`,
    lookAlike: `const form = await req.formData(); await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, file: form.get('file') });`,
  },
  {
    ...edge,
    source: 'serve() with a handler by name',
    file: (body) => `import { serve } from 'https://deno.land/std@0.224.0/http/server.ts';
async function handle(incoming: Request): Promise<Response> {
  const user = await userOf(incoming);
  ${body}
  return new Response('ok');
}
serve(handle);
`,
    read: `(await incoming.json()).orgId`,
    lookAlike: `const { name } = await incoming.json(); await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name });`,
  },
  {
    ...edge,
    source: 'serve() without types',
    file: (body) => `Deno.serve({ port: 8000 }, async (r) => {
  const user = await userOf(r);
  ${body}
  return new Response('ok');
});
`,
    read: `(await r.json()).orgId`,
    lookAlike: `const { name } = await r.json(); await supabase.from('calls').insert({ org_id: user.app_metadata.org_id, name });`,
  },
  {
    ...edge,
    framework: 'Worker',
    source: 'fetch(request)',
    path: 'src/%.ts',
    file: (body) => `export default {
  async fetch(request, env, ctx) {
    const user = await userOf(request, env);
    ${body}
    return new Response('ok');
  },
};
`,
    read: `new URL(request.url).searchParams.get('org_id')`,
    lookAlike: `const { pathname } = new URL(request.url); await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('path', pathname);`,
  },
];

const socket = {
  framework: 'Websocket',
  path: 'src/realtime/%.ts',
  refuse: 'return;',
};

export const socketRows: readonly Row[] = [
  {
    ...socket,
    source: 'ws message',
    file: (body) => `wss.on('connection', (ws) => {
  ws.on('message', async (raw) => {
    const message = JSON.parse(raw.toString());
    ${body}
  });
});
`,
    user: 'ws.user',
    own: 'ws.user.orgId',
    read: 'message.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: ws.user.orgId, name: message.name });`,
  },
  {
    ...socket,
    source: 'socket.io event',
    file: (body) => `io.on('connection', (socket) => {
  socket.on('calls:list', async (payload, done) => {
    ${body}
    done([]);
  });
});
`,
    user: 'socket.data.user',
    own: 'socket.data.user.orgId',
    read: 'payload.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: socket.data.user.orgId, name: payload.name });`,
  },
  {
    ...socket,
    source: 'socket.io handshake',
    file: (body) => `io.on('connection', async (socket) => {
  ${body}
});
`,
    user: 'socket.data.user',
    own: 'socket.data.user.orgId',
    read: 'socket.handshake.query.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', socket.data.user.orgId).eq('zone', socket.handshake.query.zone);`,
  },
  {
    ...socket,
    source: 'the URL of a connection',
    file: (body) => `wss.on('connection', async (ws, incoming) => {
  ${body}
});
`,
    user: 'ws.user',
    own: 'ws.user.orgId',
    read: `new URL(incoming.url, 'http://localhost').searchParams.get('orgId')`,
    lookAlike: `const zone = new URL(incoming.url, 'http://localhost').searchParams.get('zone'); await supabase.from('calls').select('id').eq('org_id', ws.user.orgId).eq('zone', zone);`,
  },
  {
    ...socket,
    framework: 'Nest',
    source: '@MessageBody()',
    file: (body) => `@WebSocketGateway()
export class CallsGateway {
  @SubscribeMessage('list')
  async list(@ConnectedSocket() client: Socket, @MessageBody() payload: ListDto) {
    ${body}
  }
}
`,
    user: 'client.data.user',
    own: 'client.data.user.orgId',
    read: 'payload.orgId',
    lookAlike: `await supabase.from('calls').insert({ org_id: client.data.user.orgId, name: payload.name });`,
  },
];

const lambda = {
  framework: 'Lambda',
  path: 'src/functions/%.ts',
  file: (body: string) => `export const handler = async (event) => {
  const claims = event.requestContext.authorizer.jwt.claims;
  const user = { id: claims.sub, orgId: claims.org_id, orgIds: claims.org_ids };
  ${body}
  return { statusCode: 200, body: '[]' };
};
`,
  user: 'user',
  own: 'user.orgId',
  refuse: `return { statusCode: 403, body: '' };`,
};

export const lambdaRows: readonly Row[] = [
  {
    ...lambda,
    source: 'queryStringParameters',
    read: 'event.queryStringParameters?.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('q', event.queryStringParameters?.q);`,
  },
  {
    ...lambda,
    source: 'pathParameters',
    read: 'event.pathParameters.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('id', event.pathParameters.id);`,
  },
  {
    ...lambda,
    source: 'body',
    read: `JSON.parse(event.body ?? '{}').org_id`,
    lookAlike: `const body = JSON.parse(event.body ?? '{}'); await supabase.from('calls').insert({ org_id: user.orgId, name: body.name });`,
  },
  {
    ...lambda,
    source: 'headers',
    file: (body) => `import type { APIGatewayProxyHandlerV2 } from 'aws-lambda';
export const handler: APIGatewayProxyHandlerV2 = async (e) => {
  const user = await userOf(e);
  ${body}
  return { statusCode: 200 };
};
`,
    refuse: `return { statusCode: 403 };`,
    read: `e.headers['x-org-id']`,
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('agent', e.headers['user-agent']);`,
  },
  {
    ...lambda,
    source: 'exports.handler',
    path: 'netlify/functions/%.js',
    file: (body) => `exports.handler = async function (event, context) {
  const user = context.clientContext.user;
  ${body}
  return { statusCode: 200, body: '[]' };
};
`,
    own: 'user.app_metadata.org_id',
    read: 'event.queryStringParameters.org_id',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.app_metadata.org_id).eq('q', event.queryStringParameters.q);`,
  },
];

export const graphqlRows: readonly Row[] = [
  {
    framework: 'GraphQL',
    source: 'args',
    path: 'src/graphql/%.ts',
    file: (body) => `export const resolvers = {
  Query: {
    calls: async (_parent, args, context) => {
      ${body}
      return [];
    },
  },
};
`,
    user: 'context.user',
    own: 'context.user.orgId',
    refuse: `throw new GraphQLError('not yours');`,
    read: 'args.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', context.user.orgId).eq('id', args.id);`,
  },
  {
    framework: 'GraphQL',
    source: 'args in parts',
    path: 'src/graphql/%.ts',
    file: (body) => `export const resolvers = {
  Mutation: {
    saveCall: async (_, { orgId, name }, { user }) => {
      ${body}
      return true;
    },
  },
};
`,
    user: 'user',
    own: 'user.orgId',
    refuse: `throw new GraphQLError('not yours');`,
    read: null,
    lookAlike: `await supabase.from('calls').insert({ org_id: user.orgId, name });`,
  },
  {
    framework: 'Elysia',
    source: 'query',
    path: 'src/%.ts',
    file: (body) => `import { Elysia } from 'elysia';
export const app = new Elysia().use(auth).get('/calls', async ({ query, user, set }) => {
  ${body}
  return [];
});
`,
    user: 'user',
    own: 'user.orgId',
    refuse: `return error(403);`,
    read: 'query.orgId',
    lookAlike: `await supabase.from('calls').select('id').eq('org_id', user.orgId).eq('q', query.q);`,
  },
];
