import { renderLabel } from '../label.js';
import { type Leaf, leafAt } from '../leaves.js';
import type { ClockOffsets, DecodePlan, ExemplarPlan, GroupExemplar } from '../plan.js';
import { type Memory, readInteger } from '../read.js';
import { RecordTime } from '../record-time.js';

/** ms for which a bucket keeps its exemplar: rendering is bounded by the series, not by the records. */
const KEEP_MS = 1_000;
const NONE = 0xffff_ffff;

/**
 * One record a group, or a bucket of a group, that stands for the others: where the last one lies is written down for
 * each drain, and rendered at its end. A slot is a group times the buckets, plus the bucket.
 */
export class Exemplars {
  /** Where the last record of each slot begins; generated code writes it. */
  last = new Uint32Array(0);
  /** When each slot was rendered last, ms of performance.now(). */
  private rendered = new Float64Array(0);
  private readonly labels: readonly { readonly name: string; readonly leaf: Leaf }[];
  private readonly time: RecordTime;

  /** `value`: the field that is added or observed; without one each record counts 1. `width`: buckets a group. */
  constructor(
    plan: DecodePlan,
    private readonly exemplar: ExemplarPlan,
    private readonly value: Leaf | undefined,
    private readonly width: number,
  ) {
    this.labels = exemplar.labels.map(({ name, path }) => ({ name, leaf: leafAt(plan.record, path) }));
    this.time = new RecordTime(plan);
  }

  grow(groups: number): void {
    const size = groups * this.width;
    const last = new Uint32Array(size).fill(NONE);
    last.set(this.last);
    this.last = last;
    const rendered = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    rendered.set(this.rendered);
    this.rendered = rendered;
  }

  /** The group's first record of a drain comes. */
  clear(group: number): void {
    this.last.fill(NONE, group * this.width, (group + 1) * this.width);
  }

  /** The groups' numbers mean others from now on. */
  reset(): void {
    this.rendered.fill(Number.NEGATIVE_INFINITY);
  }

  /** Of the groups of this drain, those that are due. `time`: of the drain, Unix ns. */
  of(groups: Uint32Array, memory: Memory, clock: ClockOffsets, time: bigint): GroupExemplar[] {
    const now = performance.now();
    const found: GroupExemplar[] = [];
    this.time.begin(clock, time);
    for (const group of groups) {
      for (let bucket = 0; bucket < this.width; bucket++) {
        const slot = group * this.width + bucket;
        const at = this.last[slot]!;
        if (at === NONE || now - this.rendered[slot]! < KEEP_MS) continue;
        const value = this.valueAt(memory, at);
        if (Number.isNaN(value)) continue;
        this.rendered[slot] = now;
        this.time.at(memory, at);
        const { seconds, nanos } = this.time.base;
        found.push({
          group,
          bucket,
          labels: this.labelsAt(memory, at),
          value,
          time: BigInt(seconds) * 1_000_000_000n + BigInt(nanos),
        });
      }
    }
    return found;
  }

  /** What there is room for, in the order of the plan; what is empty says nothing. */
  private labelsAt(memory: Memory, at: number): [string, string][] {
    let room = this.exemplar.maxCharacters;
    const labels: [string, string][] = [];
    for (const { name, leaf } of this.labels) {
      const text = renderLabel(leaf, memory, at);
      const size = [...name].length + [...text].length;
      if (text === '' || size > room) continue;
      room -= size;
      labels.push([name, text]);
    }
    return labels;
  }

  private valueAt(memory: Memory, o: number): number {
    if (!this.value) return 1;
    const { node, offset } = this.value;
    const at = o + offset;
    if (node.kind === 'int' || node.kind === 'bool' || node.kind === 'enum')
      return Number(readInteger(node, memory.u8, at));
    if (node.kind !== 'float') return Number.NaN;
    return node.size === 4 ? memory.view.getFloat32(at, true) : memory.view.getFloat64(at, true);
  }
}
