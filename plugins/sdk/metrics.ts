/** The state of a set of metrics at one moment. Plain data, clonable. Read-only by contract. */
export interface MetricBatch {
  readonly kind: 'metrics';
  /** Unix time of the reading, ns. */
  readonly time: bigint;
  readonly families: readonly MetricFamily[];
}

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricFamily {
  /** Prometheus name, e.g. `ebpf_execs_total`; a histogram without its `_bucket`. Base units. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** OpenMetrics unit, the last token of the name: `seconds`, `bytes`. */
  readonly unit?: 'seconds' | 'bytes';
  /** Where it comes from; absent for the agent's own metrics. A family may have several sources (two probes, one map name). */
  readonly origin?: MetricOrigin;
  readonly series: readonly Series[];
}

export interface MetricOrigin {
  /** Name of the map in the kernel object, with its prefix: `counter_execs`. */
  readonly map: string;
  /** The value's field, where a struct value makes one metric a field. */
  readonly field?: string;
  /** How many labels of each series, from the first, are the host's (`probe`, the agent's labels); the rest are the record's. */
  readonly hostLabels: number;
  /** The record's own field names for the other labels, before any renaming, flattened with `_`. */
  readonly fieldNames: readonly string[];
}

export interface Series {
  /** Label names and values, in order of rendering. The same array object for the life of a series. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** The same labels in exposition syntax, escaped, without braces: `probe="x",comm="sh"`. Unique within the family. */
  readonly labelText: string;
  /** Counter or gauge. bigint only where a number would not be exact. Undefined for a histogram. */
  readonly value?: number | bigint;
  readonly histogram?: HistogramValue;
  /** Unix ns of the start of a cumulative series: when it was first seen, or last reset. */
  readonly start?: bigint;
  /**
   * Unix ns; only of a histogram that the kernel keeps, an entry a bucket. `start` moves where one of its buckets
   * falls, this only where all of it is new. Internal: for differences, which are each bucket's own there.
   */
  readonly born?: bigint;
  /** Single records that stand for what was counted, where the config asks for them: of a histogram, one a bucket at most. */
  readonly exemplars?: readonly Exemplar[];
  /** Only where it is not the family's. */
  readonly origin?: MetricOrigin;
}

/** One record of many (OpenMetrics 1.0, "Exemplars"). */
export interface Exemplar {
  /** Names and values together have at most 128 characters. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** What the record added or was observed, in the family's unit. Of a histogram, it says in which bucket. */
  readonly value: number;
  /** Unix ns. */
  readonly time: bigint;
}

export interface HistogramValue {
  /** Upper bounds (inclusive, `le`), ascending, in the family's unit, without +Inf. Shared between series. */
  readonly bounds: readonly number[];
  /** Observations a bucket, NOT cumulative; one more than `bounds`, the last being +Inf. */
  readonly counts: readonly number[];
  readonly count: number;
  /** Absent where it cannot be known (a histogram that the kernel keeps in a hash). bigint only where a number would not be exact. */
  readonly sum?: number | bigint;
  /** The same observations in finer buckets; absent unless the map's `buckets` are exponential. */
  readonly exponential?: ExponentialBuckets;
}

/**
 * Buckets of an OpenTelemetry exponential histogram (data model, "ExponentialHistogram"): the n-th of `counts` holds
 * the observations in (base^(offset+n), base^(offset+n+1)], where base is 2^(2^-scale).
 */
export interface ExponentialBuckets {
  readonly scale: number;
  /** Observations of 0. */
  readonly zeroCount: number;
  readonly offset: number;
  readonly counts: readonly number[];
}
