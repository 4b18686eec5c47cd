import type { Column, NumberColumn } from '../sdk/index.js';
import type { Field } from './fields.js';
import type { Logs } from './logs.js';
import { type Origin, SEVERITY_INFO } from './model.js';
import { ProtoWriter } from './proto-writer.js';
import { writeAttributes, writeResource, writeScope, writeValue } from './protobuf.js';
import { STRIDE, turn } from './turn.js';
import { enumName, integer, isFloat } from './value.js';

/** Writes the fields of the `AnyValue` that a record's field is, in row `index`. */
type WriteValue = (writer: ProtoWriter, index: number) => void;

/** Of lengths that few messages outgrow; a record's takes two bytes, the outer ones' four. */
const RECORD_WIDTH = 2;
const OUTER_WIDTH = 4;
/** Fields of `LogRecord`. */
const ATTRIBUTES = 6;
const OBSERVED = 11;

/**
 * An `ExportLogsServiceRequest` of the events from one index up to another, from the columns: what all records share
 * is written once and copied. Lets the event loop turn in between.
 */
export async function logsProtobuf(
  { resource, scope }: Origin,
  { times, observed, body, common, fields }: Logs,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const shared = new ProtoWriter(1024);
  shared.uint(2, SEVERITY_INFO);
  shared.text(3, 'INFO');
  const text = shared.begin(5);
  shared.text(1, body);
  shared.end(text);
  writeAttributes(shared, ATTRIBUTES, common);
  shared.fixed64(OBSERVED, observed);
  const prefix = shared.done();
  const pairs = pairWriters(ATTRIBUTES, fields);

  const writer = new ProtoWriter(4096 + (to - from) * (prefix.length + 64 + 24 * pairs.length));
  const all = writer.begin(1, OUTER_WIDTH);
  writeResource(writer, resource);
  const scoped = writer.begin(2, OUTER_WIDTH);
  writeScope(writer, scope);
  const words = new Int32Array(times.buffer, times.byteOffset, 2 * times.length);
  for (let i = from; i < to; i++) {
    const record = writer.begin(2, RECORD_WIDTH);
    writer.words(1, words[2 * i]! >>> 0, words[2 * i + 1]!);
    writer.raw(prefix);
    for (const pair of pairs) pair(writer, i);
    writer.end(record, RECORD_WIDTH);
    if ((i - from) % STRIDE === STRIDE - 1) await turn();
  }
  writer.end(scoped, OUTER_WIDTH);
  writer.end(all, OUTER_WIDTH);
  return writer.done();
}

/** Each writes a `KeyValue` into a field; all of it up to the value is there beforehand. */
function pairWriters(number: number, fields: ReadonlyMap<string, Field>): WriteValue[] {
  return [...fields].map(([name, field]) => {
    const head = new ProtoWriter(16 + 3 * name.length);
    head.text(1, name);
    const key = head.done();
    const value = valueWriter(field);
    return (writer, index) => {
      const pair = writer.begin(number);
      writer.raw(key);
      const start = writer.begin(2);
      value(writer, index);
      writer.end(start);
      writer.end(pair);
    };
  });
}

function valueWriter(field: Field): WriteValue {
  switch (field.kind) {
    case 'leaf':
      return field.column.kind === 'text' ? textWriter(field.column) : numberWriter(field.column);
    case 'list': {
      const { length } = field;
      const element = valueWriter(field.element);
      return (writer, index) => {
        const list = writer.begin(5);
        for (let i = index * length; i < (index + 1) * length; i++) {
          const start = writer.begin(1);
          element(writer, i);
          writer.end(start);
        }
        writer.end(list);
      };
    }
    case 'struct': {
      const pairs = pairWriters(1, field.fields);
      return (writer, index) => {
        const map = writer.begin(6);
        for (const pair of pairs) pair(writer, index);
        writer.end(map);
      };
    }
  }
}

function textWriter({ bytes, offsets, format }: Extract<Column, { kind: 'text' }>): WriteValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return format === 'int'
    ? (writer, index) =>
        writeValue(writer, integer(BigInt(buffer.toString('latin1', offsets[index], offsets[index + 1]))))
    : (writer, index) => writer.utf8(1, buffer, offsets[index]!, offsets[index + 1]!);
}

function numberWriter(column: NumberColumn): WriteValue {
  const { values, format } = column;
  switch (format) {
    case 'bool':
      return (writer, index) => writer.bool(2, Number(values[index]) !== 0);
    case 'pointer':
      return (writer, index) => writer.text(1, `0x${values[index]!.toString(16)}`);
    case 'enum': {
      const plain = integerWriter(values);
      return (writer, index) => {
        const name = enumName(column, values[index]!);
        if (name === undefined) plain(writer, index);
        else writer.text(1, name);
      };
    }
  }
  return integerWriter(values);
}

function integerWriter(values: NumberColumn['values']): WriteValue {
  if (isFloat(values)) return (writer, index) => writer.double(4, values[index]!);
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array))
    return (writer, index) => writer.int64(3, values[index]!);
  // Words are several times cheaper than bigints. Hosts are little-endian, as the objects are that load on them.
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  const signed = values instanceof BigInt64Array;
  return (writer, index) => {
    const high = words[2 * index + 1]!;
    if (signed || high < 0x8000_0000) writer.varintWords(3, words[2 * index]!, high);
    else writer.text(1, values[index]!.toString());
  };
}
