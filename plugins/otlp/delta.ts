import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import {
  type Exemplar,
  type ExponentialBuckets,
  ExponentialPoint,
  HistogramPoint,
  NumberPoint,
} from '../sdk/index.js';

type Point = NumberPoint | HistogramPoint | ExponentialPoint;

/** Differences to what arrived last, of a producer of cumulative metrics. */
export class DeltaProducer implements MetricProducer {
  private last = new Map<string, Point>();
  private pending: Map<string, Point> | undefined;

  constructor(private readonly cumulative: MetricProducer) {}

  /** Calling again before {@link taken} gives the same difference, and what came since. */
  async collect(): ReturnType<MetricProducer['collect']> {
    const { resourceMetrics, errors } = await this.cumulative.collect();
    const next = new Map<string, Point>();
    const scopeMetrics = resourceMetrics.scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.map((metric) => this.difference(metric, next)),
    }));
    this.pending = next;
    return { resourceMetrics: { ...resourceMetrics, scopeMetrics }, errors };
  }

  /** The last reading has arrived: differences are to it from now on. Series that are gone are forgotten. */
  taken(): void {
    if (this.pending) this.last = this.pending;
    this.pending = undefined;
  }

  private difference(metric: MetricData, next: Map<string, Point>): MetricData {
    if (metric.dataPointType === DataPointType.GAUGE) return metric;
    const since = <P extends Point>(point: P, minus: (now: P, before: P) => P): P => {
      const key = JSON.stringify([metric.descriptor.name, point.labels]);
      next.set(key, point);
      const before = this.last.get(key) as P | undefined;
      // A series that began anew since the last report is reported from its beginning.
      return before === undefined || before.start !== point.start || fell(point, before)
        ? point
        : minus(point, before);
    };
    const common = { ...metric, aggregationTemporality: AggregationTemporality.DELTA };
    switch (common.dataPointType) {
      case DataPointType.SUM:
        return { ...common, dataPoints: (common.dataPoints as NumberPoint[]).map((p) => since(p, number)) };
      case DataPointType.HISTOGRAM:
        return {
          ...common,
          dataPoints: (common.dataPoints as HistogramPoint[]).map((p) => since(p, histogram)),
        };
      case DataPointType.EXPONENTIAL_HISTOGRAM:
        return {
          ...common,
          dataPoints: (common.dataPoints as ExponentialPoint[]).map((p) => since(p, exponential)),
        };
    }
  }
}

/** A histogram that the kernel keeps loses a bucket's count when its key is deleted. */
function fell(now: Point, before: Point): boolean {
  if (now instanceof NumberPoint || before instanceof NumberPoint) return false;
  const known = new Map(before.histogram.bounds.map((bound, i) => [bound, before.histogram.counts[i]!]));
  const { bounds, counts, count } = now.histogram;
  if (count < before.histogram.count) return true;
  let kept = 0;
  const isLess = bounds.some((bound, i) => {
    const earlier = known.get(bound);
    if (earlier !== undefined) kept++;
    return counts[i]! < (earlier ?? 0);
  });
  return isLess || kept < known.size;
}

/** Exact between integers. */
function minus(a: number | bigint, b: number | bigint): number | bigint {
  const isWhole = (value: number | bigint): boolean =>
    typeof value === 'bigint' || Number.isSafeInteger(value);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return isWhole(a) && isWhole(b) ? BigInt(a) - BigInt(b) : Number(a) - Number(b);
}

const sumOf = (now: HistogramPoint | ExponentialPoint, before: HistogramPoint | ExponentialPoint) => {
  const [a, b] = [now.histogram.sum, before.histogram.sum];
  return a === undefined || b === undefined ? {} : { sum: minus(a, b) };
};

/** Those of records that are in the difference. */
function since({ exemplars }: Point, before: Point): readonly Exemplar[] {
  return exemplars.filter(({ time }) => time > before.time);
}

/** The difference's start is the time of the reading before it. */
function number(now: NumberPoint, before: NumberPoint): NumberPoint {
  const value = minus(now.exact, before.exact);
  return new NumberPoint(now.labels, before.time, now.time, value, since(now, before));
}

function histogram(now: HistogramPoint, before: HistogramPoint): HistogramPoint {
  const [a, b] = [now.histogram, before.histogram];
  const sameBounds =
    a.bounds.length === b.bounds.length && a.bounds.every((bound, i) => bound === b.bounds[i]);
  // Bounds of a histogram that the kernel keeps may grow: what was counted below a bound stays below it.
  const known = new Map(b.counts.map((count, i) => [b.bounds[i] ?? Number.POSITIVE_INFINITY, count]));
  const counts = a.counts.map((count, i) =>
    sameBounds ? count - b.counts[i]! : count - (known.get(a.bounds[i] ?? Number.POSITIVE_INFINITY) ?? 0),
  );
  const value = { bounds: a.bounds, counts, count: a.count - b.count, ...sumOf(now, before) };
  return new HistogramPoint(now.labels, before.time, now.time, value, since(now, before));
}

function exponential(now: ExponentialPoint, before: ExponentialPoint): ExponentialPoint {
  const [a, b] = [now.exponential, rescaled(before.exponential, now.exponential.scale)];
  const counts = a.counts.map((count, i) => count - (b.counts[i + a.offset - b.offset] ?? 0));
  const point = { ...now.histogram, count: now.histogram.count - before.histogram.count };
  const { sum: _, ...rest } = point;
  return new ExponentialPoint(
    now.labels,
    before.time,
    now.time,
    { ...rest, ...sumOf(now, before) },
    { scale: a.scale, zeroCount: a.zeroCount - b.zeroCount, offset: a.offset, counts },
    since(now, before),
  );
}

/** At a coarser scale: a scale less, two buckets become one. */
function rescaled(buckets: ExponentialBuckets, scale: number): ExponentialBuckets {
  const shift = buckets.scale - scale;
  if (shift <= 0 || buckets.counts.length === 0) return buckets;
  const offset = buckets.offset >> shift;
  const counts: number[] = [];
  buckets.counts.forEach((count, i) => {
    const index = ((buckets.offset + i) >> shift) - offset;
    counts[index] = (counts[index] ?? 0) + count;
  });
  return { ...buckets, scale, offset, counts };
}
