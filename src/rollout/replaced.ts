import type { SqlChange } from './change.ts';

/** A definition of the app that a change replaces, or drops (`after` is null), with both texts. */
export type Replaced = {
  /** `function public.org_of`, `policy "own rows" on public.calls`. */
  readonly name: string;
  readonly before: string;
  readonly after: string | null;
};

/** A change's definitions that are there before, and the statements of it that are about none of them. */
export type Replacing = { readonly replaced: readonly Replaced[]; readonly rest: readonly string[] };

const word = String.raw`(?:"(?:[^"]|"")+"|[\w$]+)`;
const name = String.raw`${word}(?:\.${word})?`;
const defining = new RegExp(
  String.raw`^(create(?:\s+or\s+replace)?|alter|drop)\s+(?:constraint\s+)?(function|procedure|materialized\s+view|view|trigger|policy)\s+(?:if\s+(?:not\s+)?exists\s+)?(${name})`,
  'i',
);
const tableOf = new RegExp(String.raw`\bon\s+(${name})`, 'i');

type Definition = { readonly key: string; readonly verb: string; readonly text: string };

/**
 * What a change replaces. Its inverse holds the old text of whatever it defines anew, so that the two are compared as code
 * is: the journal needs that text anyway.
 */
export function replacedBy({ up, down }: Pick<SqlChange, 'up' | 'down'>): Replacing {
  const old = statements(down).flatMap(definitionOf).filter(isText);
  const taken = new Set<Definition>();
  const replaced: Replaced[] = [];
  const rest: string[] = [];
  const all = statements(up);
  const made = new Set(
    all
      .flatMap(definitionOf)
      .filter(isText)
      .map((one) => one.key),
  );
  for (const statement of all) {
    const [one] = definitionOf(statement);
    const before = one && old.find((each) => each.key === one.key && !taken.has(each));
    if (!one || !before) {
      rest.push(statement);
      continue;
    }
    // Dropped and made again in one change: the statement that makes it is the one to compare.
    if (one.verb === 'drop' && made.has(one.key)) {
      rest.push(statement);
      continue;
    }
    taken.add(before);
    replaced.push({ name: one.key, before: before.text, after: one.verb === 'drop' ? null : one.text });
  }
  return { replaced, rest };
}

/** Options of a view or an owner are no text that could be compared. */
const isText = ({ verb, key }: Definition): boolean =>
  verb !== 'drop' && !(verb === 'alter' && !key.startsWith('policy '));

function definitionOf(statement: string): readonly Definition[] {
  const text = withoutComments(statement);
  const found = defining.exec(text);
  if (found === null) return [];
  const [, verb = '', kind = '', object = ''] = found;
  const what = kind.toLowerCase().replace(/\s+/g, ' ');
  const table = what === 'policy' || what === 'trigger' ? tableOf.exec(text)?.[1] : undefined;
  const key = `${what} ${plain(object)}${table === undefined ? '' : ` on ${plain(table)}`}`;
  return [{ key, verb: verb.toLowerCase().startsWith('create') ? 'create' : verb.toLowerCase(), text: statement }];
}

const plain = (quoted: string): string => quoted.replace(/"((?:[^"]|"")+)"/g, '$1');

const withoutComments = (sql: string): string => sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '');

const piece =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|;|[^;'"$/-]+|[\s\S]/g;

/** The statements of a text, each with its semicolon; what stands in quotes, bodies and comments ends none. */
export function statements(sql: string): readonly string[] {
  const found: string[] = [];
  let text = '';
  for (const [part] of sql.matchAll(piece)) {
    text += part;
    if (part !== ';') continue;
    found.push(text.trim());
    text = '';
  }
  if (text.trim() !== '') found.push(text.trim());
  return found;
}
