import { Backoff } from './backoff.js';

/** The most that a sink can ask for: an hour. Timers hold no more than 24 days, and a mistake may say infinity. */
const MAX_AFTER_MS = 3_600_000;

/**
 * Holds back every attempt of an outlet after one has failed: what a destination asks for (`after`) is meant for all
 * that goes there, not for one batch.
 */
export class RetryGate {
  private readonly backoff = new Backoff();
  private resumeAt = 0;
  private epoch = 0;
  private readonly waiting = new Set<() => void>();

  /** To be handed back with the attempt's outcome. */
  begin(): number {
    return this.epoch;
  }

  /** Of attempts that ran side by side, the first to fail makes the back-off grow; the others fail for the same cause. */
  failed(epoch: number, after = 0): void {
    const asked = Math.min(after, MAX_AFTER_MS);
    const delay = epoch === this.epoch ? this.backoff.delay(asked) : asked;
    this.resumeAt = Math.max(this.resumeAt, performance.now() + delay);
    if (epoch === this.epoch) this.epoch++;
  }

  /** ms until attempts may go on; 0: now. */
  get remaining(): number {
    return Math.max(0, this.resumeAt - performance.now());
  }

  succeeded(epoch: number): void {
    if (epoch === this.epoch) this.backoff.reset();
  }

  /** Resolves when attempts may go on, at `until` (of performance.now()), or when {@link hurry} is called. */
  wait(until = Number.POSITIVE_INFINITY): Promise<void> {
    const ms = Math.min(this.resumeAt, until) - performance.now();
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.ceil(ms));
      this.waiting.add(done);
    });
  }

  /** Let everybody try once more now, and begin the back-off anew. */
  hurry(): void {
    this.backoff.reset();
    this.resumeAt = 0;
    this.epoch++;
    for (const done of [...this.waiting]) done();
  }
}
