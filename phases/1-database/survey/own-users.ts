import { identifier, qualified } from '../../../src/database/quote.ts';
import type { Blocker } from '../../../src/rollout/step.ts';
import { isMembershipName } from './memberships.ts';
import { isPersonName } from './people.ts';
import { asFlag, foreignKeyOf, isPeople, isUnique, nameOf } from './shape.ts';
import type { Survey } from './types.ts';

/**
 * An app that signs its users in by itself: a table joins organizations with people whom `auth.users` does not know. No
 * token, and nothing that asks `auth.uid()`, can say which of them calls, so that profiles of our own would say nothing of
 * whose a row is.
 */
export function ownUsers({ tenants, organizations, profiles, truth, catalog }: Survey): Blocker | null {
  if (truth !== 'none' || profiles !== null) return null;
  for (const { table, key } of tenants) {
    for (const column of table.columns) {
      const reference = foreignKeyOf(table, column.name)?.references;
      const people = catalog.tables.find(
        (one) => one !== organizations && one.schema === reference?.schema && one.name === reference.table,
      );
      if (people === undefined || !isPersonName(people) || isPeople(people)) continue;
      if (!isUnique(table, [key.name, column.name]) && !isMembershipName(table)) continue;
      const sql = qualified(people.schema, people.name);
      const email = people.columns.find((one) => /^e_?mail$/i.test(one.name));
      return {
        problem: `The app keeps its users itself: ${nameOf(table)} joins organizations with ${nameOf(people)}, and nothing there says which user of auth.users each of them is.`,
        remedy: `Tokens, sign-ups and auth.uid() of Supabase know only auth.users. Sign people in with Supabase Auth first, and connect the two with the SQL below; or, where the ids are those of auth.users, rerun with --profiles ${asFlag(people)} (names.profiles).`,
        detail: [
          `alter table ${sql} add column auth_user_id uuid unique references auth.users (id);`,
          email === undefined
            ? `-- then, for each of them: update ${sql} set auth_user_id = '<user of auth.users>' where …;`
            : `update ${sql} p set auth_user_id = u.id from auth.users u where lower(u.email) = lower(p.${identifier(email.name)}) and u.email_confirmed_at is not null;`,
        ].join('\n'),
      };
    }
  }
  return null;
}
