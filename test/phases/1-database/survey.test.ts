import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Survey, survey } from '../../../phases/1-database/survey.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { rowChecksums } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';
import { apps, type Summary } from './survey.apps.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const summary = (found: Survey): Omit<Summary, 'questions' | 'evidence'> => ({
  organizations: found.organizations === null ? null : `${found.organizations.schema}.${found.organizations.name}`,
  profiles: found.profiles === null ? null : `${found.profiles.schema}.${found.profiles.name}`,
  memberships: found.memberships === null ? null : `${found.memberships.table.schema}.${found.memberships.table.name}`,
  user: found.memberships?.userColumn ?? '',
  keys: Object.fromEntries(found.tenants.map((one) => [one.table.name, one.key.name])),
  unclear: found.unclear.map((one) => `${one.table.name}.${one.column.name}`),
  active: found.memberships?.active('m') ?? '',
  activeValues: found.memberships?.activeValues ?? {},
  living: found.living('o'),
  model: found.model,
  conflict:
    found.modelConflict === null
      ? null
      : `${found.modelConflict.users} users: ${found.modelConflict.answers.map((one) => `${one.model} -${one.users}/${one.rows}`).join(', ')}`,
  truth: found.truth,
  idType: found.idType,
  profileOrg: found.profileOrg,
  from: found.from,
  roles: found.memberships?.roles ?? [],
  roleTable:
    found.memberships?.roleTable == null
      ? null
      : `${found.memberships.roleTable.table.schema}.${found.memberships.roleTable.table.name}.${found.memberships.roleTable.label} by ${found.memberships.roleTable.column}`,
});

describe('what the survey finds', () => {
  it.each(apps.map((app, at) => ({ ...app, at })))('$name', async ({ sql, settings, found: expected, at: index }) => {
    const name = `app_${index}`;
    await loadDatabase(server, 'base', name);
    await using at = await makeTarget(server, name, settings);
    await at.sql(`set search_path = public, extensions; ${sql}`);
    const before = await rowChecksums(at);
    const found = await survey(at.target);
    const { questions, evidence, keys, unclear, ...rest } = expected;
    const said = summary(found);
    expect(said).toMatchObject(rest);
    if (keys !== undefined) expect(said.keys).toEqual(keys);
    if (unclear !== undefined) expect([...said.unclear].sort()).toEqual([...unclear].sort());
    if (questions !== undefined) {
      const asked = found.questions.map((one) => one.problem);
      expect(asked.map((one, place) => questions[place]?.test(one) ?? one)).toEqual(questions.map(() => true));
      for (const one of found.questions) expect(one.remedy).toMatch(/names\.|decisions\.|configuration/);
    }
    if (evidence !== undefined)
      expect(found.evidence.map((one) => `${one.what}: ${one.because}`).join('\n')).toMatch(evidence);
    expect(await rowChecksums(at)).toEqual(before);
  });
});
