import type { SinkContext } from '../../plugins/sdk/index.js';

/** A sink may refuse a thousand batches a second: ms between two lines in the log. */
const PAUSE_MS = 10_000;

/** What a destination refused for good, for the log. */
export class Refusals {
  private count = 0;
  private logged = Number.NEGATIVE_INFINITY;

  /** `what`: of what, in the plural. */
  constructor(
    private readonly what: string,
    private readonly log: Pick<SinkContext['log'], 'warn'>,
  ) {}

  add(count: number, why: string): void {
    this.count += count;
    const now = performance.now();
    if (now - this.logged < PAUSE_MS) return;
    this.log.warn(`${this.count} ${this.what} lost: ${why}`);
    this.logged = now;
    this.count = 0;
  }
}
