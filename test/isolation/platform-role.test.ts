import { expect, test } from 'vitest';
import { hasFounder, memberRole, ownerRole } from '../../phases/1-database/survey/roles.ts';
import { isPlatformRole } from '../../src/isolation/platform-role.ts';

test.each([
  'superadmin',
  'super_admin',
  'SUPER-ADMIN',
  'super admin',
  'platform_owner',
  'global_admin',
  'system',
  'sysadmin',
  'root',
  'superuser',
  'internal',
  'saas_admin',
  'app-admin',
])('%s is over all organizations', (role) => {
  expect(isPlatformRole(role)).toBe(true);
});

test.each([
  'admin',
  'owner',
  'supervisor',
  'superintendent',
  'systems_engineer',
  'internist',
  'member',
  'staff',
  'org_admin',
  'approver',
  'site_manager',
  'master',
])('%s belongs to one', (role) => {
  expect(isPlatformRole(role)).toBe(false);
});

test('nobody becomes one of the platform’s own people by signing up or by joining', () => {
  expect(ownerRole(['superadmin', 'admin', 'teacher'])).toBe('admin');
  expect(hasFounder(['superadmin', 'teacher'])).toBe(false);
  expect(hasFounder(['superadmin', 'admin'])).toBe(true);
  expect(memberRole(['admin', 'teacher', 'platform_admin'])).toBe('teacher');
  expect(memberRole(['admin', 'superadmin'])).toBe('admin');
});
