import type { HistogramValue } from '../../plugins/sdk/index.js';
import { cpuTime } from '../pipeline/index.js';

/** ms between two looks while a sink is at work. */
const INTERVAL_MS = 200;
/**
 * ms between two looks while none is, at multiples of it, when maps may be read: a wake-up of the main thread is most of
 * what an idle agent costs.
 */
const IDLE_INTERVAL_MS = 5000;
/** A delay worth asking after, ms. */
const STALL_MS = 100;
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/** One who may have held the main thread. */
export interface Suspect {
  /** Seconds for which it is known to have done so. */
  readonly seconds: number;
  wasAtWork(since: number): boolean;
  /** Called when it begins to work. */
  onWork: (() => void) | undefined;
  add(ms: number, what: string, computed: number): void;
}

/**
 * Measures how late the timers of the main thread are, and lays a delay that nobody owned up to at the door of the sink
 * that alone was at work meanwhile. A sink that computes after it has waited for something is found that way. A delay in
 * which nothing was computed is nobody's: the machine was busy.
 */
export class LoopMonitor {
  private readonly counts: number[] = Array(BOUNDS.length + 1).fill(0);
  private count = 0;
  private sum = 0;
  private expected = 0;
  private interval = 0;
  /** {@link cpuTime} when the wait began. */
  private cpu = 0;
  private known: ReadonlyMap<Suspect, number> = new Map();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly suspects: () => Iterable<Suspect>) {
    this.wait(INTERVAL_MS);
  }

  get delays(): HistogramValue {
    return { bounds: BOUNDS, counts: [...this.counts], count: this.count, sum: this.sum };
  }

  close(): void {
    clearTimeout(this.timer);
    for (const suspect of this.known.keys()) suspect.onWork = undefined;
  }

  private wait(ms: number): void {
    clearTimeout(this.timer);
    this.interval = ms;
    this.cpu = cpuTime();
    this.expected = performance.now() + Math.ceil(ms);
    this.timer = setTimeout(() => this.look(), Math.ceil(ms)).unref();
  }

  private readonly hurry = (): void => {
    if (this.expected > performance.now() + INTERVAL_MS) this.wait(INTERVAL_MS);
  };

  private look(): void {
    const now = performance.now();
    const late = Math.max(0, now - this.expected);
    const bucket = BOUNDS.findIndex((bound) => late / 1000 <= bound);
    this.counts[bucket < 0 ? BOUNDS.length : bucket]!++;
    this.count++;
    this.sum += late / 1000;
    const suspects = [...this.suspects()];
    const since = this.expected - this.interval;
    if (late > STALL_MS) this.blame(late, since, suspects);
    this.known = new Map(suspects.map((suspect) => [suspect, suspect.seconds]));
    for (const suspect of suspects) suspect.onWork = this.hurry;
    const isIdle = !suspects.some((suspect) => suspect.wasAtWork(since));
    this.wait(isIdle ? IDLE_INTERVAL_MS - (performance.now() % IDLE_INTERVAL_MS) : INTERVAL_MS);
  }

  private blame(late: number, since: number, suspects: readonly Suspect[]): void {
    const owned = suspects.reduce((sum, one) => sum + one.seconds - (this.known.get(one) ?? 0), 0) * 1000;
    const atWork = suspects.filter((one) => one.wasAtWork(since));
    const [only] = atWork;
    const held = Math.min(late, cpuTime() - this.cpu) - owned;
    if (only && atWork.length === 1 && held > STALL_MS) only.add(held, 'while it alone was at work', held);
  }
}
