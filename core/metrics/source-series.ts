import type { Exemplar, Series } from '../../plugins/sdk/index.js';
import type { GroupOutput } from '../decode/index.js';
import { BucketCounts } from './bucket-counts.js';
import { divided, plus } from './exact.js';
import { exponentialValue } from './exponential.js';
import { renderLabels } from './labels.js';
import type { SeriesSource } from './source.js';

/** ns between two looks for idle series while there is no room for new ones. */
const EXPIRY_PAUSE = 1_000_000_000n;
/** Exemplars of one series: the newest. */
const MAX_EXEMPLARS = 64;

/** One series of one map. */
export interface Entry {
  /** Label values, joined by NUL, which none of them has. */
  readonly key: string;
  /** Of the record's labels; undefined for the overflow series. */
  readonly labelValues: readonly string[] | undefined;
  /** Made when it is first shown: a map may bring a hundred thousand at once. */
  rendered: { readonly labels: Series['labels']; readonly labelText: string } | undefined;
  /** One a family, as it was shown last: shown again while nothing changes, so that a scrape makes little garbage. */
  readonly shown: Series[];
  /** One a family. */
  readonly values: (number | bigint)[];
  /** Ring histogram: counts a bucket. */
  readonly buckets: Float64Array | undefined;
  sum: number | bigint;
  /** Of an entry histogram. */
  readonly counts: BucketCounts | undefined;
  /** By bucket, the one that came last at the end; a counter's is 0. */
  exemplars: Map<number, Exemplar> | undefined;
  start: bigint;
  /** As `start`, and unmoved by a value that falls. */
  born: bigint;
  /** Of a ring: when a record last came, Unix ms. */
  updated: number;
  /** Number of the last read that had it. */
  seen: number;
  /** Whether it is shown: not after its key was deleted, or it expired. */
  alive: boolean;
}

/** The series of one map. What the worker's groups are, is known by their numbers. */
export class SourceSeries {
  private readonly entries = new Map<string, Entry>();
  private readonly hostLabels: readonly (readonly [string, string])[];
  private epoch = -1;
  /** Group number → entry, of the current epoch. */
  private groups: Entry[] = [];
  private reads = 0;
  /** Unix ns of the last read of an entry source: what was not there then began after it. */
  private lastRead: bigint | undefined;
  /** Of the overflow series: one NUL more than any label values have. */
  private readonly overflowKey: string;
  private readonly maxEntries: number;
  /** Of any series so far, Unix ns. */
  latestStart = 0n;
  private lastExpiry = 0n;
  private overflowed = 0;

  constructor(readonly source: SeriesSource) {
    this.hostLabels = Object.entries(source.hostLabels);
    this.overflowKey = '\0'.repeat(source.labelNames.length);
    // What an entry source keeps is what its last read had.
    this.maxEntries =
      source.source === 'entry'
        ? Number.POSITIVE_INFINITY
        : source.maxSeries * (source.expire === undefined ? 1 : 2);
  }

  /** Whether one more series may be kept. Whoever collects expires the idle ones; here it is for when nobody does. */
  private hasRoom(time: bigint): boolean {
    const isFull = (): boolean =>
      this.entries.size - (this.entries.has(this.overflowKey) ? 1 : 0) >= this.maxEntries;
    if (!isFull()) return true;
    if (time - this.lastExpiry < EXPIRY_PAUSE) return false;
    this.lastExpiry = time;
    this.expire(time);
    return !isFull();
  }

  apply(output: GroupOutput, time: bigint): number {
    if (output.epoch !== this.epoch) {
      this.epoch = output.epoch;
      this.groups = [];
      this.expire(time);
    }
    this.overflowed = 0;
    this.reads++;
    const { kind, source } = this.source;
    for (let i = 0; i < output.newIds.length; i++) {
      const values = output.newLabels[i]!;
      this.groups[output.newIds[i]!] = this.keep(values.join('\0'), values, time);
    }
    if (source === 'ring') {
      this.add(output, time);
      this.exemplify(output, time);
    } else {
      if (kind === 'histogram') this.replaceHistograms(output, time);
      else this.replace(output, time);
      // Each id once, but for histograms: as many as there are entries leave none to forget.
      if (kind === 'histogram' || output.ids.length < this.entries.size)
        for (const entry of this.entries.values()) if (entry.seen !== this.reads) this.forget(entry);
      this.lastRead = time;
    }
    return this.overflowed;
  }

  alive(): Entry[] {
    return [...this.entries.values()];
  }

  private keep(key: string, labelValues: readonly string[] | undefined, time: bigint): Entry {
    const there = this.entries.get(key);
    if (there) return there;
    const { families, bounds, kind } = this.source;
    const start = this.lastRead ?? time;
    const entry: Entry = {
      key,
      labelValues,
      rendered: undefined,
      shown: [],
      values: families.map(() => 0),
      buckets: bounds ? new Float64Array(bounds.length + 1) : undefined,
      sum: 0,
      counts: kind === 'histogram' && !bounds ? new BucketCounts() : undefined,
      exemplars: undefined,
      start,
      born: start,
      updated: milliseconds(time),
      seen: -1,
      alive: true,
    };
    this.startAt(entry, start);
    // Without room it waits, not alive, in its group only.
    if (labelValues === undefined || this.hasRoom(time)) this.entries.set(key, entry);
    else entry.alive = false;
    return entry;
  }

  private forget(entry: Entry): void {
    this.entries.delete(entry.key);
    entry.alive = false;
  }

  /** The series of a group. One that had gone begins again: from nothing, and now. Without room it is the overflow series. */
  private of(id: number, time: bigint): Entry {
    if (id === 0) return this.keep(this.overflowKey, undefined, time);
    const entry = this.groups[id]!;
    if (!entry.alive) {
      if (!this.hasRoom(time)) return this.of(0, time);
      entry.values.fill(0);
      entry.buckets?.fill(0);
      entry.counts?.clear();
      entry.sum = 0;
      entry.exemplars = undefined;
      this.startAt(entry, this.lastRead ?? time);
      entry.born = entry.start;
      entry.alive = true;
      this.entries.set(entry.key, entry);
    }
    return entry;
  }

  private add(output: GroupOutput, time: bigint): void {
    const { kind, bounds } = this.source;
    const width = (bounds?.length ?? 0) + 1;
    const now = milliseconds(time);
    for (let i = 0; i < output.ids.length; i++) {
      const id = output.ids[i]!;
      const entry = this.of(id, time);
      entry.updated = now;
      const isFolded = id !== 0 && entry.labelValues === undefined;
      if (isFolded)
        this.overflowed += this.source.countsRecords ? Number(output.values[0]![i]!) : bounds ? 0 : 1;
      if (kind === 'histogram') {
        for (let b = 0; b < width; b++) {
          const count = output.buckets![i * width + b]!;
          entry.buckets![b]! += count;
          if (isFolded) this.overflowed += count;
        }
        entry.sum = plus(entry.sum, output.values[0]![i]!);
      } else {
        for (let v = 0; v < output.values.length; v++) {
          const value = output.values[v]![i]!;
          entry.values[v] = kind === 'gauge' ? value : plus(entry.values[v]!, value);
        }
      }
    }
  }

  private exemplify({ exemplars = [] }: GroupOutput, time: bigint): void {
    const { divisor } = this.source.families[0]!;
    for (const { group, bucket, labels, value, time: at } of exemplars) {
      const entry = this.of(group, time);
      entry.exemplars ??= new Map();
      const kept = entry.exemplars;
      kept.delete(bucket);
      if (kept.size >= MAX_EXEMPLARS) kept.delete(kept.keys().next().value ?? bucket);
      kept.set(bucket, { labels, value: value / divisor, time: at });
      entry.shown.length = 0;
    }
  }

  private replace(output: GroupOutput, time: bigint): void {
    const counter = this.source.kind === 'counter';
    for (let i = 0; i < output.ids.length; i++) {
      const entry = this.of(output.ids[i]!, time);
      for (let v = 0; v < output.values.length; v++) {
        const value = output.values[v]![i]!;
        // A counter that went down began again.
        if (counter && value < entry.values[v]!) this.beginAgain(entry, time);
        entry.values[v] = value;
      }
      entry.seen = this.reads;
    }
  }

  private replaceHistograms(output: GroupOutput, time: bigint): void {
    const read = new Set<Entry>();
    for (let i = 0; i < output.ids.length; i++) {
      const entry = this.of(output.ids[i]!, time);
      const counts = entry.counts!;
      if (entry.seen !== this.reads) {
        counts.begin();
        read.add(entry);
      }
      entry.seen = this.reads;
      const bound = this.boundOf(Number(output.bucketValues![i]!));
      counts.add(bound, Number(output.values[0]![i]!));
    }
    // As a counter that went down, it began again; its other buckets stand as they do.
    for (const entry of read) if (entry.counts?.fell) this.beginAgain(entry, time);
  }

  /** Some time after the last read. Always another start than before, by which differences know. */
  private beginAgain(entry: Entry, time: bigint): void {
    const since = this.lastRead ?? time;
    this.startAt(entry, since > entry.start ? since : entry.start + 1n);
  }

  private startAt(entry: Entry, start: bigint): void {
    entry.start = start;
    if (start > this.latestStart) this.latestStart = start;
  }

  /** +Infinity for a slot beyond every number. */
  private boundOf(raw: number): number {
    return this.source.scale === 'log2' ? 2 ** (raw + 1) - 1 : raw;
  }

  /** Series of a ring that were idle for too long go. */
  expire(now: bigint): void {
    const { expire, source } = this.source;
    if (expire === undefined || source !== 'ring') return;
    const oldest = milliseconds(now) - expire;
    for (const entry of this.entries.values()) if (entry.updated < oldest) this.forget(entry);
  }

  snapshot(entry: Entry, index: number): Series {
    const { divisor } = this.source.families[index]!;
    entry.rendered ??= this.render(entry);
    const { labels, labelText } = entry.rendered;
    const { start } = entry;
    if (this.source.kind !== 'histogram') {
      const value = divided(entry.values[index]!, divisor);
      const before = entry.shown[index];
      if (before && before.value === value && before.start === start) return before;
      const series = { labels, labelText, start, value, ...exemplarsOf(entry) };
      entry.shown[index] = series;
      return series;
    }
    if (entry.buckets) {
      const { exponential } = this.source;
      const value = exponential
        ? exponentialValue(exponential, entry.buckets)
        : { bounds: this.bounds(), counts: Array.from(entry.buckets) };
      const sum = divided(entry.sum, divisor);
      const histogram = { ...value, count: total(value.counts), sum };
      return { labels, labelText, start, histogram, ...exemplarsOf(entry) };
    }
    const sorted = entry.counts!.sorted();
    const finite = sorted.filter(([bound]) => Number.isFinite(bound));
    const counts = sorted.map(([, count]) => count);
    if (finite.length === sorted.length) counts.push(0);
    return {
      labels,
      labelText,
      start,
      born: entry.born,
      histogram: {
        bounds: finite.map(([bound]) => bound / divisor),
        counts,
        count: total(counts),
      },
    };
  }

  private render({ labelValues }: Entry): NonNullable<Entry['rendered']> {
    const labels = [
      ...this.hostLabels,
      ...(labelValues
        ? this.source.labelNames.map((name, i) => [name, labelValues[i] ?? ''] as const)
        : [['overflow', 'true'] as const]),
    ];
    return { labels, labelText: renderLabels(labels) };
  }

  /** One array for all series. */
  private bounds(): readonly number[] {
    this.shownBounds ??= this.source.bounds!.map((bound) => bound / this.source.families[0]!.divisor);
    return this.shownBounds;
  }
  private shownBounds: readonly number[] | undefined;
}

function exemplarsOf({ exemplars }: Entry): Pick<Series, 'exemplars'> {
  return exemplars ? { exemplars: [...exemplars.values()] } : {};
}

function total(counts: readonly number[]): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

/** A number is written into its place where a bigint would be a new object for each series and drain. */
function milliseconds(ns: bigint): number {
  return Number(ns) / 1e6;
}
