/** ms by which a call may come early, to share the wake-up of another. */
const SLACK_MS = 5;

interface Beat {
  readonly interval: number;
  readonly call: () => void;
  /** On the clock of `performance.now`, ms. */
  due: number;
}

/**
 * Calls at intervals, with one timer for all of them. Times are multiples of the interval since the process began,
 * so that what is read each second and what is read each five seconds share a wake-up, and an idle agent has few.
 * Times that were missed are not made up for. Keeps no event loop alive.
 */
export class Schedule {
  private readonly beats = new Set<Beat>();
  private timer: NodeJS.Timeout | undefined;

  /** `call` every `interval` ms; must not throw. Returns what ends it. */
  every(interval: number, call: () => void): () => void {
    const beat = { interval, call, due: next(interval) };
    this.beats.add(beat);
    this.wait();
    return () => {
      if (this.beats.delete(beat)) this.wait();
    };
  }

  private wait(): void {
    clearTimeout(this.timer);
    if (this.beats.size === 0) return;
    const due = Math.min(...[...this.beats].map((beat) => beat.due));
    this.timer = setTimeout(() => this.beat(), Math.ceil(due - performance.now()));
    this.timer.unref();
  }

  private beat(): void {
    const now = performance.now();
    for (const beat of this.beats) {
      if (beat.due > now + SLACK_MS) continue;
      beat.due = next(beat.interval);
      beat.call();
    }
    this.wait();
  }
}

function next(interval: number): number {
  return (Math.floor((performance.now() + SLACK_MS) / interval) + 1) * interval;
}
