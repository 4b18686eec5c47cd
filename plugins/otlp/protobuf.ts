import type {
  HistogramPoint,
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
  writer.message(1, () => {
    writeResource(writer, resource);
    writer.message(2, () => {
      writeScope(writer, scope);
      for (const metric of metrics) writer.message(2, () => writeMetric(writer, metric));
    });
  });
  return writer.done();
}

/** An `ExportLogsServiceRequest`. */
export function logsProtobuf({ resource, scope, records }: LogsRequest): Uint8Array {
  const writer = new ProtoWriter();
  writer.message(1, () => {
    writeResource(writer, resource);
    writer.message(2, () => {
      writeScope(writer, scope);
      for (const record of records) writer.message(2, () => writeRecord(writer, record));
    });
  });
  return writer.done();
}

function writeResource(writer: ProtoWriter, { attributes }: Resource): void {
  writer.message(1, () => writeAttributes(writer, 1, attributes));
}

function writeScope(writer: ProtoWriter, { name, version }: Scope): void {
  writer.message(1, () => {
    writer.text(1, name);
    writer.text(2, version);
  });
}

function writeMetric(writer: ProtoWriter, metric: Metric): void {
  writer.text(1, metric.name);
  if (metric.description !== '') writer.text(2, metric.description);
  if (metric.unit !== '') writer.text(3, metric.unit);
  switch (metric.kind) {
    case 'gauge':
      writer.message(5, () => {
        for (const point of metric.points) writer.message(1, () => writeNumber(writer, point));
      });
      break;
    case 'sum':
      writer.message(7, () => {
        for (const point of metric.points) writer.message(1, () => writeNumber(writer, point));
        writer.uint(2, TEMPORALITY[metric.temporality]);
        writer.bool(3, true);
      });
      break;
    case 'histogram':
      writer.message(9, () => {
        for (const point of metric.points) writer.message(1, () => writeHistogram(writer, point));
        writer.uint(2, TEMPORALITY[metric.temporality]);
      });
  }
}

function writeNumber(writer: ProtoWriter, { attributes, start, time, value }: NumberPoint): void {
  if (start !== 0n) writer.fixed64(2, start);
  writer.fixed64(3, time);
  // as_double = 4, as_int = 6 (sfixed64).
  if (typeof value === 'bigint') writer.fixed64(6, value);
  else writer.double(4, value);
  writeAttributes(writer, 7, attributes);
}

function writeHistogram(writer: ProtoWriter, point: HistogramPoint): void {
  if (point.start !== 0n) writer.fixed64(2, point.start);
  writer.fixed64(3, point.time);
  writer.fixed64(4, BigInt(point.count));
  if (point.sum !== undefined) writer.double(5, point.sum);
  writer.packedFixed64(6, point.counts);
  writer.packedDoubles(7, point.bounds);
  writeAttributes(writer, 9, point.attributes);
}

/** SEVERITY_NUMBER_INFO of logs.proto: what a probe reports is neither an error nor a debugging aid by itself. */
export const SEVERITY_INFO = 9;

function writeRecord(writer: ProtoWriter, { time, observed, body, attributes }: LogRecord): void {
  writer.fixed64(1, time);
  writer.uint(2, SEVERITY_INFO);
  writer.text(3, 'INFO');
  writer.message(5, () => writer.text(1, body));
  writeAttributes(writer, 6, attributes);
  writer.fixed64(11, observed);
}

function writeAttributes(writer: ProtoWriter, field: number, attributes: readonly KeyValue[]): void {
  for (const [name, value] of attributes) {
    writer.message(field, () => {
      writer.text(1, name);
      writer.message(2, () => writeValue(writer, value));
    });
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
    case 'array':
      writer.message(5, () => {
        for (const one of value.value) writer.message(1, () => writeValue(writer, one));
      });
      break;
    case 'map':
      writer.message(6, () => writeAttributes(writer, 1, value.value));
  }
}
