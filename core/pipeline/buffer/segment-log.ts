import { open, stat } from 'node:fs/promises';
import type { EventBatchData } from '../../../plugins/sdk/index.js';
import { decodeBatch } from '../batch/batch-codec.js';
import { messageOf, PipelineError } from '../error.js';
import { lockFolder } from './folder-lock.js';
import { encodeFrame, SEGMENT_HEADER_BYTES } from './frame.js';
import { makeFolder } from './make-folder.js';
import { Position } from './position.js';
import { type Recovered, recover } from './recovery.js';
import { Segment, type Share } from './segment.js';
import { type Found, SegmentReader } from './segment-reader.js';

export interface LogOptions {
  /** Absolute. */
  readonly folder: string;
  /** A segment gets no more frames beyond so many bytes. */
  readonly segmentBytes: number;
  /** When what was written is on the disk itself: before it counts as written, every second, or when the system likes. */
  readonly fsync: 'always' | 'interval' | 'never';
}

export interface LogEvents {
  /** Events that were written, and cannot be had. */
  lost(share: Share): void;
  /** A stretch of a segment is damaged, and skipped. */
  damaged(message: string): void;
  /** Something other than writing a frame failed: nothing is lost by it. */
  failed(error: unknown): void;
}

/** A frame's place in the log. */
export interface Place {
  readonly sequence: number;
  readonly segment: Segment;
  /** Behind the frame. */
  readonly end: number;
}

export interface Frame extends Share {
  readonly meta: Uint8Array;
  readonly body: readonly Uint8Array[];
  /** Of the whole frame. */
  readonly bytes: number;
}

const SYNC_MS = 1_000;

/**
 * A folder of append-only files with a position up to which all is settled. One process has it. Written by one
 * caller at a time, read by one at a time; both may go on at once. Frames come out as they went in, in order; after a
 * crash, from the position on.
 */
export class SegmentLog {
  /** Oldest first; the last one is written to, if `active`. */
  private readonly segments: Segment[];
  private active: Segment | undefined;
  /** What a write is under way to. */
  private appending: Segment | undefined;
  private reader: { readonly segment: Segment; readonly of: SegmentReader } | undefined;
  private reading: Segment | undefined;
  private damageSeen = 0;
  private timer: NodeJS.Timeout | undefined;
  private dirty = false;
  /** Sequences of frames that a consumer has and did not settle yet, ascending. */
  private readonly outstanding = new Set<number>();
  /** Sequence that the next frame gets, and that of the next one to be read. */
  next: number;
  cursor: number;

  private constructor(
    private readonly options: LogOptions,
    private readonly on: LogEvents,
    private readonly unlock: () => Promise<void>,
    private readonly position: Position,
    recovered: { readonly segments: readonly Segment[]; readonly sequence: number },
    private number: number,
  ) {
    this.segments = [...recovered.segments];
    this.next = recovered.sequence;
    this.cursor = position.sequence;
    if (options.fsync === 'interval') this.timer = setInterval(() => void this.sync(), SYNC_MS).unref();
  }

  /** Rejects with `BUFFER` where the folder cannot be used. */
  static async open(options: LogOptions, on: LogEvents): Promise<SegmentLog> {
    const { folder } = options;
    try {
      await makeFolder(folder);
      const { mode, uid } = await stat(folder);
      if (uid !== process.getuid?.() || (mode & 0o022) !== 0)
        throw new Error('others can write to it. Make a folder of your own with mode 0700');
      const unlock = await lockFolder(folder);
      try {
        const position = await Position.open(folder);
        const recovered = await recoverFrom(folder, position);
        for (const problem of recovered.problems) on.damaged(problem);
        const stretches = recovered.damaged - recovered.problems.length;
        for (let i = 0; i < stretches; i++)
          on.damaged(`${folder}: what an earlier run left is damaged in part, which is skipped`);
        return new SegmentLog(options, on, unlock, position, recovered, recovered.number);
      } catch (error) {
        await unlock();
        throw error;
      }
    } catch (error) {
      if (error instanceof PipelineError) throw error;
      throw new PipelineError('BUFFER', `buffer.path: ${folder} cannot be used: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Events that an earlier run left. To be asked before anything is taken. */
  get untaken(): readonly Share[] {
    return this.segments.flatMap((segment) => segment.untaken);
  }

  /** On the disk, bytes. */
  get size(): number {
    return this.segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  /**
   * Write as many of the frames as go into one segment, one at least; gives their places. Rejects when they cannot
   * be written, and then none is.
   */
  async append(frames: readonly Frame[]): Promise<readonly Place[]> {
    const first = frames[0];
    if (!first) return [];
    const { segmentBytes } = this.options;
    let segment = this.active;
    if (!segment || (segment.size > SEGMENT_HEADER_BYTES && segment.size + first.bytes > segmentBytes))
      segment = await this.roll();
    this.appending = segment;
    try {
      return await this.appendTo(segment, frames);
    } finally {
      this.appending = undefined;
    }
  }

  private async appendTo(segment: Segment, frames: readonly Frame[]): Promise<readonly Place[]> {
    const { segmentBytes, fsync } = this.options;
    const pieces: Uint8Array[] = [];
    const places: Place[] = [];
    const before = segment.size;
    let end = before;
    let sequence = this.next;
    for (const frame of frames) {
      if (places.length > 0 && end + frame.bytes > segmentBytes) break;
      pieces.push(...encodeFrame(segment.salt, { sequence, count: frame.count }, frame.meta, frame.body));
      end += frame.bytes;
      places.push({ sequence: sequence++, segment, end });
    }
    await segment.append(pieces, end - before);
    this.dirty = true;
    if (fsync === 'always') {
      try {
        await segment.file.datasync();
      } catch (error) {
        await segment.undo(before);
        throw error;
      }
    }
    this.next = sequence;
    segment.lastSequence = sequence - 1;
    places.forEach((_, i) => {
      segment.add(frames[i]!, frames[i]!.count);
    });
    return places;
  }

  private async roll(): Promise<Segment> {
    const { folder, fsync } = this.options;
    await this.sync();
    const segment = await Segment.create(folder, this.number++);
    this.segments.push(segment);
    this.active = segment;
    if (fsync !== 'never') await syncFolder(folder);
    // All that was before it may be settled.
    this.collect();
    return segment;
  }

  /** The next batch before `until`, which is the caller's until it is settled; undefined where there is none. */
  async read(until: number): Promise<{ readonly place: Place; readonly batch: EventBatchData } | undefined> {
    while (this.cursor < until) {
      const reader = this.readerHere();
      if (!reader) break;
      const { segment, of } = reader;
      this.reading = segment;
      let found: Found | undefined;
      try {
        found = await of.next(segment.size);
      } catch (error) {
        this.on.failed(error);
        // The disk gives nothing back of it: whoever is to go on must do without.
        if (segment === this.active) this.active = undefined;
        this.leave(segment);
        continue;
      } finally {
        this.reading = undefined;
      }
      if (found?.kind === 'frame') {
        const { sequence, count } = found.header;
        if (sequence < this.cursor) continue;
        if (sequence >= until) {
          // Found again, should it be asked for after all.
          this.reader = undefined;
          break;
        }
        this.cursor = sequence + 1;
        const batch = decodeBatch(count, Buffer.from(found.meta).toString(), found.body);
        const place = { sequence, segment, end: of.at };
        this.claim(place, batch);
        return { place, batch };
      }
      if (found) {
        if (++this.damageSeen <= segment.damage) continue;
        segment.damage = this.damageSeen;
        this.on.damaged(`segment ${segment.number} is damaged, which is skipped`);
      } else if (segment === this.active) break;
      else this.leave(segment);
    }
    this.cursor = Math.max(this.cursor, until);
    return undefined;
  }

  private readerHere(): { readonly segment: Segment; readonly of: SegmentReader } | undefined {
    if (this.reader && this.segments.includes(this.reader.segment)) return this.reader;
    const segment = this.segments.find(({ lastSequence }) => lastSequence >= this.cursor);
    if (!segment) return undefined;
    this.damageSeen = 0;
    this.reader = { segment, of: new SegmentReader(segment.file, segment.salt, SEGMENT_HEADER_BYTES) };
    return this.reader;
  }

  /** The caller has this frame from memory, all before it was read, and a later read goes on behind it. */
  take(place: Place, share: Share): void {
    const { segment, sequence, end } = place;
    this.claim(place, share);
    this.cursor = sequence + 1;
    for (const older of [...this.segments]) if (older.number < segment.number) this.leave(older);
    if (this.reader?.segment !== segment) {
      this.damageSeen = segment.damage;
      this.reader = { segment, of: new SegmentReader(segment.file, segment.salt, end) };
    } else this.reader.of.at = end;
  }

  /** In the same turn in which the cursor moves: another frame may be settled before the caller has this one. */
  private claim({ segment, sequence }: Place, share: Share): void {
    segment.add(share, -share.count);
    segment.outstanding++;
    this.outstanding.add(sequence);
  }

  /** Whatever nobody had of a segment by its end, nobody will. */
  private leave(segment: Segment): void {
    if (this.reader?.segment === segment) this.reader = undefined;
    this.cursor = Math.max(this.cursor, segment.lastSequence + 1);
    for (const share of segment.clear()) this.on.lost(share);
    this.collect();
  }

  /** A restart begins at the first frame that is not settled. */
  settle({ segment, sequence }: Place): void {
    segment.outstanding--;
    this.outstanding.delete(sequence);
    const [first = this.cursor] = this.outstanding;
    this.position.advance(first, (error) => this.on.failed(error));
    this.collect();
  }

  /** Remove segments that nobody needs: the one that is written to as well, once it takes no more. */
  private collect(): void {
    for (const segment of [...this.segments]) {
      const isNeeded =
        segment === this.appending ||
        (segment === this.active && segment.size < this.options.segmentBytes) ||
        segment === this.reading ||
        segment.outstanding > 0 ||
        segment.lastSequence >= this.cursor ||
        segment.untaken.length > 0;
      if (!isNeeded) this.remove(segment);
    }
  }

  private remove(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1);
    if (this.active === segment) this.active = undefined;
    if (this.reader?.segment === segment) this.reader = undefined;
    void segment.remove().catch((error) => this.on.failed(error));
  }

  /** The oldest segment of which nothing is being delivered; undefined where there is none. */
  get droppable(): Segment | undefined {
    return this.segments.find(
      (segment) =>
        segment.outstanding === 0 &&
        segment !== this.reading &&
        segment !== this.active &&
        segment.untaken.length > 0,
    );
  }

  /** Give a {@link droppable} segment up: gives the events that nobody had of it. */
  drop(segment: Segment): readonly Share[] {
    const shares = segment.clear();
    this.remove(segment);
    return shares;
  }

  private async sync(): Promise<void> {
    if (!this.dirty || this.options.fsync === 'never') return;
    this.dirty = false;
    try {
      await this.active?.file.datasync();
      await this.position.sync();
    } catch (error) {
      this.dirty = true;
      this.on.failed(error);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.position.advanced();
    await this.sync();
    await Promise.allSettled([
      ...this.segments.map((segment) => segment.file.close()),
      this.position.close(),
    ]);
    await this.unlock();
  }
}

async function recoverFrom(folder: string, position: Position): Promise<Recovered> {
  try {
    // Both slots get their bytes while there is room for them.
    for (let i = 0; i < 2; i++) await position.write(position.sequence);
    return await recover(folder, position.sequence);
  } catch (error) {
    await position.close();
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
