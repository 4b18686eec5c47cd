import type {
  HistogramPoint,
  Labels,
  LogRecord,
  LogsRequest,
  Metric,
  MetricsRequest,
  NumberPoint,
  Resource,
  Scope,
  Temporality,
} from './model.js';
import { ProtoWriter } from './proto-writer.js';
import type { AnyValue, KeyValue } from './value.js';

/** `AGGREGATION_TEMPORALITY_…` of metrics.proto. */
export const TEMPORALITY: Readonly<Record<Temporality, number>> = { delta: 1, cumulative: 2 };

/** An `ExportMetricsServiceRequest`. Field numbers are those of opentelemetry-proto 1.x. */
export function metricsProtobuf({ resource, scope, metrics }: MetricsRequest): Uint8Array {
  const writer = new ProtoWriter();
  const all = writer.begin(1);
  writeResource(writer, resource);
  const scoped = writer.begin(2);
  writeScope(writer, scope);
  for (const metric of metrics) {
    const start = writer.begin(2);
    writeMetric(writer, metric);
    writer.end(start);
  }
  writer.end(scoped);
  writer.end(all);
  return writer.done();
}

/** An `ExportLogsServiceRequest`. */
export function logsProtobuf({ resource, scope, records }: LogsRequest): Uint8Array {
  const writer = new ProtoWriter();
  const all = writer.begin(1);
  writeResource(writer, resource);
  const scoped = writer.begin(2);
  writeScope(writer, scope);
  for (const record of records) {
    const start = writer.begin(2);
    writeRecord(writer, record);
    writer.end(start);
  }
  writer.end(scoped);
  writer.end(all);
  return writer.done();
}

function writeResource(writer: ProtoWriter, { attributes }: Resource): void {
  const start = writer.begin(1);
  writeAttributes(writer, 1, attributes);
  writer.end(start);
}

function writeScope(writer: ProtoWriter, { name, version }: Scope): void {
  const start = writer.begin(1);
  writer.text(1, name);
  writer.text(2, version);
  writer.end(start);
}

/** Fields of `Metric.data`. */
const DATA = { gauge: 5, sum: 7, histogram: 9 } as const;

function writeMetric(writer: ProtoWriter, metric: Metric): void {
  writer.text(1, metric.name);
  if (metric.description !== '') writer.text(2, metric.description);
  if (metric.unit !== '') writer.text(3, metric.unit);
  const data = writer.begin(DATA[metric.kind]);
  if (metric.kind === 'histogram') {
    for (const point of metric.points) writeHistogram(writer, point);
  } else for (const point of metric.points) writeNumber(writer, point);
  if (metric.kind !== 'gauge') writer.uint(2, TEMPORALITY[metric.temporality]);
  if (metric.kind === 'sum') writer.bool(3, true);
  writer.end(data);
}

function writeNumber(writer: ProtoWriter, { labels, start, time, value }: NumberPoint): void {
  const point = writer.begin(1);
  if (start !== 0n) writer.fixed64(2, start);
  writer.fixed64(3, time);
  // as_double = 4, as_int = 6 (sfixed64).
  if (typeof value === 'bigint') writer.fixed64(6, value);
  else if (Number.isSafeInteger(value)) writer.fixedSafe(6, value);
  else writer.double(4, value);
  writeLabels(writer, 7, labels);
  writer.end(point);
}

function writeHistogram(writer: ProtoWriter, point: HistogramPoint): void {
  const start = writer.begin(1);
  if (point.start !== 0n) writer.fixed64(2, point.start);
  writer.fixed64(3, point.time);
  writer.fixedSafe(4, point.count);
  if (point.sum !== undefined) writer.double(5, point.sum);
  writer.packedFixed64(6, point.counts);
  writer.packedDoubles(7, point.bounds);
  writeLabels(writer, 9, point.labels);
  writer.end(start);
}

/** SEVERITY_NUMBER_INFO of logs.proto: what a probe reports is neither an error nor a debugging aid by itself. */
export const SEVERITY_INFO = 9;

function writeRecord(writer: ProtoWriter, { time, observed, body, attributes }: LogRecord): void {
  writer.fixed64(1, time);
  writer.uint(2, SEVERITY_INFO);
  writer.text(3, 'INFO');
  const text = writer.begin(5);
  writer.text(1, body);
  writer.end(text);
  writeAttributes(writer, 6, attributes);
  writer.fixed64(11, observed);
}

/** `KeyValue`s that are all text. */
function writeLabels(writer: ProtoWriter, field: number, labels: Labels): void {
  for (const [name, text] of labels) {
    const pair = writer.begin(field);
    writer.text(1, name);
    const value = writer.begin(2);
    writer.text(1, text);
    writer.end(value);
    writer.end(pair);
  }
}

function writeAttributes(writer: ProtoWriter, field: number, attributes: readonly KeyValue[]): void {
  for (const [name, value] of attributes) {
    const pair = writer.begin(field);
    writer.text(1, name);
    const start = writer.begin(2);
    writeValue(writer, value);
    writer.end(start);
    writer.end(pair);
  }
}

function writeValue(writer: ProtoWriter, value: AnyValue): void {
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
