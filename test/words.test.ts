import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Words that have a plainer or a usual one, with the one to write. One concept, one word. */
const words: readonly (readonly [wrong: RegExp, instead: string])[] = [
  [/\b(?:taken?|takes?|taking|took) (?:\w+ )?back\b/i, 'roll back'],
  [/\bMend\b|\bmend(?:s|ed|ing)? (?:it|the|what|or)\b/, 'fix'],
  [/\bby another hand\b|\banother hand\b/i, 'outside this tool'],
  [/\bchanges hands\b/i, 'other runs keep taking it'],
  [/\bleft away\b|\bleave away\b/i, 'omit, or left deleted'],
  [/\bpass(?:es)? by row/i, 'bypass'],
  [/\bneeds? a person\b/i, 'needs a manual change'],
  [/\bNo database is named\b/, 'No database URL given'],
  [/\bplanning documents?\b/i, 'name the checks'],
  [/\bhides its errors\b/i, 'swallows errors'],
  [/\$\{[^}]*\} (?:steps|checks|changes|things) (?:are|is)\b/, 'a count that agrees: plural()'],
  [/\$\{([\w.]+)\} \$\{\1 === 1 \?/, 'a count that agrees: plural()'],
  [/\bleave\b[^.;:]{1,40}\baway\b/i, 'omit'],
  [/\bundo(?:es|ne|ing)?\b|\bundid\b/i, 'roll back'],
  [/\bRepair\b/, 'Fix'],
  [/\bleft to a person\b/i, 'needs a manual change'],
  [/\bnot looked at\b/i, 'not checked'],
  [/\bchecks?\b[^.]*\bcould not be made\b/, 'could not be run'],
  [/, so that (?:nobody|nothing|API|there)\b/, ', so …: what follows is a result, not a purpose'],
  [/(?<!\b[Tt]here )\bis no (?!longer\b|more\b|other\b)[a-z]/, 'is not a …'],
  [/\bupon each other\b/, 'one on top of the other'],
  [/\bfor the time of\b/, 'for the duration of'],
  [/\bputs? SQL together\b|\bSQL (?:is )?put together\b/i, 'build SQL'],
];

/** Comments, and texts that no person reads: SQL, patterns, names of types. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (found) => found.replace(/[^\n]/g, ' ')).replace(/(^|[^:'"`])\/\/[^\n]*/g, '$1');

/** What stands in quotes and looks like a sentence or a phrase. */
const phrases = (text: string): readonly { readonly line: number; readonly text: string }[] =>
  [...withoutComments(text).matchAll(/'((?:[^'\\\n]|\\.)+)'|`((?:[^`\\]|\\.)+)`|"((?:[^"\\\n]|\\.)+)"/g)].flatMap(
    (found) => {
      const phrase = found[1] ?? found[2] ?? found[3] ?? '';
      const line = text.slice(0, found.index).split('\n').length;
      return / /.test(phrase) && !/^\s*(?:select|insert|update|with|create|alter|do|drop)\b/i.test(phrase)
        ? [{ line, text: phrase }]
        : [];
    },
  );

const files = ['src', 'phases'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('demo/app') && !file.includes('templates'))
    .map((file) => join(folder, file)),
);

const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => join('docs', file))].filter((file) =>
  file.endsWith('.md'),
);

const lines = (text: string): readonly { readonly line: number; readonly text: string }[] =>
  text.split('\n').map((one, index) => ({ line: index + 1, text: one }));

test.each([
  ['the program says', files, phrases],
  ['the pages say', pages, lines],
] as const)('what %s uses one word for one thing', (_, all, parts) => {
  const wrong = all.flatMap((file) =>
    parts(readFileSync(join(root, file), 'utf8')).flatMap((phrase) =>
      words.flatMap(([pattern, instead]) =>
        pattern.test(phrase.text) ? [`${file}:${phrase.line}: ${phrase.text.slice(0, 90)} -> ${instead}`] : [],
      ),
    ),
  );
  expect(wrong).toEqual([]);
});
