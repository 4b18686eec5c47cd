import type { KeyValue } from './value.js';

/** What is sent, as the OTLP messages have it (metrics.proto, logs.proto 1.x), before it is written. */
export interface Resource {
  readonly attributes: readonly KeyValue[];
}

export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** Attributes that are all text. */
export type Labels = readonly (readonly [name: string, value: string])[];

export interface NumberPoint {
  readonly labels: Labels;
  /** Unix ns; 0: unknown. */
  readonly start: bigint;
  readonly time: bigint;
  /** Safe integers, and bigints of signed 64 bits, are sent as integers; every other number as a double. */
  readonly value: number | bigint;
}

export interface HistogramPoint {
  readonly labels: Labels;
  readonly start: bigint;
  readonly time: bigint;
  readonly count: number;
  readonly sum: number | undefined;
  /** Not cumulative, one more than the bounds. */
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
}

interface MetricBase {
  readonly name: string;
  readonly description: string;
  /** UCUM: `s`, `By`, or empty. */
  readonly unit: string;
}

export type Temporality = 'delta' | 'cumulative';

export type Metric =
  | (MetricBase & { readonly kind: 'gauge'; readonly points: readonly NumberPoint[] })
  | (MetricBase & {
      readonly kind: 'sum';
      readonly temporality: Temporality;
      readonly points: readonly NumberPoint[];
    })
  | (MetricBase & {
      readonly kind: 'histogram';
      readonly temporality: Temporality;
      readonly points: readonly HistogramPoint[];
    });

export interface MetricsRequest {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly metrics: readonly Metric[];
}

export interface LogRecord {
  /** Unix ns. */
  readonly time: bigint;
  readonly observed: bigint;
  readonly body: string;
  readonly attributes: readonly KeyValue[];
}

export interface LogsRequest {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly records: readonly LogRecord[];
}
