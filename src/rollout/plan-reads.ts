import type { Change } from './change.ts';
import type { Fingerprint } from './journal.ts';

/** Objects by what they belong to: the columns, policies and triggers of a table by the table. */
export type StateByOwner = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * A fingerprint by owner. Names may hold dots, so that a column is given to the longest table whose name it begins with.
 *
 * @param tables The table of each index, which an index's own name does not tell: `index public.i -> public.calls`.
 */
export function byOwner(state: Fingerprint, tables: Readonly<Record<string, string>>): StateByOwner {
  const relations = new Set(
    Object.keys(state).flatMap((object) => {
      const name = /^(?:table|view|materialized view) (.*)$/s.exec(object)?.[1];
      return name === undefined ? [] : [name];
    }),
  );
  const owners: Record<string, Record<string, string>> = {};
  for (const [object, hash] of Object.entries(state)) {
    const owner = ownerOf(object, relations, tables);
    owners[owner] = { ...owners[owner], [object]: hash };
  }
  return owners;
}

function ownerOf(object: string, relations: ReadonlySet<string>, tables: Readonly<Record<string, string>>): string {
  const [, sort = '', name = object] = /^(materialized view|\w+) (.*)$/s.exec(object) ?? [];
  if (sort === 'index') return tables[object] ?? name;
  if (sort === 'publication') return name.slice(name.indexOf(' ') + 1);
  if (!['column', 'constraint', 'trigger', 'policy', 'rule'].includes(sort)) return sort === 'schema' ? object : name;
  for (let end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
    if (relations.has(name.slice(0, end))) return name.slice(0, end);
  }
  // A table of the platform, whose own definition is nobody's business here: auth.users, storage.objects.
  return name.split('.').slice(0, 2).join('.');
}

/**
 * Which of these owners a change speaks of: their own name, qualified, in its statements; in the body of a function,
 * which may rely on its search path, the bare name as well. Too many rather than too few: what is named here stops a
 * plan when it differs.
 */
export function readsOfChange(change: Change, owners: readonly string[]): readonly string[] {
  if (change.kind === 'file') return [];
  const { id: _, title: __, kind: ___, ...rest } = change;
  const text = Object.values(rest)
    .map((one) => (typeof one === 'string' ? one : JSON.stringify(one).replaceAll('\\"', '"')))
    .join('\n');
  const bodies = [...text.matchAll(/\$(\w*)\$([\s\S]*?)\$\1\$/g)].map(([, , body]) => body ?? '').join('\n');
  const qualified = new Set(
    names(text, /(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)\s*\.\s*(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)/gu),
  );
  const bare = new Set(names(bodies, /"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*/gu));
  return owners.filter((owner) => {
    const { full, last } = spoken(owner);
    return qualified.has(full) || bare.has(last);
  });
}

const plain = (part: string): string =>
  part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase();

const names = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([found]) =>
    [...found.matchAll(/"(?:[^"]|"")+"|[^\s."]+/g)].map(([part]) => plain(part)).join('.'),
  );

/** `public.f(uuid)` and `public."F"(uuid)` as they are written elsewhere; a table's name is unquoted in a fingerprint. */
function spoken(owner: string): { readonly full: string; readonly last: string } {
  const routine = /^((?:"(?:[^"]|"")+"|[^".(]+)\.(?:"(?:[^"]|"")+"|[^".(]+))\(/.exec(owner)?.[1];
  if (routine !== undefined) {
    const [full = ''] = names(routine, /.+/gs);
    return { full, last: full.slice(full.indexOf('.') + 1) };
  }
  const name = owner.startsWith('schema ') ? owner : owner.replace(/^"((?:[^"]|"")+)"$/s, '$1');
  return { full: name, last: name.slice(name.indexOf('.') + 1) };
}
