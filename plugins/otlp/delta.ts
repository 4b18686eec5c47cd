import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
  type ResourceMetrics,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import {
  type Exemplar,
  type ExponentialBuckets,
  ExponentialPoint,
  HistogramPoint,
  NumberPoint,
} from '../sdk/index.js';
import { STRIDE, turn } from './turn.js';

type Point = NumberPoint | HistogramPoint | ExponentialPoint;

/** Differences to what arrived last, of a producer of cumulative metrics. */
export class DeltaProducer implements MetricProducer {
  private last = new Map<string, Point>();
  private pending: Map<string, Point> | undefined;
  /** Of which series, and of which of its points, a difference is. */
  private readonly sources = new WeakMap<object, { readonly key: string; readonly point: Point }>();

  constructor(private readonly cumulative: MetricProducer) {}

  /** Calling again before {@link taken} gives the same difference, and what came since. Lets the event loop turn. */
  async collect(): ReturnType<MetricProducer['collect']> {
    const { resourceMetrics, errors } = await this.cumulative.collect();
    this.pending = new Map();
    const scopeMetrics: ScopeMetrics[] = [];
    for (const { scope, metrics } of resourceMetrics.scopeMetrics) {
      const differences: MetricData[] = [];
      for (const metric of metrics) differences.push(await this.difference(metric, this.pending));
      scopeMetrics.push({ scope, metrics: differences });
    }
    return { resourceMetrics: { ...resourceMetrics, scopeMetrics }, errors };
  }

  /** These of the last reading's points have arrived, and others perhaps will. */
  partTaken({ scopeMetrics }: Pick<ResourceMetrics, 'scopeMetrics'>): void {
    for (const { metrics } of scopeMetrics)
      for (const { dataPoints } of metrics)
        for (const point of dataPoints) {
          const source = this.sources.get(point);
          if (source) this.last.set(source.key, source.point);
        }
  }

  /** The last reading has arrived: differences are to it from now on. Series that are gone are forgotten. */
  taken(): void {
    if (this.pending) this.last = this.pending;
    this.pending = undefined;
  }

  private async difference(metric: MetricData, next: Map<string, Point>): Promise<MetricData> {
    if (metric.dataPointType === DataPointType.GAUGE) return metric;
    const common = { ...metric, aggregationTemporality: AggregationTemporality.DELTA };
    switch (common.dataPointType) {
      case DataPointType.SUM:
        return { ...common, dataPoints: await this.since(common, next, number) };
      case DataPointType.HISTOGRAM:
        return { ...common, dataPoints: await this.since(common, next, histogram) };
      case DataPointType.EXPONENTIAL_HISTOGRAM:
        return { ...common, dataPoints: await this.since(common, next, exponential) };
    }
  }

  private async since<P extends Point>(
    { descriptor, dataPoints }: Pick<MetricData, 'descriptor' | 'dataPoints'>,
    next: Map<string, Point>,
    minus: (now: P, before: P) => P,
  ): Promise<P[]> {
    const differences: P[] = [];
    for (const point of dataPoints as unknown as P[]) {
      const key = JSON.stringify([descriptor.name, point.labels]);
      next.set(key, point);
      const before = this.last.get(key) as P | undefined;
      // A series that began anew since the last report is reported from its beginning.
      const isNew = before === undefined || beginningOf(before) !== beginningOf(point);
      const difference = isNew ? point : minus(point, before);
      this.sources.set(difference, { key, point });
      differences.push(difference);
      if (differences.length % STRIDE === 0) await turn();
    }
    return differences;
  }
}

/**
 * What is another number once a series began anew. Of a histogram that the kernel keeps, one entry a bucket, any
 * bucket may do so by itself, and the others go on: differences are each bucket's own.
 */
function beginningOf(point: Point): bigint {
  return (point instanceof HistogramPoint ? point.born : undefined) ?? point.start;
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
  // Bounds of a histogram that the kernel keeps may become more: what was counted below one stays below it.
  const known =
    a.bounds === b.bounds
      ? undefined
      : new Map(b.counts.map((count, i) => [b.bounds[i] ?? Number.POSITIVE_INFINITY, count]));
  let count = 0;
  const counts = a.counts.map((now, i) => {
    const earlier = known ? (known.get(a.bounds[i] ?? Number.POSITIVE_INFINITY) ?? 0) : b.counts[i]!;
    // A bucket that fell began anew by itself. One that is gone adds nothing.
    const more = now < earlier ? now : now - earlier;
    count += more;
    return more;
  });
  const value = { bounds: a.bounds, counts, count, ...sumOf(now, before) };
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
