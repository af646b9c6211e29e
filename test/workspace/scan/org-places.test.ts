import { expect, it } from 'vitest';
import { orgPlaces } from '../../../src/workspace/scan/org-places.ts';
import { Source } from '../../../src/workspace/scan/syntax.ts';

/** The words of a code that are looked at. */
const looked = (code: string) => orgPlaces(new Source('a.ts', code)).map((offset) => code.slice(offset).split(/\W/)[0]);

it.each([
  'row.orgId',
  'row?.orgId',
  'row\n  .orgId',
  "row['orgId']",
  "headers.get('x-org-id')",
  "db.from('tenants')",
  "save({ 'metadata[organization_id]': id })",
  'save({ orgId: id })',
  'save({\n  // which one?\n  orgId: id,\n})',
  'const orgId = 1',
  'let orgId: string = f()',
  'const { orgId } = row',
  'const { name, orgId } = row',
  'const {\n  orgId, // of the caller\n  name,\n} = row',
  'const { orgId = 1 } = row',
  'const { a: { orgId } } = row',
  'const f = ({ orgId }) => 1',
  'const f = ({ orgId }: Props) => 1',
  'function f({ orgId }) {}',
  'row.$orgId = 1',
])('looks at what is named in %j', (code) => {
  expect(looked(code)).toHaveLength(1);
});

it.each([
  'load(orgId)',
  'load(orgId, 1)',
  'if (!orgId) stop()',
  'return orgId;',
  "log('no orgId given')",
  '// the orgId of the caller',
  'load({ name, orgId });',
  'f(org, organization.name)',
  'function load(orgId: string) {}',
])('leaves %j alone', (code) => {
  expect(looked(code)).toEqual([]);
});
