import { describe, expect, it } from 'vitest';
import { renderTemplate, styleOf } from '../../src/workspace/code-style.ts';
import { toPlainJavaScript } from '../../src/workspace/strip-types.ts';

const template = `import { a } from 'a';
// #if named
export function f(x: string): string | null {
  if (x === '__NAME__') return null;
  return x as string;
}
// #else
export const g = 1;
// #endif
`;

describe('the style of a project', () => {
  it('is what most of its files do', () => {
    const tabs = `import { a } from "a"\nimport { b } from "b"\nfunction f() {\n\treturn a(b)\n}\n`.repeat(3);
    const spaces = `import { a } from 'a';\nfunction f() {\n    return a;\n}\n`.repeat(3);
    expect(styleOf([tabs, tabs, spaces])).toEqual({ indent: '\t', quote: '"', semicolons: false, newline: '\n' });
    expect(styleOf([spaces, spaces.replaceAll('\n', '\r\n'), spaces.replaceAll('\n', '\r\n')])).toEqual({
      indent: '    ',
      quote: "'",
      semicolons: true,
      newline: '\r\n',
    });
  });

  it('is what a template is rendered in', () => {
    const style = { indent: '\t', quote: '"', semicolons: false, newline: '\r\n' } as const;
    expect(renderTemplate(template, style, { NAME: 'x' }, { named: true })).toBe(
      'import { a } from "a"\r\nexport function f(x: string): string | null {\r\n\tif (x === "x") return null\r\n\treturn x as string\r\n}\r\n',
    );
    expect(() => renderTemplate(template, style, {}, { named: true })).toThrow(/no value for __NAME__/);
  });
});

describe('plain JavaScript', () => {
  const style = { indent: '  ', quote: "'", semicolons: true, newline: '\n' } as const;
  const rendered = renderTemplate(template, style, { NAME: 'x' }, { named: true });

  it('has no types', () => {
    expect(toPlainJavaScript('a.js', rendered, 'module')).toBe(
      "import { a } from 'a';\nexport function f(x) {\n  if (x === 'x') return null;\n  return x;\n}\n",
    );
  });

  it('uses require and module.exports in a CommonJS project', () => {
    const text = toPlainJavaScript('a.js', rendered, 'commonjs');
    expect(text).toContain("const { a } = require('a');");
    expect(text).toContain('module.exports = { f };');
    expect(text).not.toMatch(/^(?:import|export)\b/m);
  });
});
