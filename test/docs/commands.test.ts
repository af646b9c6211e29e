import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli, type Cli } from '../helpers/cli.ts';

const root = new URL('../../', import.meta.url);
const pages = [
  'README.md',
  ...readdirSync(new URL('docs/', root))
    .filter((one) => one.endsWith('.md'))
    .map((one) => `docs/${one}`),
];

/** Every command line of the product that a page shows, without its comment. */
const shown = pages.flatMap((page) =>
  [...readFileSync(new URL(page, root), 'utf8').matchAll(/^ *npx voxanne-rollout\b(.*)$/gm)].map(
    ([, rest = '']) => [page, rest.replace(/#.*$/, '').trim()] as const,
  ),
);

describe('what the pages tell an operator to type', () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await buildCli();
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it('is something', () => {
    expect(shown.length).toBeGreaterThan(10);
  });

  it.each(shown)('%s: voxanne-rollout %s', async (_, line) => {
    const words = line.split(/\s+/).filter(Boolean);
    const command = words[0]?.startsWith('-') === false ? [words[0]] : [];
    const help = await cli.run([...command, '--help'], {});
    expect(help.code).toBe(0);
    for (const flag of words.filter((one) => one.startsWith('--'))) expect(help.stdout).toContain(flag);
  });
});
