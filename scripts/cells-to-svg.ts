import type { Emulator } from '../test/wizard/terminal.ts';

const size = { font: 14, column: 8.43, row: 19, margin: 16, bar: 34 } as const;

/** Text, background and the sixteen colours of a terminal. */
export type Scheme = { readonly text: string; readonly ground: string; readonly palette: readonly string[] };

/** A calm dark terminal. */
const calm: Scheme = {
  text: '#d8dee9',
  ground: '#22272e',
  palette: [
    '#3b4252',
    '#e06c75',
    '#98c379',
    '#e5c07b',
    '#61afef',
    '#c678dd',
    '#56b6c2',
    '#d8dee9',
    '#5c6370',
    '#e06c75',
    '#98c379',
    '#e5c07b',
    '#61afef',
    '#c678dd',
    '#56b6c2',
    '#eceff4',
  ],
};

const escaped = (raw: string): string =>
  raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0');

type Run = {
  readonly style: string;
  readonly inverse: boolean;
  readonly column: number;
  columns: number;
  characters: string;
};

type Cell = NonNullable<ReturnType<NonNullable<ReturnType<Emulator['buffer']['active']['getLine']>>['getCell']>>;

const styleOf = (cell: Cell, { palette, text, ground }: Scheme): string => {
  const colour = cell.isFgPalette() ? (palette[cell.getFgColor()] ?? text) : text;
  return [
    `fill="${cell.isInverse() ? ground : colour}"`,
    cell.isBold() ? 'font-weight="bold"' : '',
    cell.isDim() ? 'opacity="0.62"' : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
};

/** Neighbouring cells of one style, so that a row is a few elements and not eighty. */
const runsOf = (emulator: Emulator, row: number, scheme: Scheme): readonly Run[] => {
  const line = emulator.buffer.active.getLine(emulator.buffer.active.viewportY + row);
  const runs: Run[] = [];
  for (let column = 0; line && column < emulator.cols; column += 1) {
    const cell = line.getCell(column);
    if (!cell || cell.getWidth() === 0) continue;
    const style = styleOf(cell, scheme);
    const inverse = cell.isInverse() !== 0;
    const last = runs.at(-1);
    const characters = cell.getChars() || ' ';
    if (last && last.style === style && last.inverse === inverse) {
      last.characters += characters;
      last.columns += cell.getWidth();
    } else runs.push({ style, inverse, column, columns: cell.getWidth(), characters });
  }
  return runs.filter((run) => run.inverse || run.characters.trim() !== '').map(trimmed);
};

/** Viewers collapse spaces at the ends of a text, whatever they are told, and stretch the rest over the gap. */
const trimmed = (run: Run): Run => {
  if (run.inverse) return run;
  const start = run.characters.length - run.characters.trimStart().length;
  const characters = run.characters.trim();
  const columns = run.columns - (run.characters.length - characters.length);
  return { ...run, column: run.column + start, columns, characters };
};

/** What is on the screen of a terminal, as a picture. `textLength` keeps the columns whatever font the reader has. */
export const cellsToSvg = (emulator: Emulator, title: string, scheme: Scheme = calm): string => {
  const { text, ground } = scheme;
  const { column, row, margin, bar, font } = size;
  const width = Math.ceil(emulator.cols * column + 2 * margin);
  const height = Math.ceil(emulator.rows * row + margin + bar);
  const rows = Array.from({ length: emulator.rows }, (_, index) => {
    const y = bar + index * row;
    return runsOf(emulator, index, scheme)
      .map((run) => {
        const x = (margin + run.column * column).toFixed(2);
        const long = (run.columns * column).toFixed(2);
        const back = run.inverse
          ? `<rect x="${x}" y="${(y + 2).toFixed(2)}" width="${long}" height="${row}" fill="${text}"/>`
          : '';
        return `${back}<text x="${x}" y="${(y + row * 0.78).toFixed(2)}" textLength="${long}" lengthAdjust="spacingAndGlyphs" ${run.style}>${escaped(run.characters)}</text>`;
      })
      .join('');
  }).filter((drawn) => drawn !== '');
  const dots = ['#e06c75', '#e5c07b', '#98c379']
    .map((colour, index) => `<circle cx="${margin + 6 + index * 18}" cy="16" r="5.5" fill="${colour}"/>`)
    .join('');
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${ground}"/>`,
    dots,
    `<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${font}">`,
    ...rows,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
};
