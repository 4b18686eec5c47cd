import type { ClockOffsets, DecodePlan } from './plan.js';
import type { Assignment, DecodePool, DecodeWorker } from './pool.js';
import type { ReadResult, TailResult, UnknownResult } from './tasks.js';

/** Entries of one read at the most, whatever the map's `max_entries`: what is decoded of them is in memory at once. */
export const MAX_ENTRIES = 1_000_000;

export interface MapSourceOptions {
  /** Never reused; from the same numbers as rings. */
  readonly id: number;
  readonly fd: number;
  /** `max_entries` in the kernel. */
  readonly maxEntries: number;
  readonly plan: DecodePlan;
  /** ms between reads; with `onDemand`, at least so many. */
  readonly interval: number;
  /** Read when {@link MapSource.refresh} asks for it, and not by itself unless that takes long. */
  readonly onDemand?: boolean;
  readonly tail: number;
  /** Report entries as events only when new or changed. */
  readonly changes: boolean;
  readonly clock: () => ClockOffsets;
  readonly followed: () => boolean;
  /** Undefined while batches can be taken; a read while they cannot is left out. */
  readonly room?: () => Promise<void> | undefined;
  readonly onBatch: (result: ReadResult) => void;
  readonly onRetry: (error: unknown) => void;
}

/** What {@link MapSource.refresh} has begun. */
export interface MapRefresh {
  /** Rejects as little as a read. */
  readonly done: Promise<void>;
  /** ms since what is known of the map was read. */
  readonly age: number;
}

/** Entries with which a map is read by itself, for whoever asks would wait for too long: 10 ms and more of a worker. */
const SCHEDULED_ENTRIES = 10_000;
/** ms from asking to answer with which it is too, whatever is in it: it waits behind larger maps. */
const SLOW_READ_MS = 250;
/** Of the interval: what asks in the same rhythm comes a little early at times, and is not to be sent away. */
const YOUNG_SHARE = 0.9;

/** A hash, array or per-CPU map, read whole by one worker: every interval, or when it is asked for. */
export class MapSource {
  private readonly assignment: Assignment;
  private unschedule: (() => void) | undefined;
  /** When the last read that came through began, on the clock of performance.now. */
  private lastRead = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;
  private closed = false;
  private closing = false;

  constructor(
    private readonly pool: DecodePool,
    private readonly options: MapSourceOptions,
  ) {
    this.assignment = pool.assignMap(options.maxEntries);
  }

  private get worker(): DecodeWorker {
    return this.assignment.worker;
  }

  get id(): number {
    return this.options.id;
  }

  async open(): Promise<void> {
    const { id, fd, plan, tail, changes } = this.options;
    await this.worker.run({ kind: 'open-map', id, fd, plan, tail, changes });
  }

  start(): void {
    if (!this.options.onDemand) this.schedule();
    void this.read();
  }

  private schedule(): void {
    this.unschedule ??= this.pool.schedule.every(this.options.interval, () => void this.read());
  }

  /** For whoever shows what was read: what to wait for, where that is older than it may be. */
  refresh(): MapRefresh | undefined {
    if (this.unschedule || this.closing) return undefined;
    const age = performance.now() - this.lastRead;
    if (!this.reading && age < this.options.interval * YOUNG_SHARE) return undefined;
    return { done: this.read(), age };
  }

  /** Read now; a read that is under way is shared. */
  read(): Promise<void> {
    this.reading ??= this.readOnce().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async readOnce(): Promise<void> {
    if (!this.closing && this.options.room?.()) return;
    for (let attempt = 0; attempt < 3 && !this.closed; attempt++) {
      try {
        const read = {
          id: this.id,
          clock: this.options.clock(),
          maxEntries: MAX_ENTRIES,
          follow: this.options.followed(),
        };
        const begun = performance.now();
        const result = await this.worker.read(read, { alone: attempt > 0 });
        if (result.status === 'read') {
          this.lastRead = begun;
          this.follow(result.entries, performance.now() - begun);
          this.options.onBatch(result);
          return;
        }
        await this.open();
      } catch (error) {
        if (this.closed) return;
        this.options.onRetry(error);
      }
    }
  }

  /** A map is read by itself while that takes long. */
  private follow(entries: number, took: number): void {
    if (!this.options.onDemand || this.closing) return;
    if (entries > SCHEDULED_ENTRIES || took > SLOW_READ_MS) this.schedule();
    else {
      this.unschedule?.();
      this.unschedule = undefined;
    }
  }

  /** For tests: the worker dies, as if it had run out of memory. */
  killWorker(): Promise<void> {
    return this.worker.kill();
  }

  async tail(limit: number): Promise<TailResult> {
    const result = await this.worker.run<TailResult | UnknownResult>({ kind: 'tail', id: this.id, limit });
    return result.status === 'tail' ? result : { status: 'tail', ndjson: new Uint8Array(0), count: 0 };
  }

  /** Read a last time, so that nothing counted by then is missing. */
  async close(deadline: number): Promise<void> {
    if (this.closed) return;
    this.unschedule?.();
    this.closing = true;
    await Promise.race([
      (async () => {
        await this.reading;
        await this.read();
      })(),
      new Promise((resolve) => setTimeout(resolve, deadline).unref()),
    ]);
    this.closed = true;
    await this.worker.run({ kind: 'close', id: this.id }).catch(() => {});
    this.assignment.release();
  }
}
