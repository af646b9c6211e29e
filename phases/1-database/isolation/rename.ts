import { identifier } from '../../../src/database/quote.ts';
import { scanSql } from '../../../src/database/rename/parser.ts';

/**
 * An expression as it will read once step 1.2 has renamed the columns. PostgreSQL changes stored policies by itself;
 * this is for a plan that is made, and shown, before that step was applied. Only names are replaced, never a literal.
 */
export function renameColumns(expression: string, from: readonly string[], to: string): string {
  const wanted = new Set(from);
  let result = '';
  let end = 0;
  const bytes = Buffer.from(expression);
  for (const token of scanSql(expression)) {
    const raw = bytes.subarray(token.start, token.end).toString();
    if (token.tokenName !== 'IDENT' || !wanted.has(raw.replace(/^"|"$/g, ''))) continue;
    result += bytes.subarray(end, token.start).toString() + identifier(to);
    end = token.end;
  }
  return result + bytes.subarray(end).toString();
}
