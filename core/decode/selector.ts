import { compileFilter } from './filter/compile.js';
import { parseFilter } from './filter/parse.js';
import { generate } from './generate.js';
import type { DecodePlan, RecordSet } from './plan.js';
import { Memory } from './read.js';

/** Records that are whole and passed the filter. Valid until the next selection. */
export interface Selected {
  readonly memory: Memory;
  readonly offsets: Uint32Array;
  /** Positions in the record set they are from. */
  readonly indices: Uint32Array;
  readonly count: number;
  /** Left out by the filter; too short for their type. */
  readonly filtered: number;
  readonly malformed: number;
}

/** Fills `sel` and `idx` with the offsets and indices of records that pass; returns how many. */
type Select = (
  m: Memory,
  offsets: Uint32Array,
  lengths: Uint32Array,
  count: number,
  sel: Uint32Array,
  idx: Uint32Array,
  c: readonly Uint8Array[],
) => number;

/** Chooses the records of a set that count. */
export class Selector {
  private readonly memory = new Memory();
  private readonly size: number;
  private readonly select: Select;
  private readonly constants: readonly Uint8Array[];
  private offsets = new Uint32Array(1024);
  private indices = new Uint32Array(1024);
  private all = new Uint32Array(0);
  private readonly filters: boolean;

  /** Throws {@link DecodeError} for a filter with mistakes. */
  constructor({ record, source, filter: text }: DecodePlan) {
    const filter = text === undefined ? undefined : compileFilter(parseFilter(text), record, source);
    this.constants = filter?.constants ?? [];
    this.filters = filter !== undefined;
    this.size = record.size;
    this.select = generate(
      'm,offsets,lengths,count,sel,idx,c',
      `let n=0;
      for(let r=0;r<count;r++){
        if(lengths[r]<${record.size})continue;
        const o=offsets[r];
        ${filter ? `if(!${filter.source})continue;` : ''}
        sel[n]=o;idx[n]=r;n++;
      }
      return n;`,
    );
  }

  of(records: RecordSet): Selected {
    const { count, shortest } = records;
    if (!this.filters && shortest !== undefined && shortest >= this.size) return this.whole(records);
    if (this.offsets.length < count) {
      this.offsets = new Uint32Array(count);
      this.indices = new Uint32Array(count);
    }
    let malformed = 0;
    let crooked = records.memory.byteLength & 7;
    for (let i = 0; i < count; i++) {
      crooked |= records.offsets[i]! & 7;
      if (records.lengths[i]! < this.size) malformed++;
    }
    const { memory, offsets, lengths } = crooked === 0 ? records : straightened(records);
    this.memory.use(memory);
    const passed = this.select(
      this.memory,
      offsets,
      lengths,
      count,
      this.offsets,
      this.indices,
      this.constants,
    );
    return {
      memory: this.memory,
      offsets: this.offsets,
      indices: this.indices,
      count: passed,
      filtered: count - malformed - passed,
      malformed,
    };
  }
  /** Every record, without a look at each. */
  private whole({ memory, offsets, count }: RecordSet): Selected {
    this.memory.use(memory);
    if (this.all.length < count) this.all = Uint32Array.from({ length: count }, (_, i) => i);
    return { memory: this.memory, offsets, indices: this.all, count, filtered: 0, malformed: 0 };
  }
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
