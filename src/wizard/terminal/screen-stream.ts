import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { textWidth } from '../lines.ts';

/** What this room needs of `process.stdout`. */
export type TerminalOutput = NodeJS.WritableStream & {
  readonly columns?: number;
  readonly rows?: number;
  readonly isTTY?: boolean;
};

const eraseLine = '\u001b[2K';
const eraseBelow = '\u001b[J';
const clearAll = '\u001b[2J\u001b[H';
/** Terminals that know these draw what is between them at once; the others ignore them. */
const begin = '\u001b[?2026h';
const end = '\u001b[?2026l';

/**
 * The stdout that Ink is given. In its debug mode Ink hands over each frame whole, without a single cursor movement,
 * and this draws the rows that changed. Ink 6.8's own `incrementalRendering` writes as little but goes up one row too
 * few below a frame that ends with a line end (seen in tmux: every frame slid down by one), and Ink has no call to draw
 * everything again after a resize or an editor.
 */
export class ScreenStream extends Writable {
  readonly isTTY = true;
  #out: TerminalOutput;
  #inline: boolean;
  #silent = false;
  #drawn: readonly string[] = [];
  #frame = '';

  constructor(out: TerminalOutput, inline: boolean) {
    super({ decodeStrings: false });
    this.#out = out;
    this.#inline = inline;
  }

  get columns(): number {
    return this.#out.columns || 80;
  }

  get rows(): number {
    return this.#out.rows || 24;
  }

  /** While silent nothing is drawn; the last frame is kept for afterwards. */
  set silent(silent: boolean) {
    this.#silent = silent;
  }

  /** Draws the last frame again, on a screen about which nothing is assumed. */
  redraw(): void {
    const back = this.#inline && this.#drawn.length > 0 ? `\u001b[${this.#drawn.length}A\r${eraseBelow}` : '';
    this.#drawn = [];
    if (this.#silent) return;
    this.#out.write(this.#inline ? back : clearAll);
    this.#draw();
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const text = String(chunk);
    // Besides frames Ink writes empty strings and shows the cursor, which is not its own here.
    if (text.includes('\n')) {
      this.#frame = text;
      if (!this.#silent) this.#draw();
    }
    done();
  }

  #draw(): void {
    const rows = this.#frame.split('\n').slice(0, Math.max(1, this.rows - 1));
    // Between a resize and the frame made for it Ink lays out the old one once more; too wide a row would wrap.
    if (rows.some((row) => textWidth(stripVTControlCharacters(row)) > this.columns)) return;
    const changed = rows.some((row, index) => row !== this.#drawn[index]) || rows.length < this.#drawn.length;
    if (!changed) return;
    this.#out.write(begin + (this.#inline ? this.#below(rows) : this.#absolute(rows)) + end);
    this.#drawn = rows;
  }

  /** By row and column. A row is erased before it is written: after a full one the cursor still stands on its end. */
  #absolute(rows: readonly string[]): string {
    const changes = rows.flatMap((row, index) =>
      row === this.#drawn[index] ? [] : [`\u001b[${index + 1};1H${eraseLine}${row}`],
    );
    const rest = rows.length < this.#drawn.length ? `\u001b[${rows.length + 1};1H${eraseBelow}` : '';
    return changes.join('') + rest;
  }

  /** From the row below the last frame, wherever on the screen that is. */
  #below(rows: readonly string[]): string {
    const up = this.#drawn.length > 0 ? `\u001b[${this.#drawn.length}A` : '';
    const lines = rows.map((row, index) => (row === this.#drawn[index] ? '\r\n' : `\r${eraseLine}${row}\r\n`));
    return `${up}${lines.join('')}${rows.length < this.#drawn.length ? eraseBelow : ''}`;
  }
}
