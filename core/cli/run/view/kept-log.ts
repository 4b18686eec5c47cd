import { stripVTControlCharacters } from 'node:util';
import { printable } from '../../../../plugins/stdout/index.js';

const MOST_LINES = 500;
/** ms that a line stays in the footer. */
const SHOWN_MS = 10_000;

/** Log lines that come while the screen is taken: the last one is shown, all are told afterwards. */
export class KeptLog {
  private lines: string[] = [];
  private dropped = 0;
  private lastAt = Number.NEGATIVE_INFINITY;

  /** `now`: ms of a steady clock. */
  add(text: string, now: number): void {
    this.lines.push(text);
    this.lastAt = now;
    if (this.lines.length <= MOST_LINES) return;
    this.lines.shift();
    this.dropped++;
  }

  /** The last line, for as long as it is news. */
  latest(now: number): string | undefined {
    const last = this.lines.at(-1);
    if (last === undefined || now - this.lastAt > SHOWN_MS) return undefined;
    return printable(stripVTControlCharacters(last).trim().replaceAll('\n', ' '));
  }

  /** Everything, as it came; then nothing is kept any more. */
  take(): string {
    const head = this.dropped > 0 ? `(${this.dropped} earlier lines of the log are left out)\n` : '';
    const text = head + this.lines.join('');
    this.lines = [];
    this.dropped = 0;
    return text;
  }
}
