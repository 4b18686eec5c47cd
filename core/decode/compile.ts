import { DecodeError } from './error.js';
import { compileFilter, filterFunctions } from './filter/compile.js';
import { parseFilter } from './filter/parse.js';
import { columnBuilders, columnsSource } from './forms/columns.js';
import { GroupTable, groupSource } from './forms/group.js';
import { ndjsonSource } from './forms/ndjson.js';
import { leafAt } from './leaves.js';
import type { ClockOffsets, DecodeOutput, DecodePlan, RecordSet } from './plan.js';
import { Memory, readWide } from './read.js';
import * as text from './text.js';
import { secondText, TimeBase } from './time.js';

/** Decodes the records of one map. Holds buffers and the group table; not to be shared between threads. */
export interface Decoder {
  /** `time`: Unix ns of the drain, for records that have no time of their own. */
  decode(records: RecordSet, clock: ClockOffsets, time: bigint): DecodeOutput;
  /** Which of the records pass the filter and are whole. */
  passed(records: RecordSet): Uint32Array;
  /** Forget every group: the next output begins a new epoch. */
  reset(): void;
}

/** Names that generated code may use: views of the memory, writers, filter functions. */
const PRELUDE = `"use strict";
const {stringEnd,writeText,writeAscii,writeUnsigned,writeSigned,writeUnsigned64,writeSigned64,writeFloat,writeIpv4,address,hex64,decimal128,copyText}=text;
const {textEquals,textStarts,textEnds,textContains,sameAddress}=filterFunctions;`;
const VIEWS = 'const {u8,i8,u16,i16,u32,i32,view}=m;let lo=0,hi=0;';

const functions = {
  ...filterFunctions,
  sameAddress: (family: 'ipv4' | 'ipv6' | 'mac', u8: Uint8Array, at: number, wanted: string): boolean =>
    text.address(family, u8, at) === wanted,
};
const writers = { ...text, copyText };

/** Make a function of generated source. Its text has numbers, our own names and JSON string literals, nothing else. */
function generate<F>(source: string): F {
  return new Function('text', 'filterFunctions', `${PRELUDE}\nreturn ${source}`)(writers, functions) as F;
}

/** A `char[]` as valid UTF-8; room needed: 3 bytes a byte. */
function copyText(out: Uint8Array, p: number, bytes: Uint8Array, start: number, size: number): number {
  let q = p;
  for (let i = start; i < start + size; i++) {
    const c = bytes[i]!;
    if (c === 0) return q;
    if (c > 0x7f) {
      const valid = Buffer.from(text.readText(bytes, start, size));
      out.set(valid, p);
      return p + valid.length;
    }
    out[q++] = c;
  }
  return q;
}

/** Selects: fills `sel` with the offsets of records that pass, and `idx` with their indices; returns how many. */
type Select = (
  m: Memory,
  offsets: Uint32Array,
  lengths: Uint32Array,
  count: number,
  sel: Uint32Array,
  idx: Uint32Array,
  c: readonly Uint8Array[],
) => number;

/** Throws {@link DecodeError} for a filter with mistakes, or a plan that names what is not there. */
export function compilePlan(plan: DecodePlan): Decoder {
  return new CompiledDecoder(plan);
}

class CompiledDecoder implements Decoder {
  private readonly memory = new Memory();
  private readonly select: Select;
  private readonly constants: readonly Uint8Array[];
  private readonly time: TimeReader;
  private readonly writeLines:
    | ((
        records: Selected,
        clock: ClockOffsets,
        time: bigint,
      ) => { ndjson: Uint8Array; lineEnds: Uint32Array })
    | undefined;
  private readonly fillColumns:
    | ((records: Selected, clock: ClockOffsets, time: bigint) => NonNullable<DecodeOutput['columns']>)
    | undefined;
  private readonly groups: GroupTable | undefined;
  private readonly group: ((records: Selected) => void) | undefined;
  private sel = new Uint32Array(1024);
  private idx = new Uint32Array(1024);
  private filtered = 0;
  private malformed = 0;

  constructor(plan: DecodePlan) {
    const filter =
      plan.filter === undefined
        ? undefined
        : compileFilter(parseFilter(plan.filter), plan.record, plan.source);
    this.constants = filter?.constants ?? [];
    this.select = generate<Select>(`function(m,offsets,lengths,count,sel,idx,c){${VIEWS}
      let n=0;
      for(let r=0;r<count;r++){
        if(lengths[r]<${plan.record.size})continue;
        const o=offsets[r];
        ${filter ? `if(!${filter.source})continue;` : ''}
        sel[n]=o;idx[n]=r;n++;
      }
      return n;}`);
    this.time = new TimeReader(plan);
    if (plan.ndjson) this.writeLines = lineWriter(plan, this.time);
    if (plan.columns) this.fillColumns = columnFiller(plan, this.time);
    if (plan.group) {
      const table = new GroupTable(plan);
      this.groups = table;
      const loop = generate<
        (m: Memory, sel: Uint32Array, count: number, g: GroupTable) => void
      >(`function(m,sel,count,g){${VIEWS}
        const K=g.key,A=g.accumulators;let h=0,w=0,v=0,n=0,z=0,q=0;
        for(let r=0;r<count;r++){const o=sel[r];${groupSource(plan, table)}}}`);
      this.group = (records) => loop(records.memory, records.offsets, records.count, table);
    }
  }

  decode(records: RecordSet, clock: ClockOffsets, time: bigint): DecodeOutput {
    const selected = this.pass(records);
    const output: DecodeOutput = {
      events: selected.count,
      filtered: this.filtered,
      malformed: this.malformed,
    };
    if (this.writeLines) {
      const { ndjson, lineEnds } = this.writeLines(selected, clock, time);
      output.ndjson = ndjson;
      output.lineEnds = lineEnds;
    }
    if (this.fillColumns) output.columns = this.fillColumns(selected, clock, time);
    if (this.groups && this.group) {
      this.groups.begin();
      this.group(selected);
      if (this.groups.stale) {
        this.groups.reset();
        this.groups.begin();
        this.group(selected);
      }
      output.groups = this.groups.output();
    }
    return output;
  }

  passed(records: RecordSet): Uint32Array {
    const { count } = this.pass(records);
    return this.idx.slice(0, count);
  }

  reset(): void {
    this.groups?.reset();
  }

  private pass(records: RecordSet): Selected {
    const { count } = records;
    if (this.sel.length < count) {
      this.sel = new Uint32Array(count);
      this.idx = new Uint32Array(count);
    }
    let malformed = 0;
    let crooked = records.memory.byteLength & 7;
    for (let i = 0; i < count; i++) {
      crooked |= records.offsets[i]! & 7;
      if (records.lengths[i]! < this.size) malformed++;
    }
    const straight = crooked === 0 ? records : straightened(records);
    this.memory.use(straight.memory);
    const passed = this.select(
      this.memory,
      straight.offsets,
      straight.lengths,
      count,
      this.sel,
      this.idx,
      this.constants,
    );
    this.malformed = malformed;
    this.filtered = count - malformed - passed;
    return { memory: this.memory, offsets: this.sel, count: passed };
  }

  private get size(): number {
    return this.time.plan.record.size;
  }
}

interface Selected {
  readonly memory: Memory;
  readonly offsets: Uint32Array;
  readonly count: number;
}

/** Rings and map reads begin records at multiples of 8; others are copied so that they do. */
function straightened(records: RecordSet): RecordSet {
  const bytes = new Uint8Array(records.memory);
  const offsets = new Uint32Array(records.count);
  let size = 0;
  for (let i = 0; i < records.count; i++) {
    offsets[i] = size;
    size += (records.lengths[i]! + 7) & ~7;
  }
  const copy = new Uint8Array(size);
  for (let i = 0; i < records.count; i++) {
    const start = records.offsets[i]!;
    copy.set(bytes.subarray(start, start + records.lengths[i]!), offsets[i]!);
  }
  return { memory: copy.buffer, offsets, lengths: records.lengths, count: records.count };
}

/** The time of a record: its own, or the drain's. */
class TimeReader {
  readonly base = new TimeBase();
  private readonly read: ((m: Memory, o: number, base: TimeBase) => void) | undefined;

  constructor(readonly plan: DecodePlan) {
    if (!plan.timestamp) return;
    const { node, offset } = leafAt(plan.record, plan.timestamp.path);
    if (node.kind !== 'int' || node.size !== 8 || node.bits) {
      throw new DecodeError(
        'BAD_PLAN',
        `the timestamp "${plan.timestamp.path.join('.')}" is no 64-bit integer`,
      );
    }
    this.read = generate(`function(m,o,base){${VIEWS}${readWide(node, 'o', offset)}base.convert(lo,hi);}`);
  }

  begin(clock: ClockOffsets, time: bigint): void {
    if (this.plan.timestamp) this.base.use(clock, this.plan.timestamp.clock);
    else this.base.set(time);
  }

  at(m: Memory, o: number): void {
    this.read?.(m, o, this.base);
  }

  get own(): boolean {
    return this.read !== undefined;
  }
}

const encode = (value: string): Uint8Array => Buffer.from(value);

/** Bytes as little-endian words, the last one filled up with zeros. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array((bytes.length + 3) >> 2);
  const view = new DataView(words.buffer);
  for (let i = 0; i < bytes.length; i++) view.setUint8(i, bytes[i]!);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * i, true);
  return words;
}

function lineWriter(plan: DecodePlan, time: TimeReader) {
  const { body, keys, enums, maxLine } = ndjsonSource(plan);
  const tables = enums.map((node) => text.enumTable(node));
  const write = generate<
    (
      m: Memory,
      o: number,
      b: Uint8Array,
      w: DataView,
      p: number,
      k: readonly Uint8Array[],
      e: typeof tables,
    ) => number
  >(`function(m,o,b,w,p,k,e){${VIEWS}let v=0,t;${body}return p;}`);
  const labels = Object.keys(plan.labels).length > 0 ? `,"labels":${JSON.stringify(plan.labels)}` : '';
  const rest = `000000000Z","probe":${JSON.stringify(plan.probe)},"map":${JSON.stringify(plan.map)}${labels},"data":`;
  const prefix = '{"timestamp":"';
  const nanosAt = prefix.length + 20;
  let second = Number.NaN;
  let head = encode('');
  let headWords: Uint32Array = new Uint32Array(0);
  let buffer = new Uint8Array(64 * 1024);
  let words = new DataView(buffer.buffer);

  return ({ memory, offsets, count }: Selected, clock: ClockOffsets, drain: bigint) => {
    const lineEnds = new Uint32Array(count);
    let p = 0;
    time.begin(clock, drain);
    const { base } = time;
    for (let r = 0; r < count; r++) {
      const o = offsets[r]!;
      time.at(memory, o);
      if (base.seconds !== second) {
        second = base.seconds;
        head = encode(prefix + secondText(second) + rest);
        headWords = wordsOf(head);
      }
      const needed = headWords.length * 4 + maxLine + 2;
      if (buffer.length - p < needed) {
        const bigger = new Uint8Array(Math.max(buffer.length * 2, p + needed));
        bigger.set(buffer.subarray(0, p));
        buffer = bigger;
        words = new DataView(bigger.buffer);
      }
      // A loop of stores: for so few bytes a call costs more than what it copies.
      for (let i = 0; i < headWords.length; i++) words.setUint32(p + 4 * i, headWords[i]!, true);
      text.writeNine(buffer, p + nanosAt, base.nanos);
      p = write(memory, o, buffer, words, p + head.length, keys, tables);
      buffer[p++] = 0x7d;
      buffer[p++] = 0x0a;
      lineEnds[r] = p;
    }
    return { ndjson: buffer.slice(0, p), lineEnds };
  };
}

function columnFiller(plan: DecodePlan, time: TimeReader) {
  const builders = columnBuilders(plan);
  const fill = generate<
    (m: Memory, sel: Uint32Array, count: number, a: unknown[], w: unknown[], x: unknown[]) => void
  >(
    `function(m,sel,count,a,w,x){${VIEWS}let p=0,b,t;for(let r=0;r<count;r++){const o=sel[r];${columnsSource(builders)}}}`,
  );
  return ({ memory, offsets, count }: Selected, clock: ClockOffsets, drain: bigint) => {
    for (const builder of builders) builder.begin(count);
    fill(
      memory,
      offsets,
      count,
      builders.map((builder) => builder.values),
      builders.map((builder) => builder.words),
      builders.map((builder) => builder.text),
    );
    const timestamps = new BigInt64Array(count);
    const words = new Uint32Array(timestamps.buffer);
    time.begin(clock, drain);
    if (time.own) {
      for (let r = 0; r < count; r++) {
        time.at(memory, offsets[r]!);
        time.base.store(words, r);
      }
    } else timestamps.fill(drain);
    return { rows: count, timestamps, columns: builders.map((builder) => builder.finish()) };
  };
}
