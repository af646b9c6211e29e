import { edgeRows, graphqlRows, lambdaRows, socketRows } from './events.ts';
import { astroRows, nuxtRows, remixRows, svelteRows, tanstackRows, trpcRows } from './full-stack.ts';
import { actionRows, nextPageRows, nextPagesRows, nextRouteRows } from './next.ts';
import { expressRows, fastifyRows, honoRows, koaRows, nestRows } from './node-servers.ts';
import { guards, otherUses, plainUses, type Row, shams, uses } from './row.ts';

const rows: readonly Row[] = [
  ...expressRows,
  ...fastifyRows,
  ...honoRows,
  ...koaRows,
  ...nestRows,
  ...nextPagesRows,
  ...nextRouteRows,
  ...nextPageRows,
  ...actionRows,
  ...trpcRows,
  ...tanstackRows,
  ...svelteRows,
  ...nuxtRows,
  ...remixRows,
  ...astroRows,
  ...edgeRows,
  ...socketRows,
  ...lambdaRows,
  ...graphqlRows,
];

/** A small file, and whether the organization in it is the sender's to choose. */
export type Case = {
  readonly framework: string;
  readonly variant: string;
  readonly path: string;
  readonly text: string;
  readonly found: boolean;
};

const at = <T>(list: readonly T[], index: number): T => {
  const one = list[index % list.length];
  if (one === undefined) throw new Error('an empty list');
  return one;
};

/** `orgId` under a name that says nothing; only where it goes to tells what it is. */
const plain = (read: string): string => read.replace(/orgId|org_id/g, 'chosen').replace(/x-org-id/g, 'x-chosen');

/** The packages that each of the apps has in its manifest. */
export const manifests: Readonly<Record<string, string>> = Object.fromEntries(
  [...new Set(rows.map(({ framework }) => framework))].map((framework) => [
    `${folderOf(framework)}/package.json`,
    packagesOf(framework),
  ]),
);

function packagesOf(framework: string): string {
  const names: Readonly<Record<string, readonly string[]>> = {
    Express: ['express'],
    Fastify: ['fastify'],
    Hono: ['hono'],
    Koa: ['koa'],
    Nest: ['@nestjs/core'],
    'Next pages/api': ['next', 'react'],
    'Next route handler': ['next', 'react'],
    'Next page': ['next', 'react'],
    'Server action': ['next', 'react'],
    'next-safe-action': ['next', 'react', 'next-safe-action'],
    'TanStack Start': ['@tanstack/react-start', 'react', 'vite'],
    SvelteKit: ['@sveltejs/kit', 'svelte'],
    'Remix, React Router': ['react-router', '@react-router/node', 'react', 'vite'],
  };
  const dependencies = Object.fromEntries((names[framework] ?? []).map((name) => [name, '*']));
  return JSON.stringify({ name: folderOf(framework).replace('apps/', ''), dependencies });
}

function folderOf(framework: string): string {
  return `apps/${framework.toLowerCase().replace(/\W+/g, '-')}`;
}

function casesOf(row: Row, index: number): readonly Case[] {
  const given = row.read === null ? '' : `const orgId = ${row.read};\n  `;
  const one = (variant: string, found: boolean, body: string): Case => ({
    framework: row.framework,
    variant: `${row.source}: ${variant}`,
    path: `${folderOf(row.framework)}/${row.path.replace('%', `r${index}-${variant.replace(/\W+/g, '-')}`)}`,
    text: row.file(body),
    found,
  });
  const [guard, guarded] = at(guards, index);
  const [sham, pretended] = at(shams, index);
  return [
    one('unsafe', true, `${given}${at(uses, index)}`),
    one(
      'used where it is read',
      true,
      row.read === null ? at(uses, index + 5) : at(plainUses, index).replace('chosen', row.read),
    ),
    ...(row.read === null
      ? []
      : [one('under another name', true, `const chosen = ${plain(row.read)};\n  ${at(plainUses, index)}`)]),
    one(`guarded by ${guard}`, false, `${given}${guarded(row)}\n  ${at(uses, index)}`),
    one(
      `guarded otherwise, by ${at(guards, index + 7)[0]}`,
      false,
      `${given}${at(guards, index + 7)[1](row)}\n  ${at(uses, index + 3)}`,
    ),
    one(`with ${sham}`, true, `${given}${pretended(row)}\n  ${at(uses, index)}`),
    one('for a table of something else', false, `${given}${at(otherUses, index)}`),
    one('look-alike', false, row.lookAlike),
  ];
}

export const cases: readonly Case[] = rows.flatMap(casesOf);

/** The same code in the words of another app. */
export function inWords(text: string, word: string, plural: string, members: string): string {
  const upper = word[0]?.toUpperCase() + word.slice(1);
  return text
    .replace(/\borg_id/g, `${word}_id`)
    .replace(/\borg_ids/g, `${word}_ids`)
    .replace(/_org_id/g, `_${word}_id`)
    .replace(/x-org-id/g, `x-${word}-id`)
    .replace(/orgId/g, `${word}Id`)
    .replace(/userId_orgId/g, `userId_${word}Id`)
    .replace(/\borganizations\b/g, plural)
    .replace(/\bmemberships\b/g, members)
    .replace(/\bOrgMember\b|(?<=[a-z])OrgMember/g, `${upper}Member`);
}
