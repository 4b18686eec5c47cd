import type { Attributes } from '@opentelemetry/api';
import type { Column, NumberColumn } from '../sdk/index.js';
import type { Field } from './fields.js';

/** An OTLP `AnyValue` (common.proto), before it is written as protobuf or JSON. */
export type AnyValue =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  /** Signed 64 bits; a number is a safe integer. */
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'array'; readonly value: readonly AnyValue[] }
  | { readonly kind: 'map'; readonly value: readonly KeyValue[] };

export type KeyValue = readonly [name: string, value: AnyValue];

const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);

/** What an event's field is in row `index` of its columns. */
export function fieldValue(field: Field, index: number): AnyValue {
  switch (field.kind) {
    case 'leaf':
      return columnValue(field.column, index);
    case 'list': {
      const first = index * field.length;
      return {
        kind: 'array',
        value: Array.from({ length: field.length }, (_, i) => fieldValue(field.element, first + i)),
      };
    }
    case 'struct':
      return {
        kind: 'map',
        value: [...field.fields].map(([name, one]): KeyValue => [name, fieldValue(one, index)]),
      };
  }
}

function columnValue(column: Column, index: number): AnyValue {
  if (column.kind === 'text') {
    const { bytes, offsets, format } = column;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
      'utf8',
      offsets[index],
      offsets[index + 1],
    );
    return format === 'int' ? integer(BigInt(text)) : { kind: 'string', value: text };
  }
  const value = column.values[index]!;
  switch (column.format) {
    case 'bool':
      return { kind: 'bool', value: Number(value) !== 0 };
    case 'pointer':
      return { kind: 'string', value: `0x${value.toString(16)}` };
    case 'enum': {
      const name = enumName(column, value);
      if (name !== undefined) return { kind: 'string', value: name };
    }
  }
  if (typeof value === 'bigint') return integer(value);
  return isFloat(column.values) ? { kind: 'double', value } : { kind: 'int', value };
}

export function enumName({ names }: NumberColumn, value: number | bigint): string | undefined {
  return names !== undefined && Object.hasOwn(names, String(value)) ? names[String(value)] : undefined;
}

export function isFloat(values: NumberColumn['values']): values is Float32Array | Float64Array {
  return values instanceof Float32Array || values instanceof Float64Array;
}

/** Integers beyond signed 64 bits become decimal text, since OTLP has no wider ones. */
export function integer(value: bigint): AnyValue {
  return value > INT64_MAX || value < INT64_MIN
    ? { kind: 'string', value: value.toString() }
    : { kind: 'int', value };
}

/** Attributes of the SDK's: undefined ones are none. */
export function attributesOf(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, attributeValue(value)] as const],
  );
}

function attributeValue(value: NonNullable<Attributes[string]>): AnyValue {
  switch (typeof value) {
    case 'string':
      return { kind: 'string', value };
    case 'boolean':
      return { kind: 'bool', value };
    case 'number':
      return Number.isSafeInteger(value) ? { kind: 'int', value } : { kind: 'double', value };
  }
  const present = value.filter((one) => one !== null && one !== undefined);
  return { kind: 'array', value: present.map(attributeValue) };
}
