import { describe, expect, it } from 'vitest';
import { freshDiagnostics, parseDiagnostics } from '../../src/workspace/type-check.ts';

const output = `src/a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.
  The expected type comes from here.
src/b.ts(10,1): error TS2304: Cannot find name 'x'.
error TS18003: No inputs were found.
Found 3 errors.`;

describe('the type check', () => {
  it('reads what the compiler prints, with paths of the workspace', () => {
    expect(parseDiagnostics(output, 'backend').map(({ file, line, code }) => [file, line, code])).toEqual([
      ['backend/src/a.ts', 3, 'TS2322'],
      ['backend/src/b.ts', 10, 'TS2304'],
      ['', 0, 'TS18003'],
    ]);
  });

  it('takes an error that only moved for an old one, and a second one like it for a new one', () => {
    const before = parseDiagnostics(output, '');
    const moved = parseDiagnostics(output.replace('(10,1)', '(40,1)'), '');
    expect(freshDiagnostics(before, moved)).toEqual([]);
    expect(freshDiagnostics(before, [...moved, ...moved.slice(1, 2)]).map((one) => one.code)).toEqual(['TS2304']);
  });
});
