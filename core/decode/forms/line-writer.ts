import { generate } from '../generate.js';
import type { ClockOffsets, DecodePlan } from '../plan.js';
import type { Memory } from '../read.js';
import type { RecordTime } from '../record-time.js';
import type { Selected } from '../selector.js';
import type { TimeBase } from '../time.js';
import { LineHead, NANOS_AT } from './line-head.js';
import { type EnumTable, ndjsonSource } from './ndjson.js';

/**
 * Writes the lines of records from `r` on, and where each ends. Returns the first record that it left: `count`, one
 * that has no room before `limit`, or one of another second than `second`.
 */
type WriteLines = (
  m: Memory,
  offsets: Uint32Array,
  r: number,
  count: number,
  ends: Uint32Array,
  b: Uint8Array,
  w: DataView,
  p: number,
  limit: number,
  h: Float64Array,
  headLength: number,
  base: TimeBase,
  second: number,
  k: readonly Uint8Array[],
  e: readonly EnumTable[],
  data: WriteData | undefined,
) => number;

/** Writes a record's data. */
type WriteData = (
  m: Memory,
  o: number,
  b: Uint8Array,
  w: DataView,
  p: number,
  k: readonly Uint8Array[],
  e: readonly EnumTable[],
) => number;

/** Lines differ: room for this many times the average. */
const ROOM = 1.125;
/** Bytes of lines that are rather copied out than handed over. */
const SCRATCH = 64 * 1024;
/** What may be written beyond a line by stores of whole words. */
const SLACK = 8;
/** Longest head, in words, that is kept in variables of the generated code. */
const UNROLLED = 32;

/** Makes the form `ndjson`. */
export class LineWriter {
  private readonly writeLines: WriteLines;
  /** Where that is too much for the loop of {@link writeLines}: V8 leaves huge functions slow. */
  private readonly writeData: WriteData | undefined;
  private readonly keys: readonly Uint8Array[];
  private readonly enums: readonly EnumTable[];
  private readonly head: LineHead;
  /** Bytes that the writing of one line may touch. */
  private readonly needed: number;
  /** Bytes of a line, on the average of the last batch. */
  private length = 0;
  /** Where lines are written that are then copied out. */
  private readonly scratch: Uint8Array<ArrayBuffer>;
  private buffer: Uint8Array<ArrayBuffer>;
  private words: DataView;

  constructor(
    plan: DecodePlan,
    private readonly time: RecordTime,
  ) {
    const { body, keys, enums, maxBytes, isSmall } = ndjsonSource(plan);
    this.head = new LineHead(plan);
    this.keys = keys;
    this.enums = enums;
    const words = this.head.words.length;
    this.needed = 8 * words + maxBytes + SLACK;
    this.scratch = new Uint8Array(SCRATCH + this.needed);
    this.buffer = this.scratch;
    this.words = new DataView(this.buffer.buffer);
    this.writeData = isSmall ? undefined : generate('m,o,b,w,p,k,e', `let v=0,t;${body}return p;`);
    this.writeLines = generate(
      'm,offsets,r,count,ends,b,w,p,limit,h,headLength,base,second,k,e,data',
      linesSource(isSmall ? body : 'p=data(m,o,b,w,p,k,e);', words, time.source),
    );
  }

  /** The result owns its buffer, which is `spare` where that is given and large enough. */
  write(
    { memory, offsets, count }: Selected,
    clock: ClockOffsets,
    drain: bigint,
    spare?: ArrayBuffer | null,
  ): { ndjson: Uint8Array; lineEnds: Uint32Array } {
    const { time, head, keys, enums, needed } = this;
    const { base } = time;
    const ends = new Uint32Array(count);
    const expected = Math.ceil(count * this.length);
    const fits = spare && spare.byteLength >= expected + needed;
    this.use(fits ? new Uint8Array(spare) : this.fresh(Math.ceil(expected * ROOM) + needed));
    time.begin(clock, drain);
    let p = 0;
    for (let r = 0; r < count; p = ends[r - 1]!) {
      time.at(memory, offsets[r]!);
      head.second = base.seconds;
      if (!time.own) head.setNanos(base.nanos);
      if (this.buffer.length - p < needed) this.grow(p, needed);
      const { buffer, words } = this;
      const limit = buffer.length - needed;
      const { words: h, length, second } = head;
      const next = this.writeLines(
        ...([memory, offsets, r, count, ends, buffer, words, p, limit] as const),
        ...([h, length, base, second, keys, enums, this.writeData] as const),
      );
      if (next === r) throw new Error('a record changed while it was read');
      r = next;
    }
    const { buffer } = this;
    this.use(this.scratch);
    if (count > 0) this.length = p / count;
    return { ndjson: buffer === this.scratch ? buffer.slice(0, p) : buffer.subarray(0, p), lineEnds: ends };
  }

  /** What is large is handed over instead of copied out. */
  private fresh(bytes: number): Uint8Array<ArrayBuffer> {
    return bytes > this.scratch.length ? new Uint8Array(bytes) : this.scratch;
  }

  private use(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer === this.buffer) return;
    this.buffer = buffer;
    this.words = new DataView(buffer.buffer);
  }

  private grow(used: number, needed: number): void {
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, used + needed));
    bigger.set(this.buffer.subarray(0, used));
    this.use(bigger);
  }
}

/**
 * All lines in one function, so that what they share is read once. `data` writes a record's data, `time` sets `base` to
 * a record's own time.
 */
function linesSource(data: string, words: number, time: string | undefined): string {
  const head = Array.from({ length: Math.min(words, UNROLLED) }, (_, i) => i);
  const rest = words > UNROLLED ? `for(let i=${UNROLLED};i<${words};i++)w.setFloat64(p+8*i,h[i],true);` : '';
  return (
    `const ${head.map((i) => `h${i}=h[${i}]`).join(',')};let v=0,t;` +
    'for(;r<count&&p<=limit;r++){const o=offsets[r];' +
    (time ? `${time}if(base.seconds!==second)break;` : '') +
    // For so few bytes a call costs more than what it copies.
    head.map((i) => `w.setFloat64(p+${8 * i},h${i},true);`).join('') +
    rest +
    (time ? `writeNine(w,p+${NANOS_AT},base.nanos);` : '') +
    `p+=headLength;${data}ends[r]=p;}` +
    'return r;'
  );
}
