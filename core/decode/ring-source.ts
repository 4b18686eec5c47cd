import { RingOwner, RingReader, type RingWatcher } from '../kernel/index.js';
import { Pace } from './pace.js';
import type { ClockOffsets, DecodeOutput, DecodePlan } from './plan.js';
import type { Assignment, DecodePool, DecodeWorker } from './pool.js';
import { SmallDrains } from './small-drains.js';
import { SpareBuffers } from './spare-buffers.js';
import type { DrainResult, DrainTask, SkipResult, TailResult, UnknownResult } from './tasks.js';
import { TABLE_RECORDS } from './worker-limits.js';

/** Bytes of one drain at the most: rings that share a worker take turns after that. */
const MAX_DRAIN_BYTES = 4 << 20;
/**
 * The same where lines are made, which are several times as long as records: they should stay in a cache, and V8 collects
 * everything whenever some 20 MB more of them lie about than after the last time.
 */
const MAX_LINES_DRAIN_BYTES = 1 << 20;
const MIN_DRAIN_BYTES = 64 << 10;
/** Share of a ring that is read in one drain: it is free again only when that has ended. */
const DRAIN_SHARE = 4;
/** ms that records may wait for others at high rates. */
const NAP_MAX_MS = 50;
/** The same where records are only folded into series: nobody waits for a line. */
const NAP_MAX_FOLDED_MS = 250;
/** Records that are counted at a time of what is left at the close. */
const LEFT_TABLE = 4096;
const BUSY_MIN_MS = 1;
const BUSY_MAX_MS = 200;

export interface RingSourceOptions {
  readonly fd: number;
  readonly plan: DecodePlan;
  /** Raw records kept for `/events`. */
  readonly tail: number;
  readonly clock: () => ClockOffsets;
  /** Whether somebody follows this map's events now. */
  readonly followed: () => boolean;
  /** Undefined while batches can be taken; else nothing is drained until it resolves, and the ring fills. */
  readonly room?: () => Promise<void> | undefined;
  /** Called with each drain, in order. Must not throw. `output.groups` are lent until it returns. */
  readonly onBatch: (result: DrainResult) => void;
  /** A record that failed the decoder twice was skipped. */
  readonly onSkipped: (error: unknown) => void;
  /** At the close, where the deadline, or a record that was never submitted, left some in the ring: those that are whole. */
  readonly onLeft?: (left: { readonly records: number; readonly bytes: number }) => void;
  /** A drain failed and is repeated. */
  readonly onRetry: (error: unknown) => void;
}

/**
 * One ring buffer, drained by one worker: at most one drain in flight, so order is kept; a record is released
 * only when its batch is here, so that a worker that dies loses nothing and doubles nothing.
 */
export class RingSource {
  readonly owner: RingOwner;
  private readonly assignment: Assignment;
  readonly id: number;
  private draining: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly spares = new SpareBuffers();
  private busyDelay = 0;
  /** Records of one drain at the most: half after a failure, on the way to one that the decoder fails at; then twice as many. */
  private maxRecords = TABLE_RECORDS;
  private readonly pace: Pace;
  private stopping = false;
  private closed = false;
  private held = false;
  private readonly small: SmallDrains;
  /** Tails that the worker is rendering: drains queue behind them meanwhile. */
  private tails = 0;
  /** Highest fill seen at the start of a drain, bytes. */
  highestFill = 0;

  constructor(
    pool: DecodePool,
    private readonly watcher: RingWatcher,
    private readonly options: RingSourceOptions,
  ) {
    this.owner = new RingOwner(options.fd);
    this.pace = new Pace(this.owner.size);
    this.assignment = pool.assignRing();
    this.small = new SmallDrains(options.fd, options.plan, options.tail, pool.allowance);
    this.id = watcher.add(options.fd, () => this.drain());
  }

  private get worker(): DecodeWorker {
    return this.assignment.worker;
  }

  get size(): number {
    return this.owner.size;
  }

  /** Map the ring in its worker ahead of the first record. */
  async open(): Promise<void> {
    const { fd, plan, tail } = this.options;
    await this.worker.run({ kind: 'open-ring', id: this.id, fd, plan, tail });
  }

  /** Start a drain unless one is under way, which then sees to what follows. */
  drain(): void {
    if (this.draining || this.closed) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.draining = this.drainAll()
      .catch((error) => {
        // Not even skipping worked: its worker is gone and does not come back yet. The records stay in the ring.
        this.options.onRetry(error);
        this.rest(BUSY_MAX_MS);
      })
      .finally(() => {
        this.draining = undefined;
      });
  }

  private async drainAll(): Promise<void> {
    let begun: Promise<DrainResult | undefined> | undefined;
    while (!this.closed) {
      // A drain that has begun is taken, for its worker has done its part.
      if (!begun && this.hold()) return;
      const { consumer, producer } = this.owner.positions();
      this.highestFill = Math.max(this.highestFill, producer - consumer);
      const here = begun ? undefined : this.drainHere(consumer, producer);
      const result = here ?? (await (begun ?? this.drainOnce(consumer)));
      if (!result) {
        // A record was skipped; what is behind it waits for no timer at the stop.
        begun = undefined;
        if (this.stopping) continue;
        return;
      }
      this.owner.release(result.next);
      const isSearching = this.maxRecords < TABLE_RECORDS;
      this.maxRecords = Math.min(TABLE_RECORDS, this.maxRecords * 2);
      this.pace.measure(result);
      if (result.next > consumer) this.busyDelay = 0;
      const stuck = result.busy && result.next === consumer;
      const now = this.owner.positions();
      const fill = now.producer - result.next;
      // What was too much for one drain has waited long enough.
      const isCut = !here && !isSearching && !result.busy && result.next < result.producer;
      // At high rates the worker goes on while its last result is dealt with here.
      begun = isCut || (!stuck && fill >= this.pace.napFill) ? this.drainOnce(result.next) : undefined;
      if (result.records > 0 || result.discarded > 0) this.options.onBatch(result);
      if (result.output.events === 0) this.reuse(result.output);
      if (result.output.groups) this.spares.keep({ groups: result.output.groups });
      if (begun) continue;
      if (stuck) return this.rest(this.backOff());
      if (this.stopping && (fill > 0 || result.busy)) continue;
      if (this.stopping) return;
      if (isSearching && fill > 0) continue;
      if (this.pace.naps) return this.watcher.nap(this.id, this.longestNap, this.pace.napFill);
      if (fill > 0) continue;
      this.watcher.arm(this.id);
      return;
    }
  }

  /** Whether the sinks have no room; drains on when they have. The last drain waits for nobody. */
  private hold(): boolean {
    if (this.held) return !this.stopping;
    const room = this.stopping ? undefined : this.options.room?.();
    if (!room) return false;
    this.held = true;
    void room.then(() => {
      this.held = false;
      this.drain();
    });
    return true;
  }

  /** Where few records wait and nothing else is under way; undefined: the worker is to do it. */
  private drainHere(from: number, producer: number): DrainResult | undefined {
    if (this.maxRecords < TABLE_RECORDS || this.tails > 0) return undefined;
    return this.small.drain(producer - from, () => this.drainTask(from));
  }

  private drainTask(from: number): Omit<DrainTask, 'kind' | 'id' | 'spares'> {
    return {
      from,
      maxRecords: this.maxRecords,
      maxBytes: this.maxBytes,
      clock: this.options.clock(),
      follow: this.options.followed(),
    };
  }

  private async drainOnce(from: number): Promise<DrainResult | undefined> {
    let failures = 0;
    while (!this.closed) {
      const spares = this.spares.take();
      try {
        const result = await this.worker.run<DrainResult | UnknownResult>(
          { kind: 'drain', id: this.id, ...this.drainTask(from), spares },
          Object.values(spares).filter((buffer) => buffer !== null),
        );
        if (result.status === 'drained') return result;
        await this.open();
      } catch (error) {
        if (this.closed) return undefined;
        this.options.onRetry(error);
        failures++;
        // The same records twice: look for the one that does it, by halves.
        const isSearching = this.maxRecords > 1 && this.maxRecords < TABLE_RECORDS;
        if (failures < 2 && !isSearching) continue;
        if (this.maxRecords > 1) {
          this.halve(from);
          failures = 0;
          continue;
        }
        this.maxRecords = TABLE_RECORDS;
        await this.skip(from, error);
        return undefined;
      }
    }
    return undefined;
  }

  /** What failed was no more than is in the ring, a header of 8 bytes a record. */
  private halve(from: number): void {
    const { producer } = this.owner.positions();
    this.maxRecords = Math.max(1, Math.floor(Math.min(this.maxRecords, (producer - from) / 8) / 2));
  }

  private async skip(from: number, error: unknown): Promise<void> {
    await this.open();
    const result = await this.worker.run<SkipResult | UnknownResult>({ kind: 'skip', id: this.id, from });
    if (result.status === 'skipped') {
      this.owner.release(result.next);
      this.options.onSkipped(error);
    }
    this.rest(0);
  }

  /** Bytes of one drain at the most. */
  private get maxBytes(): number {
    const most = this.options.plan.ndjson ? MAX_LINES_DRAIN_BYTES : MAX_DRAIN_BYTES;
    return Math.max(MIN_DRAIN_BYTES, Math.min(most, this.owner.size / DRAIN_SHARE));
  }

  /** ms that records may wait for others at high rates. A share of the ring that fills ends it. */
  private get longestNap(): number {
    const { plan, followed } = this.options;
    return plan.ndjson || plan.columns !== 'none' || followed() ? NAP_MAX_MS : NAP_MAX_FOLDED_MS;
  }

  private backOff(): number {
    this.busyDelay = Math.min(BUSY_MAX_MS, Math.max(BUSY_MIN_MS, this.busyDelay * 2));
    return this.busyDelay;
  }

  private rest(ms: number): void {
    if (this.stopping || this.closed) return;
    this.timer = setTimeout(() => this.drain(), ms);
    this.timer.unref();
  }

  /** Take back the buffers of lines and columns that nobody looks at any more. */
  reuse(of: Pick<DecodeOutput, 'ndjson' | 'columns'>): void {
    if (!this.closed) this.spares.keep(of);
  }

  /** For tests: drains on the main thread so far, and of these the failed ones. */
  get smallDrains(): { readonly count: number; readonly failures: number } {
    const { count, failures } = this.small;
    return { count, failures };
  }

  /** For tests: the worker dies, as if it had run out of memory. */
  killWorker(): Promise<void> {
    return this.worker.kill();
  }

  /** NDJSON of the last events. */
  async tail(limit: number): Promise<TailResult> {
    const others = this.small.tail(limit);
    this.tails++;
    try {
      const result = await this.worker.run<TailResult | UnknownResult>({
        kind: 'tail',
        id: this.id,
        limit,
        others,
      });
      return result.status === 'tail' ? result : { status: 'tail', ndjson: new Uint8Array(0), count: 0 };
    } finally {
      this.tails--;
    }
  }

  /** Read what is there, then unmap in the worker, then here. Programs are detached by then. */
  async close(deadline: number): Promise<void> {
    if (this.closed) return;
    this.stopping = true;
    clearTimeout(this.timer);
    this.watcher.remove(this.id);
    const drained = (async () => {
      await this.draining;
      this.drain();
      await this.draining;
    })();
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, deadline).unref())]);
    this.closed = true;
    this.spares.clear();
    this.small.close();
    await this.worker.run({ kind: 'close', id: this.id }).catch(() => {});
    await this.draining;
    this.tellLeft();
    this.assignment.release();
    this.owner.close();
  }

  private tellLeft(): void {
    const { consumer, producer } = this.owner.positions();
    if (producer === consumer || !this.options.onLeft) return;
    const reader = new RingReader(this.options.fd);
    const offsets = new Uint32Array(LEFT_TABLE);
    const lengths = new Uint32Array(LEFT_TABLE);
    let records = 0;
    for (let from = consumer; from < producer; ) {
      const walk = reader.peek(from, offsets, lengths, this.owner.size);
      records += walk.count;
      if (walk.next === from) break;
      from = walk.next;
    }
    reader.close();
    this.options.onLeft({ records, bytes: producer - consumer });
  }
}
