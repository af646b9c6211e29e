import { afterAll, beforeAll, expect, it } from 'vitest';
import { phase } from '../../../phases/1-database/phase.ts';
import type { Answer } from '../../../src/rollout/decision.ts';
import { makeDatabase, settingsOf } from '../../helpers/databases.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

it('asks by name about rows that are shared with another organization, before anything changes, until there is a way', async () => {
  await makeDatabase(server, 'guarded', 'shared_rows');
  const { decisions } = settingsOf('guarded');
  const rest = [decisions.keepPolicy ?? []].flat().filter((one) => !String(one).includes('document'));
  /** Answers that get past what 1.1 foresees, with these policies kept. */
  const asked = async (...kept: readonly string[]): Promise<readonly string[]> => {
    await using at = await makeTarget(server, 'shared_rows', {
      decisions: { ...decisions, keepPolicy: [...rest, ...kept] },
    });
    const answers: Answer[] = [];
    const rollout = at.rollout([phase]);
    rollout.listen((event) => {
      if (event.type === 'check' && event.result.verdict === 'failed') answers.push(...(event.result.answers ?? []));
    });
    const { signal } = new AbortController();
    await rollout.apply('1.1', signal);
    await rollout.verify('1.1', signal);
    return [...new Set(answers.map((one) => one.flag))];
  };
  expect(await asked()).toEqual([
    `--keep-policy 'public.documents: shared with us'`,
    '--accept-access 1.7/access/public.documents/kept',
  ]);
  // Kept, it would ask in a circle with the rule of the table of shares; what the app asks there does not.
  expect(await asked('public.documents: shared with us')).toEqual([
    `--keep-policy 'public.document_shares: owners share'`,
    `--drop-policy 'public.documents: shared with us'`,
  ]);
});
