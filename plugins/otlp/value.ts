import type { Attributes } from '@opentelemetry/api';
import type { FieldValue } from '../sdk/index.js';

/** An OTLP `AnyValue` (common.proto), before it is written as protobuf or JSON. */
export type AnyValue =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  /** Signed 64 bits. */
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'array'; readonly value: readonly AnyValue[] }
  | { readonly kind: 'map'; readonly value: readonly KeyValue[] };

export type KeyValue = readonly [name: string, value: AnyValue];

const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);

/** What an event's field is: integers beyond signed 64 bits become decimal text, since OTLP has no wider ones. */
export function anyValue(value: FieldValue, isFloat = false): AnyValue {
  switch (typeof value) {
    case 'string':
      return { kind: 'string', value };
    case 'boolean':
      return { kind: 'bool', value };
    case 'bigint':
      return value > INT64_MAX || value < INT64_MIN
        ? { kind: 'string', value: value.toString() }
        : { kind: 'int', value };
    case 'number':
      return Number.isSafeInteger(value) && !isFloat
        ? { kind: 'int', value: BigInt(value) }
        : { kind: 'double', value };
  }
  if (Array.isArray(value))
    return { kind: 'array', value: value.map((one: FieldValue) => anyValue(one, isFloat)) };
  return {
    kind: 'map',
    value: Object.entries(value as Record<string, FieldValue>).map(([name, one]) => [
      name,
      anyValue(one, isFloat),
    ]),
  };
}

/** Attributes of the SDK's: undefined ones are none. */
export function attributesOf(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).flatMap(([name, value]) => {
    const present = Array.isArray(value) ? value.filter((one) => one !== null && one !== undefined) : value;
    return present === undefined ? [] : [[name, anyValue(present as FieldValue)] as const];
  });
}
