import type { Attributes, HrTime } from '@opentelemetry/api';
import type { DataPoint, ExponentialHistogram, Histogram } from '@opentelemetry/sdk-metrics';
import type { Exemplar, ExponentialBuckets, HistogramValue, Series } from './metrics.js';

const SECOND = 1_000_000_000n;
const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);

/**
 * A point as the OpenTelemetry SDK has it, made when it is asked for, over what the SDK's types cannot hold: the
 * labels in their order, times and integers of 64 bits, exemplars.
 */
abstract class Point {
  constructor(
    readonly labels: Series['labels'],
    /** Unix ns; 0: unknown. */
    readonly start: bigint,
    readonly time: bigint,
    readonly exemplars: readonly Exemplar[] = [],
  ) {}

  get attributes(): Attributes {
    return Object.fromEntries(this.labels);
  }

  get startTime(): HrTime {
    return hrTime(this.start);
  }

  get endTime(): HrTime {
    return hrTime(this.time);
  }
}

export class NumberPoint extends Point implements DataPoint<number> {
  /** Safe integers, and bigints of signed 64 bits, are integers; every other number is a double. */
  readonly exact: number | bigint;

  constructor(
    labels: Series['labels'],
    start: bigint,
    time: bigint,
    value: number | bigint,
    exemplars?: readonly Exemplar[],
  ) {
    super(labels, start, time, exemplars);
    this.exact =
      typeof value === 'bigint' && (value > INT64_MAX || value < INT64_MIN) ? Number(value) : value;
  }

  /** The nearest double: the SDK's own serialisers throw on a bigint. */
  get value(): number {
    return Number(this.exact);
  }
}

export class HistogramPoint extends Point implements DataPoint<Histogram> {
  constructor(
    labels: Series['labels'],
    start: bigint,
    time: bigint,
    readonly histogram: HistogramValue,
    exemplars?: readonly Exemplar[],
    /** {@link Series.born}. */
    readonly born?: bigint,
  ) {
    super(labels, start, time, exemplars);
  }

  get value(): Histogram {
    const { bounds, counts, count, sum } = this.histogram;
    return {
      buckets: { boundaries: [...bounds], counts: [...counts] },
      count,
      ...(sum === undefined ? {} : { sum: Number(sum) }),
    };
  }
}

export class ExponentialPoint extends Point implements DataPoint<ExponentialHistogram> {
  constructor(
    labels: Series['labels'],
    start: bigint,
    time: bigint,
    readonly histogram: HistogramValue,
    readonly exponential: ExponentialBuckets,
    exemplars?: readonly Exemplar[],
  ) {
    super(labels, start, time, exemplars);
  }

  get value(): ExponentialHistogram {
    const { count, sum } = this.histogram;
    const { scale, zeroCount, offset, counts } = this.exponential;
    return {
      count,
      ...(sum === undefined ? {} : { sum: Number(sum) }),
      scale,
      zeroCount,
      positive: { offset, bucketCounts: [...counts] },
      negative: { offset: 0, bucketCounts: [] },
    };
  }
}

function hrTime(ns: bigint): HrTime {
  return [Number(ns / SECOND), Number(ns % SECOND)];
}
