import { decide } from '../../../src/config/answers.ts';
import type { Column, Table } from '../../../src/database/catalog/types.ts';
import type { Refused } from '../../../src/database/probes/sign-up-refused.ts';
import type { CheckResult } from '../../../src/rollout/check.ts';
import type { Target } from '../../target.ts';
import { signUpMakesOrganization } from '../existing-users/nowhere.ts';
import { nameOf } from '../survey/shape.ts';
import type { Survey } from '../survey.ts';
import { asToday, asTodayAnswer, sampleSetting, settingOf } from '../values.ts';

/**
 * What an operator can do about a sign-up that a constraint of the app refuses: give what the row should hold, under the
 * key of each column that the constraint looks at; or let the app make the organization as it does today.
 */
export function signUpAdvice(found: Survey, target: Target, error: Refused): Pick<CheckResult, 'advice' | 'answers'> {
  const makes = signUpMakesOrganization(target);
  const other = makes ? `Or ${asToday}.` : '';
  const rest = makes ? { advice: `Correct what the message names. ${other}`, answers: [asTodayAnswer] } : {};
  const table = [found.organizations, found.profiles, found.memberships?.table ?? null].find(
    (one) => one !== null && one.name === error.table && one.schema === error.schema,
  );
  if (table == null) return rest;
  const columns = refusedColumns(table, error);
  if (columns.length === 0) return rest;
  const keys = columns.map((one) => settingOf(table, one.name)).join(' and ');
  const rule = table.constraints.find((one) => one.name === error.constraint)?.definition;
  const advice =
    `Give a value that ${rule === undefined ? 'the column' : rule} accepts as ${keys} in the configuration file, an SQL expression over the new user, as new: ${sampleSetting(table, columns, found.enums)}. ${other}`.trim();
  return { ...rest, advice };
}

/** A trigger of the app that waits for the confirmed address, say, makes another organization later. */
export const madeTwice: Pick<CheckResult, 'advice' | 'answers'> = {
  advice: `The app makes an organization for a new user itself, after the rollout's trigger has made one. Take that out of the app's function, or ${asToday}: the stamp then comes with the app's membership.`,
  answers: [asTodayAnswer],
};

/** The app makes an organization, and nothing that says who belongs to it. */
export function madeWithoutMember({ organizations, memberships, profiles }: Survey): Pick<CheckResult, 'advice'> {
  const said = memberships?.table ?? profiles;
  const where = organizations === null ? 'organizations' : nameOf(organizations);
  return {
    advice: `The app makes an organization for a new user and says nowhere that they belong to it${said === null ? '' : `, which is read from ${nameOf(said)}`}: they would reach nothing. Let the app's function write that as well, or a trigger on ${where}.`,
  };
}

/** The columns that decide whether a row passes; what says whose it is has its value already. */
function refusedColumns(table: Table, error: Refused): readonly Column[] {
  const names =
    error.column !== undefined
      ? [error.column]
      : (table.constraints.find((one) => one.name === error.constraint)?.columns ??
        table.indexes
          .find((one) => one.name === error.constraint)
          ?.columns.filter((one): one is string => one !== null) ??
        []);
  const keys = table.constraints.find((one) => one.type === 'p')?.columns ?? [];
  return table.columns.filter((one) => names.includes(one.name) && !keys.includes(one.name) && !one.generated);
}

/** The app's own trigger makes no difference between somebody anonymous and others. */
export const madeAnonymously: Pick<CheckResult, 'advice' | 'answers'> = {
  advice:
    'The app makes an organization for an anonymous user too, as its own trigger stays. Let sign-up complete it with --anonymous-users own-organization (decisions.anonymousUsers), or let that trigger leave out users who are anonymous.',
  answers: [
    decide(
      'anonymousUsers',
      'own-organization',
      'An anonymous user gets an organization at once, as in the app today.',
    ),
  ],
};
