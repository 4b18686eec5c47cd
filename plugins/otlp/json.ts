import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Exemplar, ExponentialPoint, HistogramPoint, NumberPoint, Series } from '../sdk/index.js';
import type { Logs } from './logs.js';
import { type Origin, type Resource, SEVERITY_INFO } from './model.js';
import { TEMPORALITY } from './protobuf.js';
import { STRIDE, turn } from './turn.js';
import { type AnyValue, attributesOf, fieldValue, type KeyValue } from './value.js';

/**
 * The JSON of OTLP (specification, "JSON Protobuf Encoding"): 64-bit integers are decimal strings. Of points that our
 * producer made. Lets the event loop turn in between.
 */
export async function metricsJson({ resource, scopeMetrics }: ResourceMetrics): Promise<string> {
  const scopes: string[] = [];
  for (const { scope, metrics } of scopeMetrics) {
    const { name, version } = scope;
    const texts: string[] = [];
    for (const metric of metrics) texts.push(await metricJson(metric));
    scopes.push(`{"scope":${JSON.stringify({ name, version })},"metrics":[${texts.join()}]}`);
  }
  const origin = JSON.stringify(resourceJson({ attributes: attributesOf(resource.attributes) }));
  return `{"resourceMetrics":[{"resource":${origin},"scopeMetrics":[${scopes.join()}]}]}`;
}

/** Of the events from one index up to another. Lets the event loop turn in between. */
export async function logsJson(
  { resource, scope }: Origin,
  logs: Logs,
  from: number,
  to: number,
): Promise<string> {
  const common = logs.common.map(attributeJson);
  const records: string[] = [];
  for (let i = from; i < to; i++) {
    records.push(JSON.stringify(recordJson(logs, common, i)));
    if ((i - from) % STRIDE === STRIDE - 1) await turn();
  }
  const scoped = `{"scope":${JSON.stringify(scope)},"logRecords":[${records.join()}]}`;
  return `{"resourceLogs":[{"resource":${JSON.stringify(resourceJson(resource))},"scopeLogs":[${scoped}]}]}`;
}

const resourceJson = ({ attributes }: Resource) => ({ attributes: attributes.map(attributeJson) });

async function metricJson(metric: MetricData): Promise<string> {
  const { name, description, unit } = metric.descriptor;
  const temporality = { aggregationTemporality: TEMPORALITY[metric.aggregationTemporality] };
  switch (metric.dataPointType) {
    case DataPointType.GAUGE:
      return written('gauge', metric.dataPoints as NumberPoint[], numberJson, {});
    case DataPointType.SUM:
      return written('sum', metric.dataPoints as NumberPoint[], numberJson, {
        ...temporality,
        isMonotonic: metric.isMonotonic,
      });
    case DataPointType.HISTOGRAM:
      return written('histogram', metric.dataPoints as HistogramPoint[], histogramJson, temporality);
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return written(
        'exponentialHistogram',
        metric.dataPoints as ExponentialPoint[],
        exponentialJson,
        temporality,
      );
  }

  async function written<P>(
    kind: string,
    points: readonly P[],
    json: (point: P) => Record<string, unknown>,
    more: object,
  ): Promise<string> {
    const texts: string[] = [];
    for (const point of points) {
      texts.push(JSON.stringify(json(point)));
      if (texts.length % STRIDE === 0) await turn();
    }
    const common = JSON.stringify({ name, description, unit }).slice(0, -1);
    const ending = JSON.stringify(more).replace('{', Object.keys(more).length > 0 ? ',' : '');
    return `${common},"${kind}":{"dataPoints":[${texts.join()}]${ending}}`;
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

function recordJson(
  { times, observed, body, fields }: Logs,
  common: readonly Record<string, unknown>[],
  index: number,
): Record<string, unknown> {
  const own = [...fields].map(([name, field]) => attributeJson([name, fieldValue(field, index)]));
  return {
    timeUnixNano: String(times[index]),
    observedTimeUnixNano: String(observed),
    severityNumber: SEVERITY_INFO,
    severityText: 'INFO',
    body: { stringValue: body },
    attributes: [...common, ...own],
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
