import type {
  HistogramPoint,
  Labels,
  LogRecord,
  LogsRequest,
  Metric,
  MetricsRequest,
  NumberPoint,
  Resource,
} from './model.js';
import { SEVERITY_INFO, TEMPORALITY } from './protobuf.js';
import type { AnyValue, KeyValue } from './value.js';

/** The JSON of OTLP (specification, "JSON Protobuf Encoding"): 64-bit integers are decimal strings. */
export function metricsJson({ resource, scope, metrics }: MetricsRequest): string {
  return JSON.stringify({
    resourceMetrics: [
      { resource: resourceJson(resource), scopeMetrics: [{ scope, metrics: metrics.map(metricJson) }] },
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

function metricJson(metric: Metric): Record<string, unknown> {
  const { name, description, unit } = metric;
  const common = { name, description, unit };
  switch (metric.kind) {
    case 'gauge':
      return { ...common, gauge: { dataPoints: metric.points.map(numberJson) } };
    case 'sum':
      return {
        ...common,
        sum: {
          dataPoints: metric.points.map(numberJson),
          aggregationTemporality: TEMPORALITY[metric.temporality],
          isMonotonic: true,
        },
      };
    case 'histogram':
      return {
        ...common,
        histogram: {
          dataPoints: metric.points.map(histogramJson),
          aggregationTemporality: TEMPORALITY[metric.temporality],
        },
      };
  }
}

function numberJson({ labels, start, time, value }: NumberPoint): Record<string, unknown> {
  return {
    attributes: labels.map(labelJson),
    ...(start === 0n ? {} : { startTimeUnixNano: String(start) }),
    timeUnixNano: String(time),
    ...(typeof value === 'bigint' || Number.isSafeInteger(value)
      ? { asInt: String(value) }
      : { asDouble: double(Number(value)) }),
  };
}

function histogramJson(point: HistogramPoint): Record<string, unknown> {
  return {
    attributes: point.labels.map(labelJson),
    ...(point.start === 0n ? {} : { startTimeUnixNano: String(point.start) }),
    timeUnixNano: String(point.time),
    count: String(point.count),
    ...(point.sum === undefined ? {} : { sum: double(point.sum) }),
    bucketCounts: point.counts.map(String),
    explicitBounds: point.bounds,
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

const labelJson = ([key, stringValue]: Labels[number]) => ({ key, value: { stringValue } });

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
