import type { Cure } from './cure.ts';
import { uses } from './ground.ts';
import { inFront, isForUsers, parameterName, routeAround, routeWords } from './handlers.ts';

/** Hono: a middleware in front of the route, and c.get('orgId') behind it. */
export const hono: Cure = {
  framework: 'hono',
  title: 'Hono',
  detect: (ground) => ground.project?.frameworks.includes('hono') === true && uses(ground, /hono/),
  module: { template: 'org-hono.ts', name: 'org-hono', exports: ['requireOrg', 'assertSameOrg'], client: 'service' },
  fill: () => ({ values: {} }),
  way: (node, context) => {
    const route = routeAround(node);
    const carrier = route === null ? null : parameterName(route.fn);
    if (route === null || carrier === null) return null;
    return {
      carrier,
      awaited: false,
      authenticated: isForUsers(route.fn, context),
      edits: inFront(route, 'requireOrg'),
      imports: ['requireOrg'],
      words: `requireOrg in front of ${routeWords(route)}`,
    };
  },
  instruction:
    "Put requireOrg in front of the route (app.get('/x', requireOrg, handler), or app.use on its path) and use c.get('orgId'), or assertSameOrg(c, value) where the request names one; for a webhook verify its signature and look the organization up by what the sender owns.",
};
