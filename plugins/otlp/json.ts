import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Exemplar, ExponentialPoint, HistogramPoint, NumberPoint, Series } from '../sdk/index.js';
import type { LogRecord, LogsRequest, Resource } from './model.js';
import { SEVERITY_INFO, TEMPORALITY } from './protobuf.js';
import { type AnyValue, attributesOf, type KeyValue } from './value.js';

/**
 * The JSON of OTLP (specification, "JSON Protobuf Encoding"): 64-bit integers are decimal strings. Of points that our
 * producer made.
 */
export function metricsJson({ resource, scopeMetrics }: ResourceMetrics): string {
  return JSON.stringify({
    resourceMetrics: [
      {
        resource: resourceJson({ attributes: attributesOf(resource.attributes) }),
        scopeMetrics: scopeMetrics.map(({ scope: { name, version }, metrics }) => ({
          scope: { name, version },
          metrics: metrics.map(metricJson),
        })),
      },
    ],
  });
}

export function logsJson({ resource, scope, records }: LogsRequest): string {
  return JSON.stringify({
    resourceLogs: [
      { resource: resourceJson(resource), scopeLogs: [{ scope, logRecords: records.map(recordJson) }] },
    ],
  });
}

const resourceJson = ({ attributes }: Resource) => ({ attributes: attributes.map(attributeJson) });

function metricJson(metric: MetricData): Record<string, unknown> {
  const { name, description, unit } = metric.descriptor;
  const common = { name, description, unit };
  const aggregationTemporality = TEMPORALITY[metric.aggregationTemporality];
  switch (metric.dataPointType) {
    case DataPointType.GAUGE:
      return { ...common, gauge: { dataPoints: (metric.dataPoints as NumberPoint[]).map(numberJson) } };
    case DataPointType.SUM: {
      const dataPoints = (metric.dataPoints as NumberPoint[]).map(numberJson);
      return { ...common, sum: { dataPoints, aggregationTemporality, isMonotonic: metric.isMonotonic } };
    }
    case DataPointType.HISTOGRAM: {
      const dataPoints = (metric.dataPoints as HistogramPoint[]).map(histogramJson);
      return { ...common, histogram: { dataPoints, aggregationTemporality } };
    }
    case DataPointType.EXPONENTIAL_HISTOGRAM: {
      const dataPoints = (metric.dataPoints as ExponentialPoint[]).map(exponentialJson);
      return { ...common, exponentialHistogram: { dataPoints, aggregationTemporality } };
    }
  }
}

function pointJson({ labels, start, time, exemplars }: NumberPoint | HistogramPoint | ExponentialPoint) {
  return {
    attributes: labels.map(labelJson),
    ...(start === 0n ? {} : { startTimeUnixNano: String(start) }),
    timeUnixNano: String(time),
    ...(exemplars.length > 0 ? { exemplars: exemplars.map(exemplarJson) } : {}),
  };
}

function exemplarJson({ labels, value, time }: Exemplar): Record<string, unknown> {
  return { filteredAttributes: labels.map(labelJson), timeUnixNano: String(time), ...numberOf(value) };
}

function numberJson(point: NumberPoint): Record<string, unknown> {
  const { exact } = point;
  return {
    ...pointJson(point),
    ...numberOf(exact),
  };
}

function numberOf(value: number | bigint): Record<string, unknown> {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
    ? { asInt: String(value) }
    : { asDouble: double(value) };
}

const countJson = ({ count, sum }: HistogramPoint['histogram']) => ({
  count: String(count),
  ...(sum === undefined ? {} : { sum: double(Number(sum)) }),
});

function histogramJson(point: HistogramPoint): Record<string, unknown> {
  const { bounds, counts } = point.histogram;
  return {
    ...pointJson(point),
    ...countJson(point.histogram),
    bucketCounts: counts.map(String),
    explicitBounds: bounds,
  };
}

function exponentialJson(point: ExponentialPoint): Record<string, unknown> {
  const { scale, zeroCount, offset, counts } = point.exponential;
  return {
    ...pointJson(point),
    ...countJson(point.histogram),
    scale,
    zeroCount: String(zeroCount),
    positive: { offset, bucketCounts: counts.map(String) },
  };
}

function recordJson({ time, observed, body, attributes }: LogRecord): Record<string, unknown> {
  return {
    timeUnixNano: String(time),
    observedTimeUnixNano: String(observed),
    severityNumber: SEVERITY_INFO,
    severityText: 'INFO',
    body: { stringValue: body },
    attributes: attributes.map(attributeJson),
  };
}

const labelJson = ([key, stringValue]: Series['labels'][number]) => ({ key, value: { stringValue } });

const attributeJson = ([key, value]: KeyValue) => ({ key, value: valueJson(value) });

function valueJson(value: AnyValue): Record<string, unknown> {
  switch (value.kind) {
    case 'string':
      return { stringValue: value.value };
    case 'bool':
      return { boolValue: value.value };
    case 'int':
      return { intValue: String(value.value) };
    case 'double':
      return { doubleValue: double(value.value) };
    case 'array':
      return { arrayValue: { values: value.value.map(valueJson) } };
    case 'map':
      return { kvlistValue: { values: value.value.map(attributeJson) } };
  }
}

/** JSON has no NaN and no infinity; protobuf's JSON has words for them. */
function double(value: number): number | string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return 'Infinity';
  return value === Number.NEGATIVE_INFINITY ? '-Infinity' : value;
}
