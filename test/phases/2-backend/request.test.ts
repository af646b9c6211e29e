import { expect, it } from 'vitest';
import { lacksOrg } from '../../../phases/2-backend/2-auth.ts';

it.each([
  'req.user = { id };',
  '(req as any).user = { id, companyId };',
  '(req as AuthedRequest).user = data.user;',
  'request.auth = { userId };',
  'res.locals.user = data.user;',
  'Object.assign(req, { user });',
])('a middleware that keeps the user and not the organization is named: %s', (code) => {
  expect(lacksOrg(`${code} next();`)).toBe(true);
  expect(lacksOrg(`${code} req.org_id = orgId; next();`)).toBe(false);
  expect(lacksOrg(`${code} (req as any).org_id = orgId; next();`)).toBe(false);
});

it.each(['if (req.user === admin) next();', 'const { user } = req;', 'Object.assign(options, { user });', ''])(
  'one that keeps nothing is not: %s',
  (code) => expect(lacksOrg(code)).toBe(false),
);
