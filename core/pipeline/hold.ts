import type { SinkContext } from '../../plugins/sdk/index.js';
import { cpuTime } from './cpu-time.js';

/** Longest that a sink should hold the main thread at once, ms. */
const BEARABLE_MS = 20;
const LOG_MS = 60_000;
/** ms for which a reading of the CPU time serves: it costs as much as a small write. */
const CPU_READ_MS = 5;

/** How long a sink held the main thread, on which every ring is released and every other sink is served. */
export class Hold {
  /** Since the start. */
  seconds = 0;
  onWork: (() => void) | undefined;
  /** {@link cpuTime} some ms before a call at the most, and when it was read. */
  private cpu = 0;
  private cpuRead = Number.NEGATIVE_INFINITY;
  private running = 0;
  private lastEnd = Number.NEGATIVE_INFINITY;
  private long = 0;
  private longest = 0;
  private logged = Number.NEGATIVE_INFINITY;

  constructor(private readonly log: SinkContext['log']) {}

  /** Call the sink: what it does before it first waits is measured, and that it is at work until it has answered. */
  async call<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    this.running++;
    this.onWork?.();
    try {
      return await this.timed(what, work);
    } finally {
      this.running--;
      this.lastEnd = performance.now();
    }
  }

  private timed<T>(what: string, work: () => T): T {
    const begun = performance.now();
    if (begun - this.cpuRead > CPU_READ_MS) {
      this.cpu = cpuTime();
      this.cpuRead = begun;
    }
    try {
      return work();
    } finally {
      const ms = performance.now() - begun;
      this.add(ms, what, ms > BEARABLE_MS ? cpuTime() - this.cpu : ms);
    }
  }

  /** Whether a call was under way at any time since `time` (of performance.now()). */
  wasAtWork(time: number): boolean {
    return this.running > 0 || this.lastEnd >= time;
  }

  /** It held the thread for so many ms, of which the thread computed for `computed` at most. */
  add(ms: number, what: string, computed: number): void {
    this.seconds += ms / 1000;
    if (ms <= BEARABLE_MS) return;
    this.long++;
    this.longest = Math.max(this.longest, ms);
    const now = performance.now();
    if (now - this.logged < LOG_MS) return;
    const times =
      this.long === 1 ? '' : `, ${this.long} times by now, ${Math.round(this.longest)} ms at most`;
    // Not its fault where the machine has no time for it; but it may be where it waits in a system call.
    const idle =
      computed < ms / 2
        ? `, of which at most ${Math.round(computed)} ms of computing: the machine was busy, or it waited for a file or the like`
        : '';
    this.log.warn(
      `held the main thread for ${Math.round(ms)} ms ${what}${idle}${times}: probes and other sinks wait meanwhile`,
    );
    this.logged = now;
    this.long = 0;
    this.longest = 0;
  }
}
