import type { Info } from './expression.ts';
import { changed, fields } from './scope.ts';
import { literalContent, tokenAt } from './source.ts';
import { as, child, location, names, string, type Tree } from './tree.ts';
import { edit, editOf, problem, type Walk } from './walk.ts';

type Constant = { readonly value: string; readonly location: number };

/** Marks a string constant as understood. */
export function explain(walk: Walk, byte: number): void {
  walk.explained.add(walk.source.outer(walk.source.at(byte)));
}

/** A string constant that nothing around it has explained. */
export function readConstant(walk: Walk, node: Tree): void {
  const text = child(node, 'sval');
  if (text === null) return;
  const value = string(text, 'sval') ?? '';
  const at = walk.source.outer(walk.source.at(location(node)));
  if (walk.explained.has(at)) return;
  if (walk.world.old.has(value)) walk.found.literals.push({ at, value });
  else if (mentions(walk, value)) walk.found.mentions.push({ at, value });
}

/** Whether a text has an old name as a whole word. */
export function mentions(walk: Pick<Walk, 'world'>, text: string): boolean {
  const lower = text.toLowerCase();
  for (const name of walk.world.old) {
    const word = name.toLowerCase();
    for (let i = lower.indexOf(word); i >= 0; i = lower.indexOf(word, i + 1))
      if (!isWordCharacter(lower[i - 1]) && !isWordCharacter(lower[i + word.length])) return true;
  }
  return false;
}

const isWordCharacter = (character: string | undefined): boolean =>
  character !== undefined && /[\p{L}\p{N}_$]/u.test(character);

/** A constant used as a key of JSON: the column's name if the JSON is a row of the table, else somebody's contract. */
export function jsonKey(walk: Walk, key: Constant, left: Info, expression: Tree | null, operator: string): void {
  const path = /^\{(.*)\}$/s.exec(key.value);
  const keys = path === null ? [key.value] : (path[1] ?? '').split(',').map((part) => part.trim());
  const first = keys[0] ?? '';
  if (!keys.some((each) => walk.world.old.has(each)) && !mentions(walk, key.value)) return;
  explain(walk, key.location);
  const at = walk.source.at(key.location);
  const hits = left.json === null ? [] : fields(left.json, first, 'before');
  const [hit] = hits;
  const several = new Set(hits.map((item) => item.after)).size > 1;
  if (
    left.json !== null &&
    (several ||
      left.mixed ||
      left.json.open ||
      (hit === undefined && keys.length > 1 && path !== null && !operator.startsWith('#')))
  ) {
    problem(
      walk,
      at,
      `the key '${first}' is read from JSON that is a row of a table in one place and something else in another.`,
      'Build the JSON from named columns, or use one variable for each.',
    );
    return;
  }
  if (hit !== undefined && changed(hit)) {
    for (const root of hit.roots) walk.found.roots.add(root);
    replaceInConstant(walk, at, first, hit.after);
    return;
  }
  if (hit === undefined && keys.some((each) => walk.world.old.has(each))) contract(walk, key, keys, expression);
}

/** Replaces one word of a string constant. */
export function replaceInConstant(walk: Walk, at: number, from: string, to: string): void {
  const token = walk.source.tokens[tokenAt(walk.source, at)];
  if (token === undefined) return;
  const content = literalContent(token.value);
  const index = content?.text.indexOf(from) ?? -1;
  if (content === null || index < 0) {
    problem(walk, at, 'a constant with escapes names the column.', 'Write it as a plain constant.');
    return;
  }
  walk.found.keys += 1;
  edit(walk, token.start + content.map(index), token.start + content.map(index + from.length), content.escape(to));
}

/** A claim, a setting or a key of JSON that the database does not own. */
export function contract(walk: Walk, key: Constant, keys: readonly string[], expression: Tree | null): void {
  explain(walk, key.location);
  const at = walk.source.at(key.location);
  const old = keys.find((each) => walk.world.old.has(each)) ?? key.value;
  const token = walk.source.tokens[tokenAt(walk.source, at)];
  const content = token === undefined ? null : literalContent(token.value);
  const index = content?.text.lastIndexOf(old) ?? -1;
  const claim = expression !== null && isClaims(expression);
  walk.found.contracts.push({
    at: walk.source.outer(at),
    what: claim ? 'claim' : 'key',
    edit:
      claim && token !== undefined && content !== null && index >= 0
        ? editOf(
            walk.source,
            token.start + content.map(index),
            token.start + content.map(index + old.length),
            content.escape(walk.world.next.get(old) ?? old),
          )
        : null,
  });
}

/** `app.organization_id` in `current_setting` and `set_config`. */
export function setting(walk: Walk, key: Constant): void {
  const parts = key.value.split('.');
  const old = parts.at(-1) ?? '';
  if (!parts.some((part) => walk.world.old.has(part))) return;
  explain(walk, key.location);
  const at = walk.source.at(key.location);
  const token = walk.source.tokens[tokenAt(walk.source, at)];
  const content = token === undefined ? null : literalContent(token.value);
  const index = content?.text.lastIndexOf(old) ?? -1;
  walk.found.contracts.push({
    at: walk.source.outer(at),
    what: 'setting',
    edit:
      walk.world.old.has(old) && token !== undefined && content !== null && index >= 0
        ? editOf(
            walk.source,
            token.start + content.map(index),
            token.start + content.map(index + old.length),
            content.escape(walk.world.next.get(old) ?? old),
          )
        : null,
  });
}

/** Whether the JSON comes from the caller's token: `auth.jwt() -> 'app_metadata'`, `current_setting('request.jwt.claims')`. */
function isClaims(wrapped: Tree): boolean {
  const call = as(wrapped, 'FuncCall');
  if (call !== null) {
    const name = names(call, 'funcname').join('.');
    if (name === 'auth.jwt' || name === 'jwt') return true;
    const args = call.args;
    return Array.isArray(args) && args.some((arg: Tree) => isClaims(arg));
  }
  const constantNode = as(wrapped, 'A_Const');
  const text = constantNode === null ? null : child(constantNode, 'sval');
  if (text !== null) return /^request\.jwt/.test(string(text, 'sval') ?? '');
  const cast = as(wrapped, 'TypeCast') ?? as(wrapped, 'CollateClause');
  if (cast !== null) return isClaims(child(cast, 'arg') ?? {});
  const operator = as(wrapped, 'A_Expr');
  if (operator !== null) return isClaims(child(operator, 'lexpr') ?? {});
  const sublink = as(wrapped, 'SubLink');
  const inner = sublink === null ? null : as(child(sublink, 'subselect'), 'SelectStmt');
  const target = inner === null ? null : (inner.targetList as Tree[] | undefined)?.[0];
  if (target !== undefined && target !== null) return isClaims(child(as(target, 'ResTarget') ?? {}, 'val') ?? {});
  const coalesce = as(wrapped, 'CoalesceExpr');
  return coalesce !== null && Array.isArray(coalesce.args) && coalesce.args.some((arg: Tree) => isClaims(arg));
}
