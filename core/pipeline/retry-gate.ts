import { Backoff, type BackoffOptions } from './backoff.js';

/** The most that a sink can ask for: an hour. Timers hold no more than 24 days, and a mistake may say infinity. */
const MAX_AFTER_MS = 3_600_000;

/**
 * Holds back every attempt of an outlet after one has failed: what a destination asks for (`after`) is meant for all
 * that goes there, not for one batch. When the pause is over one attempt finds out, and the others wait for its outcome.
 */
export class RetryGate {
  private readonly backoff: Backoff;
  private resumeAt = 0;
  private epoch = 0;
  /** The last outcome was a failure. */
  private failing = false;
  /** After a failure, the one attempt that finds out is under way. */
  private trying = false;
  private readonly waiting = new Set<() => void>();

  constructor(backoff?: BackoffOptions) {
    this.backoff = new Backoff(backoff);
  }

  /** Whether an attempt may begin now. To be asked right before one does: another may have begun after {@link wait}. */
  get passable(): boolean {
    return !this.failing || (!this.trying && this.remaining === 0);
  }

  /** An attempt begins. Gives what is to be handed back with its outcome, of which there must be one. */
  begin(): number {
    if (this.failing) this.trying = true;
    return this.epoch;
  }

  /** Of attempts that ran side by side, the first to fail makes the back-off grow; the others fail for the same cause. */
  failed(epoch: number, after = 0): void {
    const asked = Math.min(after, MAX_AFTER_MS);
    const isFirst = epoch === this.epoch;
    const delay = isFirst ? this.backoff.delay(asked) : asked;
    this.resumeAt = Math.max(this.resumeAt, performance.now() + delay);
    if (!isFirst) return;
    this.epoch++;
    this.failing = true;
    this.trying = false;
    this.wake();
  }

  succeeded(epoch: number): void {
    if (epoch !== this.epoch) return;
    this.backoff.reset();
    if (!this.failing) return;
    this.failing = false;
    this.trying = false;
    this.wake();
  }

  /** ms until attempts may go on; 0: now. */
  get remaining(): number {
    return Math.max(0, this.resumeAt - performance.now());
  }

  /** Resolves when an attempt may begin, at `until` (of performance.now()), or when {@link hurry} is called. */
  async wait(until = Number.POSITIVE_INFINITY): Promise<void> {
    while (!this.passable && performance.now() < until)
      await this.pause(this.trying ? until : Math.min(this.resumeAt, until));
  }

  /** Until then, or until there is news. */
  private pause(until: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = Number.isFinite(until)
        ? setTimeout(done, Math.ceil(until - performance.now()))
        : undefined;
      this.waiting.add(done);
    });
  }

  private wake(): void {
    for (const done of [...this.waiting]) done();
  }

  /** Let everybody try once more now, and begin the back-off anew. */
  hurry(): void {
    this.backoff.reset();
    this.resumeAt = 0;
    this.epoch++;
    this.failing = false;
    this.trying = false;
    this.wake();
  }
}
