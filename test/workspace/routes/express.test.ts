import { describe, expect, it } from 'vitest';
import { resolveModule } from '../../../src/workspace/resolve.ts';
import { movedRoutes } from '../../../src/workspace/routes/compare.ts';
import { expressRoutes } from '../../../src/workspace/routes/express.ts';
import { Source } from '../../../src/workspace/scan/syntax.ts';

function read(files: Readonly<Record<string, string>>) {
  const sources = new Map(Object.entries(files).map(([file, text]) => [file, new Source(file, text)]));
  const known = new Set(sources.keys());
  return expressRoutes({ sources, resolve: (from, specifier) => resolveModule(from, specifier, known, []) });
}
const lines = (files: Readonly<Record<string, string>>): readonly string[] =>
  read(files).routes.map(
    ({ method, path, file, fronts }) => `${method} ${path} ${file} [${fronts.map(({ name }) => name).join(', ')}]`,
  );

const app = `import express from 'express';
import { requireAuth } from './auth';
`;
const router = (name: string, routes: string): string =>
  `import { Router } from 'express';\nexport const ${name} = Router();\n${routes}`;

describe('the routes of an Express app', () => {
  it('stand behind what is mounted in front of them, in the order in which Express asks', () => {
    expect(
      lines({
        'app.ts': `${app}import { calls } from './calls';\nimport { hooks } from './hooks';
const app = express();
app.get('/health', (req, res) => res.send('ok'));
app.use('/hooks', hooks);
app.use(requireAuth);
app.use('/calls', limit(10), calls);
`,
        'calls.ts': router('calls', `calls.get('/:id', own, async (req, res) => {});`),
        'hooks.ts': router('hooks', `hooks.post('/', (req, res) => {});`),
      }),
    ).toEqual([
      'get /health app.ts []',
      'post /hooks hooks.ts []',
      'get /calls/:id calls.ts [requireAuth, limit(10), own]',
    ]);
  });

  it('meet the middleware of a router that is mounted before theirs at the same path', () => {
    const files = (guard: string) => ({
      'app.ts': `${app}import { stats } from './stats';\nimport { hooks } from './hooks';
const app = express();
app.use('/api', stats);
app.use('/api/hooks', hooks);
`,
      'stats.ts': router('stats', `${guard}stats.get('/stats', (req, res) => {});`),
      'hooks.ts': router('hooks', `hooks.post('/paid', (req, res) => {});`),
    });
    const moved = movedRoutes(read(files('')).routes, read(files('stats.use(requireAuth);\n')).routes);
    expect(moved.map(({ route, added, gone }) => [route.path, added.map(({ name }) => name), gone])).toEqual([
      ['/api/stats', ['requireAuth'], []],
      ['/api/hooks/paid', ['requireAuth'], []],
    ]);
    expect(moved[1]?.added[0]).toMatchObject({ file: 'stats.ts', line: 3 });
  });

  it('are found through barrels, CommonJS, functions that are given the app or make a router, chains and constants', () => {
    expect(
      lines({
        'app.js': `const express = require('express')
const routes = require('./routes')
const { BASE } = require('./paths')
function createApp () {
  const app = express()
  register(app)
  app.use(BASE + '', (req, res, next) => next())
  return app
}
function register (server) {
  server.use(\`\${BASE}/v1\`, routes.calls)
  server.use('/users', makeUsers(db))
  server.use('/plain', require('./plain'))
}
function makeUsers (db) {
  const users = express.Router()
  users.route('/:id').all(check).get((req, res) => {}).delete(admin, (req, res) => {})
  return users
}
`,
        'paths.js': `const BASE = '/api'\nmodule.exports = { BASE }\n`,
        'routes/index.js': `const calls = require('./calls')\nmodule.exports = { calls }\n`,
        'routes/calls.js': `const { Router } = require('express')\nmodule.exports = Router().get('/', one, (req, res) => {})\n`,
        'plain.js': `const router = require('express').Router()\nrouter.get(['/a', '/b'], (req, res) => {})\nmodule.exports = router\n`,
      }),
    ).toEqual([
      'get /api/v1 routes/calls.js [one]',
      'get /users/:id app.js [check]',
      'delete /users/:id app.js [check, admin]',
      'get /plain/a plain.js []',
      'get /plain/b plain.js []',
    ]);
  });

  it('that nobody can follow are counted', () => {
    expect(
      read({
        'app.ts': `${app}import { routers } from './routers';\nconst app = express();\nfor (const one of routers) app.use(one.path, one.router);\n`,
        'routers.ts': `export const routers = load();\n`,
      }).unread,
    ).toContainEqual({ file: 'app.ts', line: 5 });
  });
});
