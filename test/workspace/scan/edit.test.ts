import { describe, expect, it } from 'vitest';
import { applyEdits, editSource, editsOverlap } from '../../../src/workspace/edit.ts';

describe('edits of a text', () => {
  it('keep every byte outside of them: line ends, a byte order mark, tabs, characters beyond the basic plane', () => {
    const text = '\uFEFFconst a = 1;\r\n\tconst é = "😀";\r\nconst b = 2;\r\n';
    const at = text.indexOf('2;');
    expect(applyEdits(text, [{ start: at, end: at + 1, text: '3' }])).toBe(
      '\uFEFFconst a = 1;\r\n\tconst é = "😀";\r\nconst b = 3;\r\n',
    );
  });

  it('are applied in the order of the text, whatever the order they come in', () => {
    expect(
      applyEdits('abc', [
        { start: 2, end: 3, text: 'C' },
        { start: 0, end: 1, text: 'A' },
        { start: 1, end: 1, text: '-' },
      ]),
    ).toBe('A-bC');
  });

  it('are made once when two findings bring the same import', () => {
    const line = { start: 0, end: 0, text: 'import x;\n' };
    expect(applyEdits('a', [line, line])).toBe('import x;\na');
  });

  it('are refused when they overlap or leave the text', () => {
    expect(() =>
      applyEdits('abcdef', [
        { start: 0, end: 3, text: '' },
        { start: 2, end: 4, text: 'x' },
      ]),
    ).toThrow(/overlap/);
    expect(() => applyEdits('abc', [{ start: 2, end: 9, text: '' }])).toThrow(/outside/);
    expect(editsOverlap([{ start: 0, end: 3, text: '' }], [{ start: 2, end: 4, text: '' }])).toBe(true);
    expect(editsOverlap([{ start: 0, end: 2, text: '' }], [{ start: 2, end: 4, text: '' }])).toBe(false);
  });

  it('that would leave a syntax error are refused', async () => {
    await expect(editSource('a.ts', 'const a = (1);', [{ start: 13, end: 14, text: '((' }])).rejects.toThrow(
      /syntax error/,
    );
  });

  it('of a file that already has one are refused', async () => {
    await expect(editSource('a.ts', 'const a = (;', [{ start: 0, end: 5, text: 'let' }])).rejects.toThrow(
      /syntax error/,
    );
  });
});
