const FIRST_MS = 1_000;
const FACTOR = 1.5;
const MAX_MS = 30_000;

/** Exponential back-off with jitter: 1 s, then half as much again each time, up to 30 s. */
export class Backoff {
  private next = FIRST_MS;

  /** ms to wait; `after` is the least that the sink asked for. */
  delay(after = 0): number {
    const jittered = this.next * (0.8 + Math.random() * 0.4);
    this.next = Math.min(this.next * FACTOR, MAX_MS);
    return Math.max(jittered, after);
  }

  reset(): void {
    this.next = FIRST_MS;
  }
}
