import { DecodeError } from '../error.js';
import { renderLabel } from '../label.js';
import { type Leaf, leafAt } from '../leaves.js';
import type { DecodePlan, GroupOutput, GroupPlan } from '../plan.js';
import type { Memory } from '../read.js';
import { Accumulator, grownFloats, integerValues } from './accumulator.js';
import { Exemplars } from './exemplars.js';
import { hashOf, keyWords } from './group-key.js';
import { Packed } from './packed.js';

/** Labels of one map may have so many bytes; a hash key has 512 at the most. */
const MAX_KEY_BYTES = 16 * 1024;
/** Memory for raw keys, beyond which they are forgotten and rendered again. */
const MAX_KEYS_BYTES = 64 << 20;

let epochs = 0;

/**
 * The groups of one map in one worker. A group's key is the canonical bytes of its label fields as 32-bit words:
 * strings end at their NUL, padding is no part of it, booleans are 0 or 1. Generated code (`grouper.ts`) finds keys by open
 * addressing, those of a map behind the last one first; a key seen first is rendered, and joins the group that renders alike, if there is one. Memory is
 * bounded by `maxSeries`: groups by it, raw keys by four times it and by {@link MAX_KEYS_BYTES}.
 */
export class GroupTable {
  readonly labels: readonly Leaf[];
  readonly accumulators: Accumulator[];
  /** Words of one key. */
  readonly words: number;
  readonly key: Uint32Array;
  readonly bucketLeaf: Leaf | undefined;
  readonly bounds: readonly number[];
  readonly exemplars: Exemplars | undefined;
  buckets = new Float64Array(0);
  /** Slot of a hash → index of a key, or -1. */
  slots = new Int32Array(0);
  mask = 0;
  /** `words` a key. */
  keys = new Uint32Array(0);
  groupOfKey = new Uint32Array(0);
  /** Group → the drain that touched it last. */
  stamp = new Uint32Array(0);
  drain = 0;
  private touched: Uint32Array = new Uint32Array(64);
  private touchedCount = 0;
  private readonly plan: GroupPlan;
  private readonly source: DecodePlan['source'];
  private readonly maxKeys: number;
  private epoch = 0;
  /** Keys that are known: those at smaller indices of `keys`. */
  keyCount = 0;
  private byLabels = new Map<string, number>();
  private nextGroup = 1;
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

  constructor(plan: DecodePlan, group: GroupPlan) {
    this.plan = group;
    this.source = plan.source;
    this.labels = this.plan.labels.map((label) => leafAt(plan.record, label.path));
    this.bounds = this.plan.bounds ?? [];
    this.bucketLeaf = this.plan.bucket ? leafAt(plan.record, this.plan.bucket) : undefined;
    const leaves = this.plan.values.map((path) => valueAt(plan, group.kind, path));
    this.accumulators = (leaves.length > 0 ? leaves : [undefined]).map((leaf) => new Accumulator(leaf));
    if (group.exemplar)
      this.exemplars = new Exemplars(plan, group.exemplar, leaves[0], this.bounds.length + 1);
    if (this.bucketLeaf) {
      requireInteger(this.bucketLeaf, 'bucket');
      requireInteger(leaves[0], 'count');
    }
    this.words = this.labels.reduce((sum, leaf) => sum + keyWords(leaf.node), 0);
    if (this.words * 4 > MAX_KEY_BYTES) {
      const { path, node } = this.labels.reduce((a, b) => (keyWords(b.node) > keyWords(a.node) ? b : a));
      throw new DecodeError(
        'LAYOUT',
        `the labels of ${plan.map} need ${this.words * 4} bytes a series, more than ${MAX_KEY_BYTES}: choose labels without "${path.join('.')}" (${node.size} bytes)`,
      );
    }
    this.maxKeys = Math.min(
      4 * group.maxSeries + 64,
      Math.max(64, Math.floor(MAX_KEYS_BYTES / (4 * this.words + 4))),
    );
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
    this.exemplars?.reset();
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

  /** The group of a key that was found; -1 for an entry that is left out. */
  touch(group: number): number {
    if (group === 0) {
      this.overflowed++;
      if (this.source === 'entry') return -1;
    }
    if (this.stamp[group] !== this.drain) {
      this.stamp[group] = this.drain;
      if (this.touchedCount === this.touched.length)
        this.touched = grown(this.touched, this.touchedCount * 2);
      this.touched[this.touchedCount++] = group;
      for (const accumulator of this.accumulators) accumulator.clear(group);
      const width = this.bounds.length + 1;
      if (this.plan.bounds) this.buckets.fill(0, group * width, (group + 1) * width);
      this.exemplars?.clear(group);
    }
    return group;
  }

  /** Group of the key in `this.key`, which is not in the table yet; -1 for an entry that is left out. */
  insert(hash: number, memory: Memory, o: number): number {
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
    if (this.keyCount >= this.maxKeys) this.clearKeys();
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
      this.place(hashOf(this.keys, index * this.words, this.words), index);
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
    for (const accumulator of this.accumulators) accumulator.grow(size);
    if (this.plan.bounds) this.buckets = grownFloats(this.buckets, size * (this.bounds.length + 1));
    this.exemplars?.grow(size);
  }

  /** `lo` and `hi`: what is added to the sum; together they are the value, wide ones in halves. Gives the bucket's slot. */
  observe(group: number, value: number, lo: number, hi: number): number {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    const slot = group * (bounds.length + 1) + low;
    this.buckets[slot]!++;
    const sum = this.accumulators[0]!;
    sum.lo[group]! += lo;
    sum.hi[group]! += hi;
    return slot;
  }

  /** An integer that no number holds; a bigint compares with a number exactly. */
  observeWide(group: number, value: bigint, lo: number, hi: number): number {
    const { bounds } = this;
    const found = bounds.findIndex((bound) => value <= bound);
    const slot = group * (bounds.length + 1) + (found < 0 ? bounds.length : found);
    this.buckets[slot]!++;
    const sum = this.accumulators[0]!;
    sum.lo[group]! += lo;
    sum.hi[group]! += hi;
    return slot;
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

  output(spare?: ArrayBuffer | null): GroupOutput {
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
        values: [integerValues(this.rowCounts)],
        bucketValues: integerValues(this.rowBuckets),
      };
    }
    const count = this.touchedCount;
    const width = this.plan.bounds ? this.bounds.length + 1 : 0;
    const columns = this.accumulators.length;
    const packed = new Packed([count * 4, count * (columns + width) * 8], spare);
    const ids = packed.copy(this.touched, count);
    const buckets = packed.take(Float64Array, width * count);
    for (let i = 0; width > 0 && i < count; i++)
      buckets.set(this.buckets.subarray(ids[i]! * width, (ids[i]! + 1) * width), i * width);
    return {
      ...common,
      ids,
      values: this.accumulators.map((one) => one.values(ids, packed.take(Float64Array, count))),
      ...(width > 0 ? { buckets } : {}),
    };
  }
}

/** What a counter, gauge or histogram takes its value from. */
function valueAt(plan: DecodePlan, kind: GroupPlan['kind'], path: readonly string[]): Leaf {
  const leaf = leafAt(plan.record, path);
  const { node } = leaf;
  if (node.kind === 'string' || node.kind === 'address') {
    const is = node.kind === 'string' ? 'text' : 'an address';
    throw new DecodeError('BAD_PLAN', `"${path.join('.')}" is ${is}: the value of a ${kind} is a number`);
  }
  return leaf;
}

function requireInteger(leaf: Leaf | undefined, what: string): void {
  if (leaf?.node.kind !== 'float') return;
  throw new DecodeError(
    'BAD_PLAN',
    `"${leaf.path.join('.')}" is a float: the ${what} of a histogram that a program fills is an integer`,
  );
}

function grown(array: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const bigger = new Uint32Array(size);
  bigger.set(array);
  return bigger;
}
