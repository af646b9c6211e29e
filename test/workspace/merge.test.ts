import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeThreeWay } from '../../src/workspace/merge.ts';

const base = 'a\nb\nc\nd\ne\n';

describe('three-way merge', () => {
  it('makes changes of both sides that do not touch', () => {
    expect(mergeThreeWay(base, base.replace('a', 'A'), base.replace('e', 'E'))).toEqual({ merged: 'A\nb\nc\nd\nE\n' });
  });

  it('takes an equal change of both sides once', () => {
    expect(mergeThreeWay(base, base.replace('c', 'X'), base.replace('c', 'X'))).toEqual({ merged: 'a\nb\nX\nd\ne\n' });
  });

  it('refuses neighbouring lines, whose order would be a guess', () => {
    const result = mergeThreeWay(base, base.replace('b', 'B'), base.replace('c', 'C'));
    expect(result).toMatchObject({ line: 2, conflict: expect.stringContaining('<<<<<<<') });
  });

  it('keeps line ends and a missing last one', () => {
    expect(mergeThreeWay('a\r\nb\r\nc', 'A\r\nb\r\nc', 'a\r\nb\r\nC')).toEqual({ merged: 'A\r\nb\r\nC' });
  });

  it('takes one side whole when the other changed nothing, whatever the texts are', () => {
    const text = fc
      .array(fc.constantFrom('a\n', 'b\n', 'c\n', '\n', 'x'), { maxLength: 12 })
      .map((lines) => lines.join(''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(mergeThreeWay(before, after, before)).toEqual({ merged: after });
        expect(mergeThreeWay(before, before, after)).toEqual({ merged: after });
        expect(mergeThreeWay(before, after, after)).toEqual({ merged: after });
      }),
    );
  });
});
