import { expect, it } from 'vitest';
import { mayReadRequests } from '../../../src/workspace/scan/request-words.ts';
import { Source } from '../../../src/workspace/scan/syntax.ts';

const may = (code: string) => mayReadRequests(new Source('a.ts', code));

it.each([
  'async function f(req) {}',
  'async function f(incoming: express.Request, out) {}',
  'async function f(c: Context<Env>) {}',
  "router.get('/x', requireAuth, (a, b) => load(a.query.t))",
  'app.post<Body>(`/x`, (a) => a.body)',
  'app.use((a, b, next) => next())',
  'export async function POST(incoming) {}',
  'export const GET = async (incoming) => {}',
  "socket.on('message', (raw) => {})",
  'const claims = jwt.decode(token);',
  'const claims = jwtDecode(token);',
  'const { orgId } = JSON.parse(atob(state));',
  "import { cookies } from 'next/headers';",
])('follows requests in %j', (code) => {
  expect(may(code)).toBe(true);
});

it.each([
  'export async function load(orgId: string) { return db.from("calls").select().eq("org_id", orgId); }',
  "const answer = await axios.get('https://api.example.com/x');",
  '// The request is answered elsewhere\nexport const limit = 10;',
])('follows none in %j', (code) => {
  expect(may(code)).toBe(false);
});
