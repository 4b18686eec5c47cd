import { writeNine } from '../digits.js';
import { generate } from '../generate.js';
import type { ClockOffsets, DecodePlan } from '../plan.js';
import type { Memory } from '../read.js';
import type { RecordTime } from '../record-time.js';
import type { Selected } from '../selector.js';
import { secondText } from '../time.js';
import { type EnumTable, ndjsonSource } from './ndjson.js';

type WriteData = (
  m: Memory,
  o: number,
  b: Uint8Array,
  w: DataView,
  p: number,
  k: readonly Uint8Array[],
  e: readonly EnumTable[],
) => number;

const PREFIX = '{"timestamp":"';
const NANOS_AT = PREFIX.length + '2026-01-02T03:04:05.'.length;
/** Lines differ: room for this many times the average. */
const ROOM = 1.125;
/** What may be written beyond a line by stores of whole words. */
const SLACK = 8;
/** Words of a head that have bytes of the nanoseconds. */
const NANOS_WORDS = [NANOS_AT >> 3, (NANOS_AT + 8) >> 3] as const;

/** Makes the form `ndjson`. */
export class LineWriter {
  private readonly writeData: WriteData;
  private readonly keys: readonly Uint8Array[];
  private readonly enums: readonly EnumTable[];
  private readonly maxData: number;
  /** From the nanoseconds to the data, the same for every line. */
  private readonly rest: string;
  /** Bytes of a line, on the average of the last batch. */
  private length = 0;
  private second = Number.NaN;
  /** The line up to its data, at `second`, filled up with zeros to whole words. */
  private head = new DataView(new ArrayBuffer(0));
  /** The same as little-endian doubles, which no UTF-8 makes NaN. */
  private headWords: Float64Array = new Float64Array(0);
  private headLength = 0;
  /** Where lines are written that are then copied out. */
  private scratch = new Uint8Array(64 * 1024);
  private buffer = this.scratch;
  private words = new DataView(this.buffer.buffer);

  constructor(
    plan: DecodePlan,
    private readonly time: RecordTime,
  ) {
    const { probe, map, labels } = plan;
    const { body, keys, enums, maxBytes } = ndjsonSource(plan);
    this.writeData = generate('m,o,b,w,p,k,e', `let v=0,t;${body}return p;`);
    this.keys = keys;
    this.enums = enums;
    this.maxData = maxBytes;
    const more = Object.keys(labels).length > 0 ? `,"labels":${JSON.stringify(labels)}` : '';
    this.rest = `000000000Z","probe":${JSON.stringify(probe)},"map":${JSON.stringify(map)}${more},"data":`;
  }

  /** The result owns its buffer, which is `spare` where that is given and large enough. */
  write(
    { memory, offsets, count }: Selected,
    clock: ClockOffsets,
    drain: bigint,
    spare?: ArrayBuffer | null,
  ): { ndjson: Uint8Array; lineEnds: Uint32Array } {
    const { time, keys, enums, writeData } = this;
    const { base } = time;
    const lineEnds = new Uint32Array(count);
    let p = 0;
    this.use(spare ? new Uint8Array(spare) : this.fresh(count));
    time.begin(clock, drain);
    if (!time.own) this.useTime(base.seconds, base.nanos);
    for (let r = 0; r < count; r++) {
      const o = offsets[r]!;
      if (time.own) {
        time.at(memory, o);
        if (base.seconds !== this.second) this.begin(base.seconds);
      }
      const { headWords } = this;
      const needed = headWords.length * 8 + this.maxData + SLACK;
      if (this.buffer.length - p < needed) this.grow(p, needed);
      const { buffer, words } = this;
      // A loop of stores: for so few bytes a call costs more than what it copies.
      for (let i = 0; i < headWords.length; i++) words.setFloat64(p + 8 * i, headWords[i]!, true);
      if (time.own) writeNine(words, p + NANOS_AT, base.nanos);
      p = writeData(memory, o, buffer, words, p + this.headLength, keys, enums);
      lineEnds[r] = p;
    }
    const { buffer } = this;
    this.use(this.scratch);
    if (count > 0) this.length = p / count;
    return { ndjson: buffer === this.scratch ? buffer.slice(0, p) : buffer.subarray(0, p), lineEnds };
  }

  /** Memory for so many lines like the last ones: what is large is handed over instead of copied out. */
  private fresh(count: number): Uint8Array<ArrayBuffer> {
    const bytes = Math.ceil(count * this.length * ROOM);
    return bytes > this.scratch.length ? new Uint8Array(bytes) : this.scratch;
  }

  private use(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer === this.buffer) return;
    this.buffer = buffer;
    this.words = new DataView(buffer.buffer);
  }

  private begin(second: number): void {
    const head = Buffer.from(PREFIX + secondText(second) + this.rest);
    this.second = second;
    this.headLength = head.length;
    this.headWords = new Float64Array((head.length + 7) >> 3);
    this.head = new DataView(new ArrayBuffer(this.headWords.byteLength));
    for (const [i, byte] of head.entries()) this.head.setUint8(i, byte);
    this.copyWords(0, this.headWords.length - 1);
  }

  /** Of a whole drain, whose records have no time of their own. */
  private useTime(second: number, nanos: number): void {
    if (second !== this.second) this.begin(second);
    writeNine(this.head, NANOS_AT, nanos);
    this.copyWords(...NANOS_WORDS);
  }

  private copyWords(first: number, last: number): void {
    for (let i = first; i <= last; i++) this.headWords[i] = this.head.getFloat64(8 * i, true);
  }

  private grow(used: number, needed: number): void {
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, used + needed));
    bigger.set(this.buffer.subarray(0, used));
    if (this.buffer === this.scratch) this.scratch = bigger;
    this.use(bigger);
  }
}
