import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { Output } from '../../../../plugins/stdout/index.js';

/** Alternate screen, no cursor, no wrapping; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
const LEAVE = '\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l';
/** Terminals that know it show a frame whole (synchronised output); others ignore it. */
const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';
/** ms that a terminal which does not read may hold up the end. */
const LEAVE_MS = 500;

/** Where frames are written: standard output. */
export type ScreenOutput = Pick<Output, 'write' | 'close'>;

/**
 * The terminal as a screen of lines. Own drawing, not Ink: on this project's machine, Ink 6.8 took 33 ms of CPU for a
 * frame of 48 lines by 200 columns, 46 MB and a second of CPU to load; these few lines take 0.5 ms a frame, and write
 * only the lines that changed. Ten frames a second would have been a third of a core that the decoders want.
 *
 * Written without blocking: a terminal that stalls costs frames and holds up nothing else.
 */
export class Screen {
  private output: ScreenOutput | undefined;
  private shown: readonly string[] = [];
  private writing: Promise<void> | undefined;
  private isWhole = false;
  private resolveGone!: () => void;
  /** Resolves when the terminal has gone away. */
  readonly gone = new Promise<void>((resolve) => {
    this.resolveGone = resolve;
  });

  constructor(private readonly openOutput: () => ScreenOutput = () => new Output()) {}

  get isOpen(): boolean {
    return this.output !== undefined;
  }

  enter(): void {
    if (this.output) return;
    this.output = this.openOutput();
    this.isWhole = false;
    process.on('exit', this.restore);
    // Before the message of a crash is written, so that it can be read.
    process.on('uncaughtExceptionMonitor', this.restore);
    void this.write(ENTER);
  }

  /** The next frame is drawn whole: the size changed, or something else wrote to the terminal. */
  invalidate(): void {
    this.isWhole = false;
  }

  /** A frame; `false` where the last one is still being written. */
  draw(lines: readonly string[]): boolean {
    if (!this.output || this.writing) return false;
    let text = this.isWhole ? '' : '\u001b[2J';
    for (const [i, line] of lines.entries()) {
      if (this.isWhole && this.shown[i] === line) continue;
      // Erased first: a line that moves the cursor passes over columns that it does not write.
      text += `\u001b[${i + 1};1H\u001b[2K${line}`;
    }
    // Only where nothing was cleared: a terminal that shrank takes a row below its last for the last.
    if (this.isWhole)
      for (let i = lines.length; i < this.shown.length; i++) text += `\u001b[${i + 1};1H\u001b[2K`;
    if (text === '') return true;
    this.shown = lines;
    this.isWhole = true;
    void this.write(BEGIN + text + END);
    return true;
  }

  private async write(text: string): Promise<void> {
    const { output } = this;
    if (!output) return;
    const before = this.writing;
    const writing = (async () => {
      await before;
      const { status } = await output.write({}, () => Buffer.from(text), {
        signal: new AbortController().signal,
      });
      if (status === 'closed' && this.output === output) this.resolveGone();
    })();
    this.writing = writing;
    await writing;
    if (this.writing === writing) this.writing = undefined;
  }

  /** Give the terminal back. Idempotent. */
  async leave(): Promise<void> {
    const { output } = this;
    if (!output) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LEAVE_MS);
    });
    await Promise.race([this.write(LEAVE), late]);
    clearTimeout(timer);
    this.forget();
    await output.close();
  }

  private forget(): void {
    this.output = undefined;
    this.shown = [];
    process.off('exit', this.restore);
    process.off('uncaughtExceptionMonitor', this.restore);
  }

  /** The same at once, on the way out of a crash. */
  private readonly restore = (): void => {
    if (!this.output) return;
    this.forget();
    try {
      const fd = openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
      writeSync(fd, LEAVE);
      closeSync(fd);
    } catch {
      // The terminal is gone, or does not read.
    }
  };
}
