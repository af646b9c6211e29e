import { Command } from 'commander';
import { expect, test } from 'vitest';
import { flagsOf, withCommonOptions } from '../../src/cli/options.ts';
import { answer } from '../../src/rollout/decision.ts';

test('a flag that is given twice counts twice: answers to two questions are printed one by one', () => {
  const command = withCommonOptions(new Command(), true).exitOverride();
  const ids = ['1.4/sign-up/phone', '1.4/sign-up/anonymous', '1.7/two-org/public.f(uuid,text)/call'];
  const flags = ids.map((id) => answer('decisions.acceptNotChecked', [id], '').flag.replaceAll("'", '').split(' '));
  command.parse([
    'node',
    'x',
    ...flags.flat(),
    '--accept-access',
    'a,b',
    '--accept-access=c',
    '--protect-routers',
    'all',
  ]);
  expect(flagsOf(command.opts()).decisions).toEqual({
    acceptNotChecked: ids,
    acceptAccess: ['a', 'b', 'c'],
    protectRouters: 'all',
  });
});
