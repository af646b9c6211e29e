import { isName } from '../source.ts';
import { newVariable, type Walk } from '../walk.ts';
import { readLabel, scoped } from './block-scope.ts';
import { caseStatement, ifStatement, leaveStatement, loopStatement, type Statements } from './control.ts';
import { readDeclaration } from './declarations.ts';
import {
  executeStatement,
  fetchStatement,
  openStatement,
  performStatement,
  returnStatement,
  sqlStatement,
} from './queries.ts';
import { raiseStatement } from './raise.ts';
import { Reader } from './reader.ts';
import { assignmentStatement } from './targets.ts';

/**
 * Reads a plpgsql body statement by statement over PostgreSQL's own tokens, as pl_gram.y does, and hands each piece of
 * SQL to PostgreSQL's own parser. The library's `parsePlPgSQL` gives line numbers only, and refuses `INTO r.field` of a
 * row variable because it has no catalog (18.1.5), so positions and record types have to be found here.
 */
export function walkPlpgsql(walk: Walk): void {
  const reader = new Reader(walk);
  while (reader.symbol('#')) {
    reader.position += 1;
    const option = reader.name().value;
    const value = reader.name().value;
    if (option === 'variable_conflict' && (value === 'error' || value === 'use_variable' || value === 'use_column'))
      walk.conflict = value;
  }
  readBlock(reader);
  if (reader.symbol(';')) reader.position += 1;
  if (reader.token !== undefined) reader.fail('the end');
}

const exceptions = new Set(['others', 'undefined_column', 'syntax_error_or_access_rule_violation']);

function readBlock(reader: Reader): void {
  const start = reader.token?.start ?? 0;
  const label = readLabel(reader);
  scoped(reader, label, label === null ? reader.whole.outer(start) : null, (block) => {
    if (reader.accept('declare')) while (!reader.is('begin')) readDeclaration(reader, block);
    reader.word('begin');
    readStatements(reader, ['end', 'exception']);
    if (reader.accept('exception')) readHandlers(reader);
    reader.word('end');
    if (isName(reader.token)) reader.position += 1;
  });
}

function readHandlers(reader: Reader): void {
  scoped(reader, null, null, (block) => {
    newVariable(reader.walk, block, 'sqlstate');
    newVariable(reader.walk, block, 'sqlerrm');
    while (reader.accept('when')) {
      while (!reader.is('then')) {
        const token = reader.take();
        if (exceptions.has(token.value) || token.value === "'42703'") reader.walk.found.swallows = true;
      }
      reader.word('then');
      readStatements(reader, ['end', 'when']);
    }
  });
}

function readStatements(reader: Reader, ends: readonly string[]): void {
  while (reader.token !== undefined && !reader.is(...ends)) readStatement(reader);
}

function readStatement(reader: Reader): void {
  const { token } = reader;
  if (token === undefined) reader.fail('a statement');
  const inner: Statements = (ends) => readStatements(reader, ends);
  if (reader.symbol('<<') || reader.is('declare', 'begin')) {
    const label = reader.peek(3);
    if (reader.symbol('<<') && label !== undefined && !['declare', 'begin'].includes(label.value)) {
      loopStatement(reader, inner, readLabel(reader));
      return;
    }
    if (!(reader.is('begin') && reader.peek()?.value === ';')) {
      readBlock(reader);
      reader.sign(';');
      return;
    }
  }
  if (assignmentStatement(reader)) return;
  const form = token.kind === 'name' ? forms[token.value] : undefined;
  if (form === undefined) sqlStatement(reader);
  else form(reader, inner);
}

/** Statements without a name of a column. */
function skipStatement(reader: Reader): void {
  reader.position = reader.until([]);
  reader.sign(';');
}

type Form = (reader: Reader, inner: Statements) => void;

const loop: Form = (reader, inner) => loopStatement(reader, inner, null);

/** By their first word; any other word begins a statement of SQL. */
const forms: Readonly<Record<string, Form>> = {
  if: ifStatement,
  case: caseStatement,
  loop,
  while: loop,
  for: loop,
  foreach: loop,
  exit: leaveStatement,
  continue: leaveStatement,
  return: returnStatement,
  raise: raiseStatement,
  assert: (reader) => {
    reader.position += 1;
    reader.expressionsUntil([]);
    reader.sign(';');
  },
  perform: performStatement,
  execute: executeStatement,
  open: openStatement,
  fetch: fetchStatement,
  move: fetchStatement,
  get: skipStatement,
  close: skipStatement,
  null: skipStatement,
  commit: skipStatement,
  rollback: skipStatement,
};
