import type { HistogramValue, MetricBatch, MetricFamily, Series } from '../sdk/index.js';
import type { HistogramPoint, Metric, NumberPoint, Temporality } from './model.js';

const UNITS = { seconds: 's', bytes: 'By' } as const;
const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);

/** Turns readings into points, and keeps for delta what was reported last. */
export class MetricPoints {
  private last = new Map<string, NumberPoint | HistogramPoint>();
  private pending: Map<string, NumberPoint | HistogramPoint> | undefined;

  constructor(private readonly temporality: Temporality) {}

  /** Calling again before {@link taken} gives the same difference, and what came since. */
  of(batch: MetricBatch): Metric[] {
    const next = new Map<string, NumberPoint | HistogramPoint>();
    const metrics = batch.families.map((family) => this.metric(family, batch.time, next));
    this.pending = next;
    return metrics.filter(({ points }) => points.length > 0);
  }

  /** The last reading has arrived: differences are to it from now on. Series that are gone are forgotten. */
  taken(): void {
    if (this.pending) this.last = this.pending;
    this.pending = undefined;
  }

  private metric(
    family: MetricFamily,
    time: bigint,
    next: Map<string, NumberPoint | HistogramPoint>,
  ): Metric {
    const { name, help, type, unit } = family;
    const common = { name, description: help, unit: unit ? UNITS[unit] : '' };
    const { temporality } = this;
    if (type === 'gauge')
      return {
        ...common,
        kind: 'gauge',
        points: family.series.map((series) => numberPoint(series, 0n, time)),
      };
    const since = <P extends NumberPoint | HistogramPoint>(
      series: Series,
      point: P,
      minus: (a: P, b: P) => P,
    ): P => {
      if (temporality === 'cumulative') return point;
      const key = `${name}\0${series.labelText}`;
      next.set(key, point);
      const before = this.last.get(key) as P | undefined;
      // A series that began anew since the last report is reported from its beginning.
      return before === undefined || before.start !== point.start ? point : minus(point, before);
    };
    if (type === 'counter') {
      const points = family.series.map((series) =>
        since(series, numberPoint(series, series.start ?? 0n, time), numberDelta),
      );
      return { ...common, kind: 'sum', temporality, points };
    }
    const points = family.series.flatMap((series) =>
      series.histogram ? [since(series, histogramPoint(series, series.histogram, time), histogramDelta)] : [],
    );
    return { ...common, kind: 'histogram', temporality, points };
  }
}

function numberPoint(series: Series, start: bigint, time: bigint): NumberPoint {
  return { labels: series.labels, start, time, value: numberOf(series.value ?? Number.NaN) };
}

/** Integers as far as signed 64 bits go; beyond, the nearest double. */
function numberOf(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  return value > INT64_MAX || value < INT64_MIN ? Number(value) : value;
}

function histogramPoint(
  series: Series,
  { bounds, counts, count, sum }: HistogramValue,
  time: bigint,
): HistogramPoint {
  return {
    labels: series.labels,
    start: series.start ?? 0n,
    time,
    count,
    sum: sum === undefined ? undefined : Number(sum),
    counts,
    bounds,
  };
}

/** Exact between integers. */
function minus(a: number | bigint, b: number | bigint): number | bigint {
  const isWhole = (value: number | bigint): boolean =>
    typeof value === 'bigint' || Number.isSafeInteger(value);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return isWhole(a) && isWhole(b) ? numberOf(BigInt(a) - BigInt(b)) : Number(a) - Number(b);
}

/** The difference's start is the time of the reading before it. */
function numberDelta(now: NumberPoint, before: NumberPoint): NumberPoint {
  const value = minus(now.value, before.value);
  return { ...now, start: before.time, value };
}

function histogramDelta(now: HistogramPoint, before: HistogramPoint): HistogramPoint {
  const sameBounds =
    now.bounds.length === before.bounds.length && now.bounds.every((bound, i) => bound === before.bounds[i]);
  // Bounds of a histogram that the kernel keeps may grow: what was counted below a bound stays below it.
  const known = new Map(
    before.counts.map((count, i) => [before.bounds[i] ?? Number.POSITIVE_INFINITY, count]),
  );
  const counts = now.counts.map((count, i) =>
    sameBounds
      ? count - before.counts[i]!
      : count - (known.get(now.bounds[i] ?? Number.POSITIVE_INFINITY) ?? 0),
  );
  return {
    ...now,
    start: before.time,
    counts,
    count: now.count - before.count,
    sum: now.sum === undefined || before.sum === undefined ? undefined : now.sum - before.sum,
  };
}
