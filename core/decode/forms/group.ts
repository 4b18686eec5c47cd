import type { ScalarNode } from '../../bpf/index.js';
import { type Leaf, leafAt } from '../leaves.js';
import type { DecodePlan, GroupOutput, GroupPlan, NumberValues } from '../plan.js';
import { isNarrow, isSigned, type Memory, readNarrow, readWide } from '../read.js';
import { address, decimal64, decimal128, hex64, humanDuration, readText } from '../text.js';

/** The numbers of one value per group: 64-bit ones in two halves, so that sums stay exact. */
interface Accumulator {
  readonly leaf: Leaf | undefined;
  readonly wide: boolean;
  readonly signed: boolean;
  lo: Float64Array;
  hi: Float64Array;
}

let epochs = 0;

/**
 * The groups of one map in one worker. A group's key is the canonical bytes of its label fields as 32-bit words:
 * strings end at their NUL, padding is no part of it, booleans are 0 or 1. Keys find their group by open
 * addressing; a key seen first is rendered, and joins the group that renders alike, if there is one. Memory is
 * bounded by `maxSeries`: groups by it, raw keys by four times it.
 */
export class GroupTable {
  readonly labels: readonly Leaf[];
  readonly accumulators: Accumulator[];
  /** Words of one key. */
  readonly words: number;
  readonly key: Uint32Array;
  readonly bucketLeaf: Leaf | undefined;
  readonly bounds: readonly number[];
  buckets = new Float64Array(0);
  touched: Uint32Array = new Uint32Array(64);
  touchedCount = 0;
  private readonly plan: GroupPlan;
  private readonly source: DecodePlan['source'];
  private epoch = 0;
  private slots = new Int32Array(0);
  private mask = 0;
  private keys = new Uint32Array(0);
  private groupOfKey = new Uint32Array(0);
  private keyCount = 0;
  private byLabels = new Map<string, number>();
  private nextGroup = 1;
  private stamp = new Uint32Array(0);
  private drain = 0;
  private newIds: number[] = [];
  private newLabels: string[][] = [];
  private overflowed = 0;
  private full = false;
  /** When this epoch began, ms. */
  private begun = 0;
  // Entry histograms: one row an entry.
  private rowIds: number[] = [];
  private rowBuckets: bigint[] = [];
  private rowCounts: bigint[] = [];

  constructor(plan: DecodePlan) {
    this.plan = plan.group!;
    this.source = plan.source;
    this.labels = this.plan.labels.map((label) => leafAt(plan.record, label.path));
    this.bounds = this.plan.bounds ?? [];
    this.bucketLeaf = this.plan.bucket ? leafAt(plan.record, this.plan.bucket) : undefined;
    const leaves = this.plan.values.map((path) => leafAt(plan.record, path));
    this.accumulators = (leaves.length > 0 ? leaves : [undefined]).map((leaf) => ({
      leaf,
      wide: leaf !== undefined && !isNarrow(leaf.node),
      signed: leaf !== undefined && isSigned(leaf.node),
      lo: new Float64Array(0),
      hi: new Float64Array(0),
    }));
    this.words = this.labels.reduce((sum, leaf) => sum + keyWords(leaf.node), 0);
    this.key = new Uint32Array(Math.max(1, this.words));
    this.reset();
  }

  /** Forget every group: a new epoch. */
  reset(): void {
    this.epoch = ++epochs;
    this.byLabels = new Map();
    this.nextGroup = 1;
    this.touchedCount = 0;
    this.newIds = [];
    this.newLabels = [];
    this.overflowed = 0;
    this.drain = 0;
    this.full = false;
    this.begun = performance.now();
    this.clearKeys();
    this.growGroups(64);
    this.stamp.fill(0);
  }

  begin(): void {
    if (this.outlived) this.reset();
    this.drain++;
    this.touchedCount = 0;
    this.newIds = [];
    this.newLabels = [];
    this.overflowed = 0;
    this.rowIds = [];
    this.rowBuckets = [];
    this.rowCounts = [];
  }

  /** A full table forgets its groups after `expire`: those that are in use come again, idle ones make room. */
  private get outlived(): boolean {
    const { expire } = this.plan;
    return expire !== undefined && this.full && performance.now() - this.begun >= expire;
  }

  /** Group of the key in `this.key`, whose hash is `hash`; -1 for an entry that is left out. */
  find(hash: number, memory: Memory, o: number): number {
    const { words, key, keys } = this;
    let slot = (hash ^ (hash >>> 15)) & this.mask;
    for (;;) {
      const index = this.slots[slot]!;
      if (index < 0) return this.insert(hash, memory, o);
      let same = true;
      const base = index * words;
      for (let i = 0; i < words; i++) {
        if (keys[base + i] !== key[i]) {
          same = false;
          break;
        }
      }
      if (same) return this.touch(this.groupOfKey[index]!);
      slot = (slot + 1) & this.mask;
    }
  }

  private touch(group: number): number {
    if (group === 0) {
      this.overflowed++;
      if (this.source === 'entry') return -1;
    }
    if (this.stamp[group] !== this.drain) {
      this.stamp[group] = this.drain;
      if (this.touchedCount === this.touched.length)
        this.touched = grown(this.touched, this.touchedCount * 2);
      this.touched[this.touchedCount++] = group;
      for (const accumulator of this.accumulators) {
        accumulator.lo[group] = 0;
        accumulator.hi[group] = 0;
      }
      const width = this.bounds.length + 1;
      if (this.plan.bounds) this.buckets.fill(0, group * width, (group + 1) * width);
    }
    return group;
  }

  private insert(hash: number, memory: Memory, o: number): number {
    const rendered = this.labels.map((leaf) => renderLabel(leaf, memory, o));
    const text = JSON.stringify(rendered);
    let group = this.byLabels.get(text);
    if (group === undefined) {
      if (this.byLabels.size >= this.plan.maxSeries) {
        group = 0;
        this.full = true;
      } else {
        group = this.nextGroup++;
        this.growGroups(group + 1);
        this.byLabels.set(text, group);
        this.newIds.push(group);
        this.newLabels.push(rendered);
      }
    }
    if (this.keyCount >= 4 * this.plan.maxSeries + 64) this.clearKeys();
    if ((this.keyCount + 1) * 2 > this.slots.length) this.rehash();
    const index = this.keyCount++;
    this.keys.set(this.key.subarray(0, this.words), index * this.words);
    this.groupOfKey[index] = group;
    this.place(hash, index);
    return this.touch(group);
  }

  private place(hash: number, index: number): void {
    let slot = (hash ^ (hash >>> 15)) & this.mask;
    while (this.slots[slot]! >= 0) slot = (slot + 1) & this.mask;
    this.slots[slot] = index;
  }

  private clearKeys(): void {
    this.keyCount = 0;
    this.resize(256);
  }

  private rehash(): void {
    const old = this.keys;
    this.resize(this.slots.length * 2);
    this.keys.set(old.subarray(0, this.keyCount * this.words));
    for (let index = 0; index < this.keyCount; index++) {
      let hash = 0;
      for (let i = 0; i < this.words; i++)
        hash = Math.imul(hash ^ this.keys[index * this.words + i]!, 0x9e3779b1) ^ (hash >>> 13);
      this.place(hash, index);
    }
  }

  private resize(slots: number): void {
    this.slots = new Int32Array(slots).fill(-1);
    this.mask = slots - 1;
    this.keys = new Uint32Array((slots / 2 + 1) * this.words);
    this.groupOfKey =
      slots / 2 + 1 > this.groupOfKey.length ? grown(this.groupOfKey, slots / 2 + 1) : this.groupOfKey;
  }

  private growGroups(count: number): void {
    if (count <= this.stamp.length) return;
    const size = Math.max(count, this.stamp.length * 2, 64);
    this.stamp = grown(this.stamp, size);
    for (const accumulator of this.accumulators) {
      accumulator.lo = grownFloats(accumulator.lo, size);
      accumulator.hi = grownFloats(accumulator.hi, size);
    }
    if (this.plan.bounds) this.buckets = grownFloats(this.buckets, size * (this.bounds.length + 1));
  }

  /** `lo` and `hi`: what is added to the sum; together they are the value, wide ones in halves. */
  observe(group: number, value: number, lo: number, hi: number): void {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.buckets[group * (bounds.length + 1) + low]!++;
    const sum = this.accumulators[0]!;
    sum.lo[group]! += lo;
    sum.hi[group]! += hi;
  }

  row(group: number, bucket: bigint, count: bigint): void {
    this.rowIds.push(group);
    this.rowBuckets.push(bucket);
    this.rowCounts.push(count);
  }

  /** An entry's excess may be due to groups of keys that are gone: then a second pass, in a new epoch, has room. */
  get stale(): boolean {
    return this.source === 'entry' && this.overflowed > 0 && this.touchedCount < this.byLabels.size;
  }

  output(): GroupOutput {
    const common = {
      epoch: this.epoch,
      newIds: Uint32Array.from(this.newIds),
      newLabels: this.newLabels,
      overflowed: this.overflowed,
    };
    if (this.bucketLeaf) {
      return {
        ...common,
        ids: Uint32Array.from(this.rowIds),
        values: [numbers(this.rowCounts)],
        bucketValues: numbers(this.rowBuckets),
      };
    }
    const ids = this.touched.slice(0, this.touchedCount);
    const width = this.bounds.length + 1;
    let buckets: Float64Array | undefined;
    if (this.plan.bounds) {
      buckets = new Float64Array(ids.length * width);
      for (let i = 0; i < ids.length; i++)
        buckets.set(this.buckets.subarray(ids[i]! * width, (ids[i]! + 1) * width), i * width);
    }
    return {
      ...common,
      ids,
      values: this.accumulators.map((one) => gather(one, ids)),
      ...(buckets ? { buckets } : {}),
    };
  }
}

/** Values of the touched groups; as bigints only where a number would not be exact. */
function gather({ lo, hi, wide, signed }: Accumulator, ids: Uint32Array): NumberValues {
  const values = new Float64Array(ids.length);
  let exact = true;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    values[i] = wide ? hi[id]! * 4294967296 + lo[id]! : lo[id]!;
    if (wide && !Number.isSafeInteger(values[i])) exact = false;
  }
  if (exact) return values;
  const big = Array.from(ids, (id) => BigInt(hi[id]!) * 4294967296n + BigInt(lo[id]!));
  // A sum may be beyond 64 bits: rounded is nearer than wrapped.
  const [least, most] = signed ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  if (big.some((value) => value < least || value > most)) return values;
  return signed ? BigInt64Array.from(big) : BigUint64Array.from(big);
}

function numbers(values: readonly bigint[]): NumberValues {
  const safe = values.every((value) => value <= 9007199254740991n && value >= -9007199254740991n);
  if (safe) return Float64Array.from(values, Number);
  return values.some((value) => value < 0n) ? BigInt64Array.from(values) : BigUint64Array.from(values);
}

function grown(array: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const bigger = new Uint32Array(size);
  bigger.set(array);
  return bigger;
}

function grownFloats(array: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const bigger = new Float64Array(size);
  bigger.set(array);
  return bigger;
}

function keyWords(node: ScalarNode): number {
  if (node.kind === 'string' || node.kind === 'address' || (node.kind === 'int' && node.size === 16))
    return Math.ceil(node.size / 4);
  if (node.kind === 'float') return node.size / 4;
  return isNarrow(node) ? 1 : 2;
}

/** Source of the loop body for the record at `o`: key, group, values. `g` is the table, `K` its key. */
export function groupSource(plan: DecodePlan, table: GroupTable): string {
  let word = 0;
  const mix = (value: string): string => `w=${value};K[${word++}]=w;h=Math.imul(h^w,0x9e3779b1)^(h>>>13);`;
  let source = 'h=0;';
  for (const { node, offset } of table.labels) {
    if (node.kind === 'string') source += stringWords(node.size, offset, mix);
    else if (node.kind === 'address' || (node.kind === 'int' && node.size === 16)) {
      for (let i = 0; i < node.size; i += 4) source += mix(bytesWord(offset + i, Math.min(4, node.size - i)));
    } else if (node.kind === 'bool') source += mix(`${readNarrow(node, 'o', offset)}!==0?1:0`);
    else if (node.kind === 'float') {
      for (let i = 0; i < node.size; i += 4) source += mix(bytesWord(offset + i, 4));
    } else if (isNarrow(node)) source += mix(`(${readNarrow(node, 'o', offset)})>>>0`);
    else source += `${readWide(node, 'o', offset)}${mix('lo')}${mix('hi')}`;
  }
  source += 'q=g.find(h,m,o);if(q<0)continue;';
  const { kind } = plan.group!;
  if (table.bucketLeaf) {
    return `${source}g.row(q,${bigValue(table.bucketLeaf)},${bigValue(table.accumulators[0]!.leaf!)});`;
  }
  if (kind === 'histogram') {
    const { leaf, wide, signed } = table.accumulators[0]!;
    if (!wide) return `${source}v=${numberValue(leaf!)};g.observe(q,v,v,0);`;
    const hi = signed ? '(hi|0)' : 'hi';
    return `${source}${readWide(leaf!.node, 'o', leaf!.offset)}g.observe(q,${hi}*4294967296+lo,lo,${hi});`;
  }
  table.accumulators.forEach(({ leaf, wide, signed }, i) => {
    const assign = kind === 'gauge' && plan.source === 'ring' ? '=' : '+=';
    if (!leaf) source += `A[${i}].lo[q]+=1;`;
    else if (wide)
      source += `${readWide(leaf.node, 'o', leaf.offset)}A[${i}].lo[q]${assign}lo;A[${i}].hi[q]${assign}${signed ? '(hi|0)' : 'hi'};`;
    else source += `A[${i}].lo[q]${assign}${numberValue(leaf)};`;
  });
  return source;
}

/** A string's words, zero from its NUL on. */
function stringWords(size: number, offset: number, mix: (value: string) => string): string {
  let source = 'z=0;';
  for (let i = 0; i < size; i += 4) {
    const count = Math.min(4, size - i);
    // The lowest zero byte of v, and everything above it, is cleared; the words after it are 0.
    source += `if(z===0){v=${bytesWord(offset + i, count)};n=(v-0x01010101)&~v&0x80808080;if(n!==0){z=1;n&=-n;v=(v&((n>>>7)-1))>>>0;}}else v=0;${mix('v')}`;
  }
  return source;
}

function bytesWord(offset: number, count: number): string {
  if (count === 4 && offset % 4 === 0) return `u32[(o+${offset})>>>2]`;
  const parts = Array.from({ length: count }, (_, i) => `u8[o+${offset + i}]${i > 0 ? `<<${8 * i}` : ''}`);
  return `(${parts.join('|')})>>>0`;
}

function numberValue({ node, offset }: Leaf): string {
  if (node.kind === 'bool') return `(${readNarrow(node, 'o', offset)}!==0?1:0)`;
  if (isNarrow(node)) return readNarrow(node, 'o', offset);
  const read = readWide(node, 'o', offset).replace(/;$/, '').replaceAll(';', ',');
  return `(${read},${isSigned(node) ? '(hi|0)' : 'hi'}*4294967296+lo)`;
}

function bigValue({ node, offset }: Leaf): string {
  if (isNarrow(node)) return `BigInt(Math.trunc(${numberValue({ path: [], node, offset })}))`;
  const read = readWide(node, 'o', offset).replace(/;$/, '').replaceAll(';', ',');
  return `(${read},BigInt(${isSigned(node) ? '(hi|0)' : 'hi'})*4294967296n+BigInt(lo))`;
}

/** A label's value, as text for people: durations as `1.5ms`. */
function renderLabel({ node, offset }: Leaf, memory: Memory, o: number): string {
  const at = o + offset;
  switch (node.kind) {
    case 'string':
      return readText(memory.u8, at, node.size);
    case 'address':
      return address(node.family, memory.u8, at);
    case 'float':
      return String(node.size === 4 ? memory.view.getFloat32(at, true) : memory.view.getFloat64(at, true));
    case 'bool':
      return String(readBig(node, memory, at) !== 0n);
    case 'pointer':
      return hex64(memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true));
    case 'enum': {
      const value = readBig(node, memory, at);
      return node.names[value.toString()] ?? value.toString();
    }
    case 'int': {
      if (node.size === 16 && !node.bits) return decimal128(memory.u8, at, node.signed);
      const value = readBig(node, memory, at);
      const bits = BigInt.asUintN(64, value);
      const lo = Number(bits & 0xffffffffn);
      const hi = Number(bits >> 32n);
      return node.format === 'duration' ? humanDuration(lo, hi, node.signed) : decimal64(lo, hi, node.signed);
    }
  }
}

/** An integer byte by byte: slow and plain, for labels that are rendered once. */
function readBig(node: ScalarNode & { kind: 'int' | 'enum' | 'bool' }, memory: Memory, at: number): bigint {
  let value = 0n;
  for (let i = node.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(memory.u8[at + i]!);
  const width = node.bits ? node.bits.width : node.size * 8;
  if (node.bits) value >>= BigInt(node.bits.shift);
  return isSigned(node) ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value);
}
