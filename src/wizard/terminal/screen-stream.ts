import { Writable } from 'node:stream';

/** What this room needs of `process.stdout`. */
export type TerminalOutput = NodeJS.WritableStream & {
  readonly columns?: number;
  readonly rows?: number;
  readonly isTTY?: boolean;
};

/**
 * Stands between Ink and the terminal: it can be silenced while an editor has the screen, and it can make Ink 6.8 draw
 * everything again, for which Ink has no call.
 */
export class ScreenStream extends Writable {
  readonly isTTY = true;
  #out: TerminalOutput;
  #silent = false;
  #narrow = false;

  constructor(out: TerminalOutput) {
    super({ decodeStrings: false });
    this.#out = out;
  }

  get columns(): number {
    return this.#narrow ? 1 : (this.#out.columns ?? 80);
  }

  get rows(): number {
    return this.#out.rows ?? 24;
  }

  set silent(silent: boolean) {
    this.#silent = silent;
  }

  /**
   * Ink forgets the last frame only when the terminal became narrower. So it is told of a terminal one column wide,
   * which nobody sees, and then of the real one.
   */
  redraw(): void {
    const before = this.#silent;
    this.#silent = true;
    this.#narrow = true;
    this.emit('resize');
    this.#narrow = false;
    this.#silent = before;
    if (!before) this.emit('resize');
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#silent) this.#out.write(chunk);
    done();
  }
}
