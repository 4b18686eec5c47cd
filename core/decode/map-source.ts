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

/** Entries with which a map is read by itself, for whoever asks would wait for too long: 10 ms and more of a worker. */
const SCHEDULED_ENTRIES = 10_000;

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

  /** For whoever shows what was read: what to wait for, where that is older than it may be. Rejects as little as a read. */
  refresh(): Promise<void> | undefined {
    if (this.unschedule || this.closing) return undefined;
    if (!this.reading && performance.now() - this.lastRead < this.options.interval) return undefined;
    return this.read();
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
          this.follow(result.entries);
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

  /** A large map is read by itself while it is large. */
  private follow(entries: number): void {
    if (!this.options.onDemand || this.closing) return;
    if (entries > SCHEDULED_ENTRIES) this.schedule();
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
