import { readPackageFile } from '../../src/package-root.ts';
import { RolloutError } from '../../src/rollout/errors.ts';

/**
 * Reads a file of `migrations/` and replaces its marked parts: what stands between `-- voxanne:begin NAME` and
 * `-- voxanne:end NAME` is the text for the usual columns, so that the file runs with psql as it is.
 */
export function loadMigration(file: string, parts: Readonly<Record<string, string>>): string {
  let text = readPackageFile(`migrations/${file}`);
  for (const [name, replacement] of Object.entries(parts)) {
    const pattern = new RegExp(`^[ \\t]*-- voxanne:begin ${name}\\n[\\s\\S]*?^[ \\t]*-- voxanne:end ${name}\\n`, 'm');
    if (!pattern.test(text)) {
      throw new RolloutError(`migrations/${file} has no part "${name}".`, 'Install voxanne-rollout again.', {
        kind: 'defect',
      });
    }
    // A function as replacement: `$1` and `$$` in SQL are not references.
    text = text.replace(pattern, () => (replacement === '' ? '' : `${replacement}\n`));
  }
  return text.replace(/^[ \t]*-- voxanne:(begin|end) \w+\n/gm, '');
}

/** Splits a migration at its blank-line-separated top statements: comments stay with what they explain. */
export function statements(text: string): readonly string[] {
  const parts: string[] = [];
  let current: string[] = [];
  let quoted = false;
  for (const line of text.split('\n')) {
    current.push(line);
    if ((line.match(/\$function\$/g)?.length ?? 0) % 2 === 1) quoted = !quoted;
    if (!quoted && /;\s*$/.test(line) && !line.trimStart().startsWith('--')) {
      parts.push(current.join('\n').trim());
      current = [];
    }
  }
  const rest = current.join('\n').trim();
  if (rest !== '' && !/^(--.*\n?)*$/.test(rest)) parts.push(rest);
  return parts;
}
