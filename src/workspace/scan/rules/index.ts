import type { Rule } from '../rule.ts';
import { defaultOrg } from './default-org.ts';
import { firstOrg } from './first-org.ts';

/** All rules; a new one is a file and a line here. */
export const rules: readonly Rule[] = [firstOrg, defaultOrg];
