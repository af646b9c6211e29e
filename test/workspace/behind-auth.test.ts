import { describe, expect, it } from 'vitest';
import { behindAuth } from '../../src/workspace/behind-auth.ts';

const known = new Set(['app.js', 'calls.js', 'inner.js', 'hooks.js', 'controllers.js']);

/** What is behind authentication, where these texts are the files with routers. */
const behind = (
  routers: Readonly<Record<string, string>>,
  names = ['requireUser', 'optionalAuth'],
): readonly string[] =>
  [
    ...behindAuth(
      Object.entries(routers).map(([file, text]) => ({ file, text })),
      names,
      known,
      [],
    ),
  ].sort();

const imports = `import calls from './calls.js'\nimport hooks from './hooks.js'\nimport * as c from './controllers.js'\n`;

describe('what is behind authentication', () => {
  it('a router that is mounted with a middleware, without semicolons, over several lines, or by require', () => {
    expect(behind({ 'app.js': `${imports}app.use('/calls', requireUser, calls)\napp.use('/hooks', hooks)\n` })).toEqual(
      ['calls.js'],
    );
    expect(
      behind({ 'app.js': `${imports}app.use(\n  '/calls',\n  limit({ max: 5 }),\n  requireUser,\n  calls,\n);\n` }),
    ).toEqual(['calls.js']);
    expect(behind({ 'app.js': `app.use('/calls', requireUser, require('./calls'));` })).toEqual(['calls.js']);
  });

  it('a router on such a router, and what follows a middleware for everything', () => {
    const nested = `import inner from './inner.js';\nrouter.use('/inner', inner);`;
    expect(behind({ 'calls.js': nested, 'app.js': `${imports}app.use('/calls', requireUser, calls);` })).toEqual([
      'calls.js',
      'inner.js',
    ]);
    expect(
      behind({ 'app.js': `${imports}app.use('/hooks', hooks);\napp.use(requireUser);\napp.use('/calls', calls);` }),
    ).toEqual(['calls.js']);
  });

  it('nothing behind a middleware that lets through, or one that a function may call', () => {
    const lets = `${imports}app.use((req, res, next) => { if (open(req)) return next(); return requireUser(req, res, next); });\napp.use('/calls', calls);`;
    expect(behind({ 'app.js': lets })).toEqual([]);
    expect(behind({ 'app.js': `${imports}app.use('/calls', optionalAuth, calls);` })).toEqual([]);
    expect(
      behind({
        'app.js': `${imports}app.get('/a', async (req, res) => { await requireUser(req, res); c.list(req, res); });`,
      }),
    ).toEqual([]);
  });

  it('never the middleware itself', () => {
    const text = `import { requireUser } from './controllers.js';\napp.get('/a', requireUser, (req, res) => res.end());`;
    expect(behind({ 'app.js': text })).toEqual([]);
  });

  it('a handler of another file where every route of it is, by its own name', () => {
    const text = `${imports}app.get('/a', requireUser, c.list);\napp.post('/hook', c.hook);\napp.get('/b', requireUser, c.both);\napp.get('/c', c.both);`;
    expect(behind({ 'app.js': text })).toEqual(['controllers.js#list']);
    const renamed = `${text}\nimport { list as all } from './controllers.js';\napp.use('/all', all);`;
    expect(behind({ 'app.js': renamed })).toEqual([]);
  });

  it('a method of an instance, on a chain of a path', () => {
    const text = `import { Calls } from './controllers.js';\nconst calls = new Calls(db);\napp.use(requireUser);\napp.route('/a').get(calls.list.bind(calls)).post((req, res) => calls.create(req, res));`;
    expect(behind({ 'app.js': text })).toEqual(['controllers.js#create', 'controllers.js#list']);
  });
});
