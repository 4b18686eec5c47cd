import type { MetricBatch, MetricFamily, MetricType, Series } from '../../plugins/sdk/index.js';
import type { GroupOutput } from '../decode/index.js';
import { MetricsError } from './error.js';
import { renderLabels } from './labels.js';
import type { FamilyName } from './naming.js';

/** One map that makes series. */
export interface SeriesSource {
  readonly probe: string;
  readonly map: string;
  readonly kind: MetricType;
  readonly source: 'ring' | 'entry';
  /** One a value of the group plan. */
  readonly families: readonly FamilyName[];
  readonly labelNames: readonly string[];
  /** The fields' own names, for the sink that keeps BumbleBee's. */
  readonly fieldNames: readonly string[];
  /** In front of the record's labels, on every series. */
  readonly hostLabels: Readonly<Record<string, string>>;
  /** Ring histogram: raw units. */
  readonly bounds?: readonly number[];
  /** Entry histogram: how the key's last field becomes a bound. */
  readonly scale?: 'linear' | 'log2';
  /** ms without an update after which a ring's series goes. */
  readonly expire?: number;
}

export interface SeriesHandle {
  /** Fold the output of one drain or read. `time`: Unix ns. */
  apply(output: GroupOutput, time: bigint): void;
  /** The probe is gone, its series with it. */
  remove(): void;
}

interface Entry {
  readonly labels: readonly (readonly [string, string])[];
  readonly labelText: string;
  /** One a family. */
  values: (number | bigint)[];
  buckets: Float64Array | undefined;
  sum: number;
  /** Entry histogram: bound → count. */
  counts: Map<number, number> | undefined;
  start: bigint;
  updated: bigint;
  /** Number of the last read that had it. */
  seen: number;
}

/** Milliseconds that `collect` works before it lets the event loop turn. */
const SLICE_MS = 8;

/** All series of all probes. Series identity is the rendered labels; a family may have several sources. */
export class SeriesStore {
  private readonly sources = new Set<SourceSeries>();

  /** Throws {@link MetricsError} when another source's family has the same name and another type, unit or buckets. */
  register(source: SeriesSource): SeriesHandle {
    for (const family of source.families) {
      for (const other of this.sources) {
        const clash = other.source.families.find((one) => one.name === family.name);
        if (!clash) continue;
        const same =
          other.source.kind === source.kind &&
          clash.unit === family.unit &&
          JSON.stringify(other.source.bounds) === JSON.stringify(source.bounds);
        if (!same) {
          throw new MetricsError(
            'FAMILY_CLASH',
            `${source.map} would be the family ${family.name}, which ${other.source.probe}/${other.source.map} already is with another type, unit or buckets: rename one with \`metric:\``,
          );
        }
      }
    }
    const series = new SourceSeries(source);
    this.sources.add(series);
    return {
      apply: (output, time) => series.apply(output, time),
      remove: () => {
        this.sources.delete(series);
      },
    };
  }

  /** A snapshot of the series of the probes that `wanted` admits. Lets the event loop turn in between. */
  async collect(wanted: (probe: string) => boolean = () => true): Promise<MetricBatch> {
    const families = new Map<
      string,
      { family: Omit<MetricFamily, 'series'>; series: Series[]; texts: Set<string> }
    >();
    const time = BigInt(Date.now()) * 1_000_000n;
    let slice = performance.now();
    for (const source of [...this.sources]) {
      if (!wanted(source.source.probe)) continue;
      source.expire(time);
      for (const [index, name] of source.source.families.entries()) {
        let target = families.get(name.name);
        if (!target) {
          target = { family: familyOf(source.source, name), series: [], texts: new Set() };
          families.set(name.name, target);
        }
        for (const entry of source.entries.values()) {
          // Two sources can only meet here with equal labels if they are one probe's twins: shown once.
          if (target.texts.has(entry.labelText)) continue;
          target.texts.add(entry.labelText);
          target.series.push(source.snapshot(entry, index));
          if ((target.series.length & 511) === 0 && performance.now() - slice > SLICE_MS) {
            await new Promise((resolve) => setImmediate(resolve));
            slice = performance.now();
          }
        }
      }
    }
    return {
      kind: 'metrics',
      time,
      families: [...families.values()].map(({ family, series }) => ({ ...family, series })),
    };
  }
}

function familyOf(source: SeriesSource, name: FamilyName): Omit<MetricFamily, 'series'> {
  return {
    name: name.name,
    type: source.kind,
    help: name.help,
    ...(name.unit ? { unit: name.unit } : {}),
    origin: {
      map: source.map,
      hostLabels: Object.keys(source.hostLabels).length,
      fieldNames: source.fieldNames,
    },
  };
}

class SourceSeries {
  readonly entries = new Map<string, Entry>();
  private epoch = -1;
  /** Group number → entry, of the current epoch. */
  private groups: (Entry | undefined)[] = [];
  private reads = 0;

  constructor(readonly source: SeriesSource) {}

  apply(output: GroupOutput, time: bigint): void {
    if (output.epoch !== this.epoch) {
      this.epoch = output.epoch;
      this.groups = [];
    }
    for (let i = 0; i < output.newIds.length; i++)
      this.groups[output.newIds[i]!] = this.entry(output.newLabels[i]!, time);
    this.reads++;
    const { kind, source } = this.source;
    if (source === 'ring') this.add(output, time);
    else if (kind === 'histogram') this.replaceHistograms(output, time);
    else this.replace(output, time);
    if (source === 'entry') {
      for (const [text, entry] of this.entries) if (entry.seen !== this.reads) this.entries.delete(text);
    }
  }

  private entry(values: readonly string[], time: bigint): Entry {
    const host = Object.entries(this.source.hostLabels);
    const labels = [...host, ...this.source.labelNames.map((name, i) => [name, values[i] ?? ''] as const)];
    return this.keep(labels, time);
  }

  private keep(labels: readonly (readonly [string, string])[], time: bigint): Entry {
    const labelText = renderLabels(labels);
    let entry = this.entries.get(labelText);
    if (!entry) {
      entry = {
        labels,
        labelText,
        values: this.source.families.map(() => 0),
        buckets: this.source.bounds ? new Float64Array(this.source.bounds.length + 1) : undefined,
        sum: 0,
        counts: this.source.kind === 'histogram' && !this.source.bounds ? new Map() : undefined,
        start: time,
        updated: time,
        seen: this.reads,
      };
      this.entries.set(labelText, entry);
    }
    return entry;
  }

  /** The series of a group; a number that is unknown, or whose series has gone, is found or made again. */
  private of(id: number, time: bigint): Entry {
    if (id === 0) {
      return this.keep([...Object.entries(this.source.hostLabels), ['overflow', 'true']], time);
    }
    const entry = this.groups[id]!;
    if (!this.entries.has(entry.labelText)) this.entries.set(entry.labelText, entry);
    return entry;
  }

  private add(output: GroupOutput, time: bigint): void {
    const { kind } = this.source;
    const width = (this.source.bounds?.length ?? 0) + 1;
    for (let i = 0; i < output.ids.length; i++) {
      const entry = this.of(output.ids[i]!, time);
      entry.updated = time;
      if (kind === 'histogram') {
        for (let b = 0; b < width; b++) entry.buckets![b]! += output.buckets![i * width + b]!;
        entry.sum += Number(output.values[0]![i]!);
      } else {
        for (const [v, values] of output.values.entries())
          entry.values[v] = kind === 'gauge' ? values[i]! : plus(entry.values[v]!, values[i]!);
      }
    }
  }

  private replace(output: GroupOutput, time: bigint): void {
    for (let i = 0; i < output.ids.length; i++) {
      const entry = this.of(output.ids[i]!, time);
      for (const [v, values] of output.values.entries()) {
        const value = values[i]!;
        // A counter that went down began again.
        if (this.source.kind === 'counter' && value < entry.values[v]!) entry.start = time;
        entry.values[v] = value;
      }
      entry.updated = time;
      entry.seen = this.reads;
    }
  }

  private replaceHistograms(output: GroupOutput, time: bigint): void {
    for (let i = 0; i < output.ids.length; i++) {
      const entry = this.of(output.ids[i]!, time);
      if (entry.seen !== this.reads || entry.updated !== time) entry.counts!.clear();
      entry.seen = this.reads;
      entry.updated = time;
      const raw = Number(output.bucketValues![i]!);
      const bound = this.source.scale === 'log2' ? 2 ** (raw + 1) - 1 : raw;
      entry.counts!.set(bound, (entry.counts!.get(bound) ?? 0) + Number(output.values[0]![i]!));
    }
  }

  expire(now: bigint): void {
    const { expire, source } = this.source;
    if (expire === undefined || source !== 'ring') return;
    const oldest = now - BigInt(Math.round(expire)) * 1_000_000n;
    for (const [text, entry] of this.entries) {
      if (entry.updated >= oldest) continue;
      this.entries.delete(text);
      entry.values = entry.values.map(() => 0);
      entry.buckets?.fill(0);
      entry.sum = 0;
      entry.start = now;
    }
  }

  snapshot(entry: Entry, index: number): Series {
    const { scale } = this.source.families[index]!;
    const common = { labels: entry.labels, labelText: entry.labelText, start: entry.start };
    if (this.source.kind !== 'histogram') return { ...common, value: scaled(entry.values[index]!, scale) };
    if (entry.buckets) {
      const counts = Array.from(entry.buckets);
      const bounds = this.source.bounds!.map((bound) => scaledBound(bound, scale));
      return {
        ...common,
        histogram: { bounds, counts, count: counts.reduce((sum, n) => sum + n, 0), sum: entry.sum * scale },
      };
    }
    const sorted = [...entry.counts!].sort(([a], [b]) => a - b);
    const counts = [...sorted.map(([, count]) => count), 0];
    return {
      ...common,
      histogram: {
        bounds: sorted.map(([bound]) => scaledBound(bound, scale)),
        counts,
        count: counts.reduce((sum, n) => sum + n, 0),
      },
    };
  }
}

function scaled(value: number | bigint, scale: number): number | bigint {
  return scale === 1 ? value : Number(value) * scale;
}

/** 1000 ns is 0.000001 s, not 0.0000010000000000000002. */
function scaledBound(bound: number, scale: number): number {
  return scale === 1 ? bound : Number((bound * scale).toPrecision(15));
}

/** Exact: beyond 2^53 as a bigint. */
function plus(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum) || !Number.isInteger(a) || !Number.isInteger(b)) return sum;
  }
  if (typeof a === 'number' && !Number.isInteger(a)) return a + Number(b);
  if (typeof b === 'number' && !Number.isInteger(b)) return Number(a) + b;
  return BigInt(a) + BigInt(b);
}
