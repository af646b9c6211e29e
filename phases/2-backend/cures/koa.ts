import type { Cure } from './cure.ts';
import { uses } from './ground.ts';
import { inFront, isForUsers, parameterName, routeAround, routeWords } from './handlers.ts';

/** Koa: a middleware in front of the route, and ctx.state.orgId behind it. */
export const koa: Cure = {
  framework: 'koa',
  title: 'Koa',
  detect: (ground) =>
    ground.project?.frameworks.includes('koa') === true && uses(ground, /koa|@koa\/router|koa-router/),
  module: { template: 'org-koa.ts', name: 'org-koa', exports: ['requireOrg', 'assertSameOrg'], client: 'service' },
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
    "Put requireOrg in front of the route (router.get('/x', requireOrg, handler)) and use ctx.state.orgId, or assertSameOrg(ctx, value) where the request names one; for a webhook verify its signature and look the organization up by what the sender owns.",
};
