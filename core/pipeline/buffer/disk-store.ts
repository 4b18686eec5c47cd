import type { Accepts, EventBatchData, SinkContext } from '../../../plugins/sdk/index.js';
import { encodeBatch, missingForms } from '../batch/batch-codec.js';
import { sizeOf } from '../batch/size.js';
import { split } from '../batch/split.js';
import { messageOf } from '../error.js';
import { Fifo } from '../fifo.js';
import { type Item, type Store, type StoreEvents, Waiting, type WhenFull } from '../store.js';
import type { LossReason } from '../types.js';
import { within } from '../within.js';
import { frameBytes, SEGMENT_HEADER_BYTES } from './frame.js';
import { type Frame, type Place, SegmentLog } from './segment-log.js';

export interface BufferOptions {
  /** Absolute; of this buffer alone. */
  readonly folder: string;
  /** Of all its files, bytes. */
  readonly maxSize: number;
  readonly fsync: 'always' | 'interval' | 'never';
}

export interface DiskStoreOptions extends BufferOptions {
  /** Of what is not written yet, bytes, and of what is kept in memory beside its copy on the disk. */
  readonly maxBytes: number;
  readonly whenFull: WhenFull;
  readonly accepts: Accepts;
}

/** Every item of this store. */
interface Stored extends Item {
  /** Once it is on the disk. */
  place?: Place;
}

interface Written extends Stored {
  readonly frame: Frame;
}

/** A bigger batch is kept in pieces, of which a few fit a buffer. */
const FRAME_BYTES = 1 << 20;
const FRAME_SHARE = 1 / 4;
const WRITE_BYTES = 4 << 20;
const LOAD_BYTES = 1 << 20;
const SEGMENTS = 16;
const [MIN_SEGMENT, MAX_SEGMENT] = [64 << 10, 16 << 20];
/** ms between attempts at writing to a disk that takes nothing. */
const RETRY_MS = 1_000;
const LOG_MS = 10_000;
/** ms to open and to write what is pending at the end, whatever is left of the deadline. */
const LEAST_CLOSE_MS = 250;

/**
 * Batches that wait on the disk, and are there after a crash. A batch can be taken once it is written. What is taken
 * soon after comes from memory; the rest is read back. While the disk takes nothing, batches wait in memory, and are
 * delivered from there.
 */
export class DiskStore implements Store {
  private log: SegmentLog | undefined;
  private opening: Promise<void> | undefined;
  /** Not on the disk yet. */
  private readonly pending = new Fifo<Written>();
  private pendingBytes = 0;
  private pendingFrames = 0;
  /** On the disk, the newest of it, and in memory as well. */
  private readonly recent = new Fifo<Written>();
  private recentBytes = 0;
  /** Read back. */
  private readonly loaded = new Fifo<Stored>();
  private loading = false;
  private writing: Promise<void> | undefined;
  /** Of what is being written now, items at the front of `pending`. */
  private busy = 0;
  /** The disk takes nothing. */
  private failing = false;
  private retry: NodeJS.Timeout | undefined;
  private logged = Number.NEGATIVE_INFINITY;
  private readonly rooms = new Waiting();
  private closing = false;
  /** What is opened after this is closed at once. */
  private closed = false;
  private readonly size: { set(value: number): void };
  private readonly damage: { add(value: number): void };
  private readonly errors: { add(value: number): void };

  constructor(
    private readonly options: DiskStoreOptions,
    private readonly on: StoreEvents,
    private readonly context: Pick<SinkContext, 'log' | 'telemetry'>,
  ) {
    const { telemetry } = context;
    this.size = telemetry.gauge('buffer_size_bytes', 'Size of the files of a disk buffer.');
    this.damage = telemetry.counter('buffer_damaged_total', 'Damaged stretches of a disk buffer, skipped.');
    this.errors = telemetry.counter('buffer_errors_total', 'Failed writes to a disk buffer; tried again.');
  }

  open(): Promise<void> {
    this.opening ??= this.openLog();
    return this.opening;
  }

  private async openLog(): Promise<void> {
    const { folder, fsync, maxSize } = this.options;
    const segmentBytes = Math.min(MAX_SEGMENT, Math.max(MIN_SEGMENT, Math.floor(maxSize / SEGMENTS)));
    const log = await SegmentLog.open(
      { folder, fsync, segmentBytes },
      {
        lost: (share) => this.on.lost(share, 'unreadable'),
        damaged: (message) => {
          this.damage.add(1);
          this.context.log.warn(`disk buffer: ${message}`);
        },
        failed: (error) => this.complain(error),
      },
    );
    if (this.closed) return log.close();
    const found = log.untaken;
    for (const share of found) this.on.recovered(share);
    const events = found.reduce((sum, { count }) => sum + count, 0);
    if (events > 0)
      this.context.log.info(`${events} events of an earlier run are in the disk buffer ${folder}`);
    this.log = log;
    this.measure();
    this.write();
    this.on.ready();
  }

  get full(): boolean {
    return this.onDisk >= this.options.maxSize || this.pendingBytes >= this.options.maxBytes;
  }

  private get onDisk(): number {
    return (this.log?.size ?? 0) + this.pendingFrames;
  }

  push(batch: EventBatchData, release?: () => void): void {
    const most = Math.min(FRAME_BYTES, this.options.maxSize * FRAME_SHARE);
    const pieces = split(batch, Number.POSITIVE_INFINITY, most);
    let left = pieces.length;
    const done = release && ((): void => void (--left === 0 && release()));
    for (const piece of pieces) this.pushPiece(piece, done);
    this.write();
  }

  private pushPiece(batch: EventBatchData, release: (() => void) | undefined): void {
    const { meta: text, body } = encodeBatch(batch, this.options.accepts);
    const meta = Buffer.from(text);
    const bodyBytes = body.reduce((sum, part) => sum + part.byteLength, 0);
    const { probe, map, count } = batch;
    const bytes = frameBytes({ metaBytes: meta.byteLength, bodyBytes });
    const item: Written = {
      batch,
      bytes: sizeOf(batch),
      since: performance.now(),
      release,
      frame: { probe, map, count, meta, body, bytes },
    };
    const reason = this.options.whenFull === 'block' ? undefined : this.makeRoom(item);
    if (reason) {
      this.on.lost(batch, reason);
      return;
    }
    this.pending.push(item);
    this.pendingBytes += item.bytes;
    this.pendingFrames += bytes;
  }

  /** Undefined when there is room now; else why there is none. */
  private makeRoom({ bytes, frame }: Written): LossReason | undefined {
    const { maxSize, maxBytes, whenFull } = this.options;
    const oldest = whenFull === 'drop_oldest';
    // One event that no buffer of this size can hold, however much else is dropped.
    if (frame.bytes + SEGMENT_HEADER_BYTES > maxSize) return 'buffer_full';
    while (this.onDisk + frame.bytes > maxSize) {
      const segment = oldest ? this.log?.droppable : undefined;
      if (!this.log || !segment) return 'buffer_full';
      for (const share of this.log.drop(segment)) this.on.lost(share, 'buffer_full');
      for (const item of this.recent.remove(({ place }) => place?.segment === segment))
        this.recentBytes -= item.bytes;
      this.measure();
    }
    while (this.pendingBytes + bytes > maxBytes && this.pending.length > 0) {
      // What is being written now is as good as on the disk.
      const waiting = oldest ? this.removePending(this.busy) : undefined;
      if (!waiting) return 'queue_full';
      this.on.lost(waiting.batch, 'queue_full');
    }
    return undefined;
  }

  private shiftPending(): Written | undefined {
    return this.removePending(0);
  }

  private removePending(index: number): Written | undefined {
    const item = this.pending.removeAt(index);
    if (!item) return undefined;
    this.pendingBytes -= item.bytes;
    this.pendingFrames -= item.frame.bytes;
    return item;
  }

  /** Write what is pending, one group after the other. */
  private write(): void {
    if (this.writing || !this.log || this.retry) return;
    this.writing = this.writeAll(this.log).finally(() => {
      this.writing = undefined;
    });
  }

  private async writeAll(log: SegmentLog): Promise<void> {
    while (this.pending.length > 0) {
      const group = this.pending.upTo(WRITE_BYTES, ({ frame }) => frame.bytes);
      this.busy = group.length;
      try {
        const places = await log.append(group.map(({ frame }) => frame));
        this.failing = false;
        for (const place of places) {
          const item = this.shiftPending();
          // Given up meanwhile, at the end.
          if (!item) return;
          item.place = place;
          this.recent.push(item);
          this.recentBytes += item.bytes;
        }
        this.busy = 0;
        this.forget();
        this.measure();
        this.on.ready();
      } catch (error) {
        this.busy = 0;
        this.failing = true;
        this.complain(error);
        this.on.ready();
        if (this.closed) return;
        this.retry = setTimeout(() => {
          this.retry = undefined;
          this.write();
        }, RETRY_MS);
        this.retry.unref();
        return;
      }
    }
  }

  /** What is on the disk need not all be in memory. */
  private forget(): void {
    while (this.recentBytes + this.pendingBytes > this.options.maxBytes && this.recent.length > 0) {
      const item = this.recent.shift()!;
      this.recentBytes -= item.bytes;
      item.release?.();
    }
  }

  take(): Item | undefined {
    const loaded = this.loaded.shift();
    if (loaded) return loaded;
    const { log } = this;
    if (!log || this.loading) return undefined;
    const first = this.recent.first;
    if (log.cursor < (first?.place?.sequence ?? log.next)) {
      void this.load(log);
      return undefined;
    }
    const item = this.recent.shift();
    if (item?.place) {
      this.recentBytes -= item.bytes;
      log.take(item.place, item.batch);
      return item;
    }
    if (!this.failing || this.busy > 0) return undefined;
    const unwritten = this.shiftPending();
    if (unwritten) this.freeRooms();
    return unwritten;
  }

  private async load(log: SegmentLog): Promise<void> {
    this.loading = true;
    try {
      for (let bytes = 0; bytes < LOAD_BYTES; ) {
        const until = this.recent.first?.place?.sequence ?? log.next;
        const read = await log.read(until);
        if (!read) break;
        const { batch, place } = read;
        const item: Stored = { batch, bytes: sizeOf(batch), since: performance.now(), place };
        bytes += item.bytes;
        const missing = missingForms(batch, this.options.accepts);
        if (missing.length === 0) this.loaded.push(item);
        else {
          this.complain(
            new Error(`an earlier run kept no ${missing.join(' and ')}, which the sink now wants`),
          );
          this.on.lost(batch, 'unreadable');
          this.settle(item);
        }
      }
    } catch (error) {
      this.complain(error);
    } finally {
      this.loading = false;
      this.measure();
    }
    this.on.ready();
  }

  settle(item: Item): void {
    const { place } = item as Stored;
    if (!place || !this.log) return;
    this.log.settle(place);
    this.measure();
  }

  get idle(): boolean {
    const { log } = this;
    const inMemory = this.pending.length + this.recent.length + this.loaded.length;
    return log !== undefined && inMemory === 0 && !this.loading && log.cursor >= log.next;
  }

  /** Resolves when what was pushed is on the disk, or cannot be put there now. */
  async written(): Promise<void> {
    await this.writing;
  }

  keeps(item: Item): boolean {
    return (item as Stored).place !== undefined;
  }

  room(): Promise<void> | undefined {
    if (this.options.whenFull !== 'block' || this.closing || !this.full) return undefined;
    return this.rooms.wait();
  }

  private freeRooms(): void {
    if (!this.full) this.rooms.free();
  }

  private measure(): void {
    this.size.set(this.log?.size ?? 0);
    this.freeRooms();
  }

  private complain(error: unknown): void {
    this.errors.add(1);
    const now = performance.now();
    if (now - this.logged < LOG_MS) return;
    this.logged = now;
    this.context.log.warn(`disk buffer ${this.options.folder}: ${messageOf(error)}`);
  }

  /** What is on the disk stays; what cannot be written by the deadline is lost. */
  async close(reason: LossReason, deadline: number): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    this.rooms.free();
    const end = performance.now() + Math.max(deadline, LEAST_CLOSE_MS);
    // What was pushed meanwhile is to be kept, too, and whoever is next finds the folder free.
    if (this.opening) await within(this.opening, end - performance.now()).catch(() => {});
    this.closed = true;
    clearTimeout(this.retry);
    this.retry = undefined;
    this.write();
    const writing = this.writing ?? Promise.resolve();
    const isDone = await within(writing, Math.max(0, end - performance.now())).then(
      () => true,
      () => false,
    );
    const close = async (): Promise<void> => this.log?.close();
    if (isDone) await close();
    // A disk that hangs does not hold up the end.
    else void writing.then(close).catch((error) => this.complain(error));
    for (let item = this.shiftPending(); item; item = this.shiftPending()) this.on.lost(item.batch, reason);
  }
}
