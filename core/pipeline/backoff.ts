export interface BackoffOptions {
  /** ms before the first repetition. */
  readonly initial: number;
  /** ms at most. */
  readonly max: number;
  /** Each pause is so many times the one before. */
  readonly multiplier: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { initial: 1_000, max: 30_000, multiplier: 1.5 };

/** Exponential back-off with a jitter of a fifth. */
export class Backoff {
  private next: number;

  constructor(private readonly options: BackoffOptions = DEFAULT_BACKOFF) {
    this.next = options.initial;
  }

  /** ms to wait; `after` is the least that the sink asked for. */
  delay(after = 0): number {
    const { max, multiplier } = this.options;
    const jittered = this.next * (0.8 + Math.random() * 0.4);
    this.next = Math.min(this.next * multiplier, max);
    return Math.max(jittered, after);
  }

  reset(): void {
    this.next = this.options.initial;
  }
}
