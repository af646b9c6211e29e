import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { CheckResult } from '../../src/rollout/check.ts';
import type { Note } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import { orAbsent } from '../../src/workspace/paths.ts';
import type { Code } from './code.ts';

type Old = { readonly name: string; readonly files: readonly string[] };

/**
 * Old names that a local `supabase db reset` brings back: migrations (and declared schemas) that make a column which the
 * rollout renamed, without a later one that renames it.
 */
async function oldNamesInHistory({ workspace, facts }: Code): Promise<readonly Old[]> {
  const files: { readonly file: string; readonly text: string }[] = [];
  for (const folder of ['supabase/migrations', 'supabase/schemas']) {
    const names = (await readdir(path.join(workspace.root, folder)).catch(orAbsent)) ?? [];
    for (const name of names.filter((one) => one.endsWith('.sql')).sort()) {
      const file = `${folder}/${name}`;
      const text = await readFile(path.join(workspace.root, file), 'utf8');
      files.push({ file, text: text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ') });
    }
  }
  const old = [...new Set(facts.renames.map(({ from }) => from))];
  return old.flatMap((name) => {
    const says = new RegExp(`(?<![\\w$])"?${name}"?(?![\\w$])`);
    const renamed = new RegExp(`\\brename\\s+(?:column\\s+)?"?${name}"?\\s+to\\b`, 'i');
    const last = files.findLastIndex(({ text }) => renamed.test(text));
    const naming = files.filter(({ file, text }, at) => says.test(text) && (at > last || /schemas\//.test(file)));
    return naming.length === 0 ? [] : [{ name, files: naming.map(({ file }) => file) }];
  });
}

const remedy =
  'Record the rollout in the history (--register, or the migration files of --executor supabase-cli) and commit it before anybody resets a local database; change declared schemas by hand.';

/** What a plan says of the migrations, which are history and are never edited. */
export async function historyNotes(code: Code): Promise<readonly Note[]> {
  return (await oldNamesInHistory(code)).map(({ name, files }) => ({
    text: `supabase db reset brings the column ${name} back: ${plural(files.length, 'migration names', 'migrations name')} it, and none renames it. ${remedy}`,
    detail: files.join(', '),
  }));
}

/** The same as a check: it cannot be mended here, and is not called right. */
export async function* checkHistory(code: Code, step: string): AsyncIterable<CheckResult> {
  const began = performance.now();
  for (const { name, files } of await oldNamesInHistory(code)) {
    yield {
      id: `${step}/history/${name}`,
      title: `Migrations that name ${name}`,
      kind: 'scan',
      verdict: 'skipped',
      expected: 'a history that ends with the new name',
      observed: `supabase db reset brings ${name} back (${files.slice(0, 5).join(', ')}${files.length > 5 ? ', …' : ''})`,
      advice: remedy,
      milliseconds: performance.now() - began,
    };
  }
}
