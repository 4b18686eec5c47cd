import type { EventBatch } from '../sdk/index.js';
import { fieldsOf, type Struct } from './fields.js';
import type { KeyValue } from './value.js';

/**
 * A batch's events as log records: the fields are attributes of the types that they have in the kernel, nested structs
 * and arrays as such; the body is the event's name.
 */
export interface Logs {
  /** Unix ns of each. */
  readonly times: BigInt64Array;
  /** Unix ns of the sending. */
  readonly observed: bigint;
  readonly body: string;
  /** Attributes that all have. */
  readonly common: readonly KeyValue[];
  /** Attributes of each, by name. */
  readonly fields: Struct['fields'];
}

export function logsOf(batch: EventBatch): Logs {
  const { columns, timestamps } = batch.columns;
  const body = `${batch.probe}.${batch.map}`;
  const common: KeyValue[] = [
    ['event.name', { kind: 'string', value: body }],
    ['probe', { kind: 'string', value: batch.probe }],
    ['map', { kind: 'string', value: batch.map }],
    ...Object.entries(batch.labels).map(([name, value]): KeyValue => [name, { kind: 'string', value }]),
  ];
  const taken = new Set(common.map(([name]) => name));
  const fields = new Map(
    [...fieldsOf(columns)].map(([name, field]) => [taken.has(name) ? `data.${name}` : name, field]),
  );
  return { times: timestamps, observed: BigInt(Date.now()) * 1_000_000n, body, common, fields };
}
