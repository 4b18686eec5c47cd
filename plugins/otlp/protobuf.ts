import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Exemplar, ExponentialPoint, HistogramPoint, NumberPoint, Series } from '../sdk/index.js';
import type { Resource, Scope } from './model.js';
import { ProtoWriter } from './proto-writer.js';
import { STRIDE, turn } from './turn.js';
import { type AnyValue, attributesOf, type KeyValue } from './value.js';

/** `AGGREGATION_TEMPORALITY_…` of metrics.proto, by the SDK's. */
export const TEMPORALITY: Readonly<Record<AggregationTemporality, number>> = {
  [AggregationTemporality.DELTA]: 1,
  [AggregationTemporality.CUMULATIVE]: 2,
};

/** Of lengths: a point's takes two bytes, the outer messages' four. */
const POINT_WIDTH = 2;
const OUTER_WIDTH = 4;

/**
 * An `ExportMetricsServiceRequest`, of points that our producer made. Field numbers are those of opentelemetry-proto
 * 1.x. Lets the event loop turn in between.
 */
export async function metricsProtobuf({ resource, scopeMetrics }: ResourceMetrics): Promise<Uint8Array> {
  const writer = new ProtoWriter();
  const all = writer.begin(1, OUTER_WIDTH);
  writeResource(writer, { attributes: attributesOf(resource.attributes) });
  for (const { scope, metrics } of scopeMetrics) {
    const scoped = writer.begin(2, OUTER_WIDTH);
    writeScope(writer, scope);
    for (const metric of metrics) {
      const start = writer.begin(2, OUTER_WIDTH);
      await writeMetric(writer, metric);
      writer.end(start, OUTER_WIDTH);
    }
    writer.end(scoped, OUTER_WIDTH);
  }
  writer.end(all, OUTER_WIDTH);
  return writer.done();
}

export function writeResource(writer: ProtoWriter, { attributes }: Resource): void {
  const start = writer.begin(1);
  writeAttributes(writer, 1, attributes);
  writer.end(start);
}

export function writeScope(writer: ProtoWriter, { name, version = '' }: Scope): void {
  const start = writer.begin(1);
  writer.text(1, name);
  if (version !== '') writer.text(2, version);
  writer.end(start);
}

/** Fields of `Metric.data`. */
const DATA: Readonly<Record<DataPointType, number>> = {
  [DataPointType.GAUGE]: 5,
  [DataPointType.SUM]: 7,
  [DataPointType.HISTOGRAM]: 9,
  [DataPointType.EXPONENTIAL_HISTOGRAM]: 10,
};

async function writeMetric(writer: ProtoWriter, metric: MetricData): Promise<void> {
  const { name, description, unit } = metric.descriptor;
  writer.text(1, name);
  if (description !== '') writer.text(2, description);
  if (unit !== '') writer.text(3, unit);
  const data = writer.begin(DATA[metric.dataPointType], OUTER_WIDTH);
  const write = pointWriter(metric.dataPointType);
  let written = 0;
  for (const point of metric.dataPoints) {
    const start = writer.begin(1, POINT_WIDTH);
    write(writer, point);
    writer.end(start, POINT_WIDTH);
    if (++written % STRIDE === 0) await turn();
  }
  if (metric.dataPointType !== DataPointType.GAUGE)
    writer.uint(2, TEMPORALITY[metric.aggregationTemporality]);
  if (metric.dataPointType === DataPointType.SUM) writer.bool(3, metric.isMonotonic);
  writer.end(data, OUTER_WIDTH);
}

/** Of points that our producer made. */
function pointWriter(type: DataPointType): (writer: ProtoWriter, point: unknown) => void {
  switch (type) {
    case DataPointType.HISTOGRAM:
      return (writer, point) => writeHistogram(writer, point as HistogramPoint);
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return (writer, point) => writeExponential(writer, point as ExponentialPoint);
    default:
      return (writer, point) => writeNumber(writer, point as NumberPoint);
  }
}

function writeNumber(writer: ProtoWriter, { labels, start, time, exact, exemplars }: NumberPoint): void {
  if (start !== 0n) writer.fixed64(2, start);
  writer.fixed64(3, time);
  // as_double = 4, as_int = 6 (sfixed64).
  if (typeof exact === 'bigint') writer.fixed64(6, exact);
  else if (Number.isSafeInteger(exact)) writer.fixedSafe(6, exact);
  else writer.double(4, exact);
  writeExemplars(writer, 5, exemplars);
  writeLabels(writer, 7, labels);
}

function writeHistogram(
  writer: ProtoWriter,
  { labels, start, time, histogram, exemplars }: HistogramPoint,
): void {
  if (start !== 0n) writer.fixed64(2, start);
  writer.fixed64(3, time);
  writer.fixedSafe(4, histogram.count);
  if (histogram.sum !== undefined) writer.double(5, Number(histogram.sum));
  writer.packedFixed64(6, histogram.counts);
  writer.packedDoubles(7, histogram.bounds);
  writeExemplars(writer, 8, exemplars);
  writeLabels(writer, 9, labels);
}

function writeExponential(
  writer: ProtoWriter,
  { labels, start, time, histogram, exponential, exemplars }: ExponentialPoint,
): void {
  writeLabels(writer, 1, labels);
  if (start !== 0n) writer.fixed64(2, start);
  writer.fixed64(3, time);
  writer.fixedSafe(4, histogram.count);
  if (histogram.sum !== undefined) writer.double(5, Number(histogram.sum));
  writer.sint32(6, exponential.scale);
  writer.fixedSafe(7, exponential.zeroCount);
  const positive = writer.begin(8);
  writer.sint32(1, exponential.offset);
  writer.packedVarints(2, exponential.counts);
  writer.end(positive);
  writeExemplars(writer, 11, exemplars);
}

function writeExemplars(writer: ProtoWriter, field: number, exemplars: readonly Exemplar[]): void {
  for (const { labels, value, time } of exemplars) {
    const exemplar = writer.begin(field);
    writer.fixed64(2, time);
    // as_double = 3, as_int = 6 (sfixed64).
    if (Number.isSafeInteger(value)) writer.fixedSafe(6, value);
    else writer.double(3, value);
    writeLabels(writer, 7, labels);
    writer.end(exemplar);
  }
}

/** `KeyValue`s that are all text. */
function writeLabels(writer: ProtoWriter, field: number, labels: Series['labels']): void {
  for (const [name, text] of labels) {
    const pair = writer.begin(field);
    writer.text(1, name);
    const value = writer.begin(2);
    writer.text(1, text);
    writer.end(value);
    writer.end(pair);
  }
}

export function writeAttributes(writer: ProtoWriter, field: number, attributes: readonly KeyValue[]): void {
  for (const [name, value] of attributes) {
    const pair = writer.begin(field);
    writer.text(1, name);
    const start = writer.begin(2);
    writeValue(writer, value);
    writer.end(start);
    writer.end(pair);
  }
}

export function writeValue(writer: ProtoWriter, value: AnyValue): void {
  switch (value.kind) {
    case 'string':
      writer.text(1, value.value);
      break;
    case 'bool':
      writer.bool(2, value.value);
      break;
    case 'int':
      writer.int64(3, value.value);
      break;
    case 'double':
      writer.double(4, value.value);
      break;
    case 'array': {
      const array = writer.begin(5);
      for (const one of value.value) {
        const start = writer.begin(1);
        writeValue(writer, one);
        writer.end(start);
      }
      writer.end(array);
      break;
    }
    case 'map': {
      const map = writer.begin(6);
      writeAttributes(writer, 1, value.value);
      writer.end(map);
    }
  }
}
