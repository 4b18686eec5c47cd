import type { HistogramValue } from '../../plugins/sdk/index.js';

/** ms between two looks: rare enough that an idle agent does not notice. */
const INTERVAL_MS = 200;
/** A delay worth asking after, ms. */
const STALL_MS = 100;
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/** One who may have held the main thread. */
export interface Suspect {
  /** Seconds for which it is known to have done so. */
  readonly seconds: number;
  wasAtWork(since: number): boolean;
  add(ms: number, what: string): void;
}

/**
 * Measures how late the timers of the main thread are, and lays a delay that nobody owned up to at the door of the sink
 * that alone was at work meanwhile. A sink that computes after it has waited for something is found that way.
 */
export class LoopMonitor {
  private readonly counts: number[] = Array(BOUNDS.length + 1).fill(0);
  private count = 0;
  private sum = 0;
  private expected = 0;
  private known: ReadonlyMap<Suspect, number> = new Map();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly suspects: () => Iterable<Suspect>) {
    this.expected = performance.now() + INTERVAL_MS;
    this.timer = setInterval(() => this.look(), INTERVAL_MS);
    this.timer.unref();
  }

  get delays(): HistogramValue {
    return { bounds: BOUNDS, counts: [...this.counts], count: this.count, sum: this.sum };
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    const late = Math.max(0, now - this.expected);
    const bucket = BOUNDS.findIndex((bound) => late / 1000 <= bound);
    this.counts[bucket < 0 ? BOUNDS.length : bucket]!++;
    this.count++;
    this.sum += late / 1000;
    const suspects = [...this.suspects()];
    if (late > STALL_MS) this.blame(late, this.expected - INTERVAL_MS, suspects);
    this.known = new Map(suspects.map((suspect) => [suspect, suspect.seconds]));
    this.expected = now + INTERVAL_MS;
  }

  private blame(late: number, since: number, suspects: readonly Suspect[]): void {
    const owned = suspects.reduce((sum, one) => sum + one.seconds - (this.known.get(one) ?? 0), 0) * 1000;
    const atWork = suspects.filter((one) => one.wasAtWork(since));
    const [only] = atWork;
    if (only && atWork.length === 1 && late - owned > STALL_MS)
      only.add(late - owned, 'while it alone was at work');
  }
}
