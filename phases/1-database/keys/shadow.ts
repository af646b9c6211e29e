import type { ClientBase } from 'pg';
import type { Blocker } from '../../../src/rollout/step.ts';
import type { Survey, TenantTable } from '../survey.ts';
import type { Conversion, Tools } from './convert.ts';

export async function planShadow(
  _client: ClientBase,
  _survey: Survey,
  tenant: TenantTable,
  _tools: Tools,
  _taken: Set<string>,
): Promise<Conversion | Blocker> {
  return { problem: `${tenant.sql} is large.`, remedy: 'Not yet.' };
}
