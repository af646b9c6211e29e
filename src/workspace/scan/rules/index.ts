import type { Rule } from '../rule.ts';
import { bodySpread } from './body-spread.ts';
import { browserOrgHeader } from './browser-org-header.ts';
import { defaultOrg } from './default-org.ts';
import { firstOrg } from './first-org.ts';
import { hardCodedOrg } from './hard-coded-org.ts';
import { oldColumn } from './old-column/rule.ts';
import { requestOrg } from './request-org.ts';
import { settingsPlaceholder } from './settings-placeholder.ts';
import { storedOrg } from './stored-org.ts';
import { unscopedQuery } from './unscoped-query.ts';
import { userMetadataOrg } from './user-metadata-org.ts';

/** All rules; a new one is a file and a line here. */
export const rules: readonly Rule[] = [
  firstOrg,
  defaultOrg,
  hardCodedOrg,
  userMetadataOrg,
  requestOrg,
  bodySpread,
  browserOrgHeader,
  storedOrg,
  unscopedQuery,
  oldColumn,
  settingsPlaceholder,
];
