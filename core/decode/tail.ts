import type { Decoder } from './compile.js';
import type { ClockOffsets, RecordSet } from './plan.js';

/** Bytes that one map's tail may hold, whatever the size of its records. */
const MAX_BYTES = 4 << 20;

/** What a drain left for the tail. Can be cloned. */
export interface TailChunk {
  readonly memory: ArrayBuffer;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly from: Drained;
}

export interface Drained {
  /** Position in the ring; larger ones are later. */
  readonly at: number;
  readonly clock: ClockOffsets;
  readonly time: bigint;
}

/** The last events of a map as raw bytes: copied when they pass, rendered only when somebody asks. */
export class Tail {
  private chunks: TailChunk[] = [];
  private records = 0;
  private bytes = 0;

  constructor(private readonly limit: number) {}

  /** Keep the last of `records`, which passed the filter. */
  keep(records: RecordSet, passed: Uint32Array | undefined, from: Drained): void {
    const available = passed ? passed.length : records.count;
    const kept = Math.min(available, this.limit);
    if (kept === 0) return;
    const offsets = new Uint32Array(kept);
    const lengths = new Uint32Array(kept);
    let size = 0;
    for (let i = 0; i < kept; i++) {
      const position = available - kept + i;
      const record = passed ? passed[position]! : position;
      offsets[i] = size;
      lengths[i] = records.lengths[record]!;
      size += (lengths[i]! + 7) & ~7;
    }
    const copy = new Uint8Array(size);
    for (let i = 0; i < kept; i++) {
      const position = available - kept + i;
      const record = passed ? passed[position]! : position;
      copy.set(new Uint8Array(records.memory, records.offsets[record]!, lengths[i]!), offsets[i]!);
    }
    this.chunks.push({ memory: copy.buffer, offsets, lengths, from });
    this.records += kept;
    this.bytes += size;
    this.trim();
  }

  /** At least the last `limit` events, where there are so many. */
  last(limit: number): readonly TailChunk[] {
    let first = this.chunks.length;
    for (let count = 0; first > 0 && count < limit; ) count += this.chunks[--first]!.offsets.length;
    return this.chunks.slice(first);
  }

  /** NDJSON of the last `limit` events of these and `others`, which another thread drained of the same ring; oldest first. */
  render(
    renderer: Decoder,
    limit: number,
    others: readonly TailChunk[] = [],
  ): { ndjson: Uint8Array; count: number } {
    const chunks = [...this.chunks, ...others];
    if (others.length > 0) chunks.sort((a, b) => a.from.at - b.from.at);
    let skip = Math.max(0, chunks.reduce((sum, chunk) => sum + chunk.offsets.length, 0) - limit);
    const parts: Uint8Array[] = [];
    let count = 0;
    for (const chunk of chunks) {
      const first = Math.min(skip, chunk.offsets.length);
      skip -= first;
      const left = chunk.offsets.length - first;
      if (left === 0) continue;
      const set: RecordSet = {
        memory: chunk.memory,
        offsets: chunk.offsets.subarray(first),
        lengths: chunk.lengths.subarray(first),
        count: left,
      };
      const output = renderer.decode(set, chunk.from.clock, chunk.from.time);
      if (output.ndjson) parts.push(output.ndjson);
      count += output.events;
    }
    return { ndjson: Buffer.concat(parts), count };
  }

  private trim(): void {
    while (this.chunks.length > 1) {
      const oldest = this.chunks[0]!;
      const size = oldest.memory.byteLength;
      if (this.records - oldest.offsets.length < this.limit && this.bytes <= MAX_BYTES) return;
      this.chunks.shift();
      this.records -= oldest.offsets.length;
      this.bytes -= size;
    }
  }
}
