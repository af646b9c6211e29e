import { describe, expect, test } from 'vitest';
import { coloured, tones } from '../../src/wizard/theme.ts';

/** What terminals ship: background, then red, green, yellow, blue, magenta, cyan. */
const schemes = {
  'xterm, white': ['ffffff', 'cd0000', '00cd00', 'cdcd00', '0000ee', 'cd00cd', '00cdcd'],
  'xterm, black': ['000000', 'cd0000', '00cd00', 'cdcd00', '0000ee', 'cd00cd', '00cdcd'],
  'Ubuntu, light': ['ffffff', 'cc0000', '4e9a06', 'c4a000', '3465a4', '75507b', '06989a'],
  'Ubuntu, dark': ['300a24', 'cc0000', '4e9a06', 'c4a000', '3465a4', '75507b', '06989a'],
  'GNOME, light': ['ffffff', 'c01c28', '26a269', 'a2734c', '12488b', 'a347ba', '2aa1b3'],
  'GNOME, dark': ['1e1e1e', 'c01c28', '26a269', 'a2734c', '12488b', 'a347ba', '2aa1b3'],
  'VS Code, light': ['ffffff', 'cd3131', '107c10', '949800', '0451a5', 'bc05bc', '0598bc'],
  'VS Code, dark': ['1e1e1e', 'cd3131', '0dbc79', 'e5e510', '2472c8', 'bc3fbc', '11a8cd'],
  'Windows Terminal, One Half Light': ['fafafa', 'e45649', '50a14f', 'c18301', '0184bc', 'a626a4', '0997b3'],
  'Windows Terminal, Campbell': ['0c0c0c', 'c50f1f', '13a10e', 'c19c00', '0037da', '881798', '3a96dd'],
  'macOS, Basic': ['ffffff', '990000', '00a600', '999900', '0000b2', 'b200b2', '00a6b2'],
  'macOS, Pro': ['000000', '990000', '00a600', '999900', '0000b2', 'b200b2', '00a6b2'],
  'Solarized, light': ['fdf6e3', 'dc322f', '859900', 'b58900', '268bd2', 'd33682', '2aa198'],
  'Solarized, dark': ['002b36', 'dc322f', '859900', 'b58900', '268bd2', 'd33682', '2aa198'],
} as const;
const names = ['red', 'green', 'yellow', 'blue', 'magenta', 'cyan'] as const;

/** Relative luminance, as WCAG 2 defines it. */
const luminance = (hex: string): number => {
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};

/** The least that a colour is told from the background by, in all schemes. */
const least = (name: (typeof names)[number]): number =>
  Math.min(...Object.values(schemes).map(([ground, ...six]) => contrast(ground, six[names.indexOf(name)] ?? ground)));

describe('colours on light and dark backgrounds', () => {
  test('the theme uses those that can be read on both, and none of the others', () => {
    const used = new Set(Object.values(coloured).flatMap(({ color }) => color ?? []));
    const readable = names.filter((name) => least(name) >= 2.1);
    expect(readable).toEqual(['red', 'green', 'magenta']);
    expect([...used].sort()).toEqual([...readable].sort());
  });

  test.each(tones)('%s is neither dimmed nor brightened out of sight', (tone) => {
    const { color, bold, dim } = coloured[tone];
    if (dim) expect({ color, bold }).toEqual({ color: undefined, bold: undefined });
    // Older terminals show bold as the bright colour: xterm's #00ff00 has a contrast of 1.4 on white.
    if (bold) expect(color).not.toBe('green');
  });
});
