import type { ValueType } from '@opentelemetry/api';
import type {
  AggregationTemporality,
  CollectionResult,
  ExponentialHistogramMetricData,
  GaugeMetricData,
  HistogramMetricData,
  MetricData,
  MetricProducer,
  SumMetricData,
} from '@opentelemetry/sdk-metrics';
import { ExponentialPoint, HistogramPoint, NumberPoint } from './metric-point.js';
import type { MetricBatch, MetricFamily } from './metrics.js';

// The SDK's enums by value, which the compiler checks: only a sink that runs the SDK should have to load it.
const CUMULATIVE: AggregationTemporality.CUMULATIVE = 1;
const DOUBLE: ValueType.DOUBLE = 1;
const HISTOGRAM: HistogramMetricData['dataPointType'] = 0;
const EXPONENTIAL_HISTOGRAM: ExponentialHistogramMetricData['dataPointType'] = 1;
const GAUGE: GaugeMetricData['dataPointType'] = 2;
const SUM: SumMetricData['dataPointType'] = 3;

/** Points after which the event loop turns: a few milliseconds' work. */
const STRIDE = 4096;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** UCUM. */
const UNITS = { seconds: 's', bytes: 'By' } as const;

/** A reader takes the resource of its own MeterProvider, and none from the producers beside it. */
const NO_RESOURCE: CollectionResult['resourceMetrics']['resource'] = {
  attributes: {},
  merge: (other) => other ?? NO_RESOURCE,
  getRawAttributes: () => [],
};

export interface MetricProducerOptions {
  /** Instrumentation scope. Default: `bee-agent`. */
  readonly scope?: { readonly name: string; readonly version?: string };
  /** Whether histograms with exponential buckets are given as such; otherwise by their explicit bounds. Default true. */
  readonly exponential?: boolean;
}

/**
 * The series of probes for a reader of the OpenTelemetry SDK, made while the event loop turns. Sums are cumulative and start where their series did.
 * Values are numbers, beyond 2^53 the nearest double; each point has the exact one as `exact`.
 * @example
 * const reader = new PeriodicExportingMetricReader({
 *   exporter: new OTLPMetricExporter(),
 *   metricProducers: [metricProducer(() => context.collect())],
 * });
 * const provider = new MeterProvider({ readers: [reader] });
 */
export function metricProducer(
  collect: () => MetricBatch | Promise<MetricBatch>,
  { scope = { name: 'bee-agent' }, exponential = true }: MetricProducerOptions = {},
): MetricProducer {
  return {
    async collect() {
      const { families, time } = await collect();
      const metrics: MetricData[] = [];
      for (const family of families) metrics.push(...(await metricsOf(family, time, exponential)));
      return {
        resourceMetrics: { resource: NO_RESOURCE, scopeMetrics: [{ scope, metrics }] },
        errors: [],
      };
    },
  };
}

/** None where the family has no series; two where only some of its histograms are exponential. */
async function metricsOf(family: MetricFamily, time: bigint, exponential: boolean): Promise<MetricData[]> {
  const { name, help, type, unit, series } = family;
  if (series.length === 0) return [];
  const common = {
    descriptor: { name, description: help, unit: unit ? UNITS[unit] : '', valueType: DOUBLE },
    aggregationTemporality: CUMULATIVE,
  } as const;
  if (type !== 'histogram') {
    const gauge = type === 'gauge';
    const dataPoints: NumberPoint[] = [];
    for (const { labels, start, value, exemplars } of series) {
      const begun = gauge ? 0n : (start ?? 0n);
      dataPoints.push(new NumberPoint(labels, begun, time, value ?? Number.NaN, exemplars));
      if (dataPoints.length % STRIDE === 0) await turn();
    }
    return [
      gauge
        ? { ...common, dataPointType: GAUGE, dataPoints }
        : { ...common, dataPointType: SUM, isMonotonic: true, dataPoints },
    ];
  }
  const explicit: HistogramPoint[] = [];
  const base2: ExponentialPoint[] = [];
  let made = 0;
  for (const { labels, start = 0n, born, histogram, exemplars } of series) {
    if (++made % STRIDE === 0) await turn();
    if (!histogram) continue;
    if (exponential && histogram.exponential)
      base2.push(new ExponentialPoint(labels, start, time, histogram, histogram.exponential, exemplars));
    else explicit.push(new HistogramPoint(labels, start, time, histogram, exemplars, born));
  }
  return [
    ...(explicit.length > 0
      ? [{ ...common, dataPointType: HISTOGRAM, dataPoints: explicit } satisfies HistogramMetricData]
      : []),
    ...(base2.length > 0
      ? [
          {
            ...common,
            dataPointType: EXPONENTIAL_HISTOGRAM,
            dataPoints: base2,
          } satisfies ExponentialHistogramMetricData,
        ]
      : []),
  ];
}
