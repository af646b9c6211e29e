import { identifier } from '../../quote.ts';
import { follow } from '../reference.ts';
import { type Block, changed, fields, findVariable, type Variable } from '../scope.ts';
import { isName, type Token } from '../source.ts';
import { assign, newVariable, problem, shapesOf } from '../walk.ts';
import { parseTypeName } from '../world.ts';
import { scoped } from './block-scope.ts';
import type { Reader } from './reader.ts';

/** One line of DECLARE: a variable, an alias or a cursor. */
export function readDeclaration(reader: Reader, block: Block): void {
  if (reader.accept('declare')) return;
  const name = reader.name().value;
  if (reader.accept('alias')) {
    reader.word('for');
    const target = reader.take();
    const known =
      target.kind === 'parameter'
        ? parameterAt(reader, Number(target.value.slice(1)))
        : (findVariable(reader.walk.block, target.value)?.variable ?? null);
    if (known !== null) block.variables.set(name, { ...known, name, label: block.label });
    reader.sign(';');
    return;
  }
  if (reader.is('cursor', 'scroll', 'no')) {
    declareCursor(reader, block, name);
    return;
  }
  reader.accept('constant');
  const from = reader.position;
  const end = reader.until(['not', 'default', 'collate'], [';', ':=', '=']);
  const variable = declareVariable(reader, block, name, from, end);
  reader.position = end;
  if (reader.accept('collate'))
    while (!reader.symbol(';') && !reader.symbol(':=') && !reader.symbol('=') && !reader.is('not', 'default'))
      reader.take();
  if (reader.accept('not')) reader.word('null');
  if (reader.accept('default') || reader.symbol(':=') || reader.symbol('=')) {
    if (reader.symbol(':=') || reader.symbol('=')) reader.position += 1;
    // A variable is not yet in sight in its own default, an outer one of the same name is.
    block.variables.delete(name);
    const info = reader.expressionUntil([]);
    block.variables.set(name, variable);
    assign(reader.walk, variable, info.row, info.json);
  }
  reader.sign(';');
}

function parameterAt(reader: Reader, position: number): Variable | null {
  for (let block = reader.walk.block; block !== null; block = block.parent)
    for (const variable of block.variables.values()) if (variable.position === position) return variable;
  return null;
}

/** `record`, `calls%ROWTYPE`, `calls.organization_id%TYPE`, `other_variable%TYPE`, `public.calls`. */
function declareVariable(reader: Reader, block: Block, name: string, from: number, to: number): Variable {
  const tokens = reader.whole.tokens.slice(from, to);
  const first = tokens[0];
  if (first === undefined) reader.fail('a type');
  const suffix = tokens.findIndex((token, index) => token.value === '%' && tokens[index + 1]?.value === 'type');
  if (suffix > 0) return copiedType(reader, block, name, tokens.slice(0, suffix));
  if (tokens.length === 1 && first.value === 'record') return newVariable(reader.walk, block, name, { record: true });
  const type = reader.whole.text.slice(first.start, tokens.at(-1)?.end);
  const parsed = parseTypeName(type);
  const row =
    parsed === null ? null : (reader.walk.world.relation(parsed.schema, parsed.name, reader.walk.path)?.shape ?? null);
  return newVariable(reader.walk, block, name, { type, row });
}

function copiedType(reader: Reader, block: Block, name: string, path: readonly Token[]): Variable {
  const parts = path.filter((token) => isName(token));
  const words = parts.map((token) => token.value);
  const at = parts[0]?.start ?? 0;
  const variable = words.length <= 2 ? findVariable(reader.walk.block, words[0] ?? '') : null;
  if (words.length === 1) {
    const other = variable?.variable;
    return newVariable(
      reader.walk,
      block,
      name,
      other === undefined ? {} : { type: other.type, row: other.row, record: other.record, rows: other.rows },
    );
  }
  if (variable !== null && shapesOf(reader.walk, variable.variable) !== null) {
    follow(reader.walk, words, at, null);
    return newVariable(reader.walk, block, name);
  }
  const field = words.at(-1) ?? '';
  const relation = reader.walk.world.relation(
    words.length > 2 ? (words[0] ?? null) : null,
    words.at(-2) ?? '',
    reader.walk.path,
  );
  const [hit] = relation === null ? [] : fields(relation.shape, field, 'before');
  const token = parts.at(-1);
  if (hit !== undefined && token !== undefined) {
    if (reader.walk.world.names.has(field)) reader.walk.found.references.push(`type ${hit.key}`);
    for (const root of hit.roots) reader.walk.found.roots.add(root);
    if (changed(hit))
      reader.walk.found.edits.push({
        start: reader.whole.outer(token.start),
        end: reader.whole.outer(token.end - 1) + 1,
        text: reader.whole.escape(identifier(hit.after)),
      });
  } else if (relation === null && reader.walk.world.old.has(field))
    problem(
      reader.walk,
      at,
      `\`${words.join('.')}%TYPE\` is a column of a table that the database does not have.`,
      'Write the type itself.',
    );
  const row = hit?.type == null ? null : (reader.walk.world.rowType(hit.type, reader.walk.path)?.shape ?? null);
  return newVariable(reader.walk, block, name, { type: hit?.type ?? null, row });
}

function declareCursor(reader: Reader, block: Block, name: string): void {
  reader.accept('no');
  reader.accept('scroll');
  reader.word('cursor');
  scoped(reader, name, null, (own) => {
    if (reader.symbol('(')) {
      reader.position += 1;
      while (!reader.symbol(')')) {
        const argument = reader.name().value;
        const end = reader.until([], [',', ')']);
        declareVariable(reader, own, argument, reader.position, end);
        reader.position = end;
        if (reader.symbol(',')) reader.position += 1;
      }
      reader.position += 1;
    }
    if (!reader.accept('for')) reader.word('is');
    const shape = reader.queryUntil([]);
    newVariable(reader.walk, block, name, { type: 'refcursor', rows: [shape] });
  });
  reader.sign(';');
}
