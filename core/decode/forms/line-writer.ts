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
  private second = Number.NaN;
  private nanos = Number.NaN;
  /** The line up to its data, at `second` and `nanos`, filled up with zeros to whole words. */
  private head = Buffer.alloc(0);
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
    this.use(spare ? new Uint8Array(spare) : this.scratch);
    time.begin(clock, drain);
    for (let r = 0; r < count; r++) {
      const o = offsets[r]!;
      time.at(memory, o);
      if (base.seconds !== this.second) this.begin(base.seconds);
      if (base.nanos !== this.nanos && !time.own) this.setNanos(base.nanos);
      const { headWords } = this;
      const needed = headWords.length * 8 + this.maxData + 2;
      if (this.buffer.length - p < needed) this.grow(p, needed);
      const { buffer, words } = this;
      // A loop of stores: for so few bytes a call costs more than what it copies.
      for (let i = 0; i < headWords.length; i++) words.setFloat64(p + 8 * i, headWords[i]!, true);
      if (time.own) writeNine(buffer, p + NANOS_AT, base.nanos);
      p = writeData(memory, o, buffer, words, p + this.headLength, keys, enums);
      buffer[p++] = 0x7d;
      buffer[p++] = 0x0a;
      lineEnds[r] = p;
    }
    const { buffer } = this;
    this.use(this.scratch);
    return { ndjson: buffer === this.scratch ? buffer.slice(0, p) : buffer.subarray(0, p), lineEnds };
  }

  private use(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer === this.buffer) return;
    this.buffer = buffer;
    this.words = new DataView(buffer.buffer);
  }

  private begin(second: number): void {
    const head = Buffer.from(PREFIX + secondText(second) + this.rest);
    this.second = second;
    this.nanos = 0;
    this.headLength = head.length;
    this.head = Buffer.concat([head, Buffer.alloc(7)]);
    this.headWords = new Float64Array((head.length + 7) >> 3);
    this.copyWords(0, this.headWords.length - 1);
  }

  /** Of a whole drain, whose records have no time of their own. */
  private setNanos(nanos: number): void {
    this.nanos = nanos;
    writeNine(this.head, NANOS_AT, nanos);
    this.copyWords(...NANOS_WORDS);
  }

  private copyWords(first: number, last: number): void {
    for (let i = first; i <= last; i++) this.headWords[i] = this.head.readDoubleLE(8 * i);
  }

  private grow(used: number, needed: number): void {
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, used + needed));
    bigger.set(this.buffer.subarray(0, used));
    if (this.buffer === this.scratch) this.scratch = bigger;
    this.use(bigger);
  }
}
