import type { EventBatch } from '../sdk/index.js';
import type { LogRecord } from './model.js';
import { anyValue, type KeyValue } from './value.js';

/**
 * Events as log records: the fields are attributes of the types that they have in the kernel, nested structs and
 * arrays as such; the body is the event's name.
 */
export function logRecords(batch: EventBatch): LogRecord[] {
  const floats = new Set(
    batch.columns.columns
      .filter(({ kind, ...column }) => kind === 'number' && 'values' in column && isFloat(column.values))
      .map(({ path }) => path[0]),
  );
  const common: KeyValue[] = [
    ['event.name', { kind: 'string', value: `${batch.probe}.${batch.map}` }],
    ['probe', { kind: 'string', value: batch.probe }],
    ['map', { kind: 'string', value: batch.map }],
    ...Object.entries(batch.labels).map(([name, value]): KeyValue => [name, { kind: 'string', value }]),
  ];
  const taken = new Set(common.map(([name]) => name));
  const observed = BigInt(Date.now()) * 1_000_000n;
  const body = `${batch.probe}.${batch.map}`;
  const records: LogRecord[] = [];
  for (const { timestamp, data } of batch.rows()) {
    const fields = Object.entries(data).map(
      ([name, value]): KeyValue => [
        taken.has(name) ? `data.${name}` : name,
        anyValue(value, floats.has(name)),
      ],
    );
    records.push({ time: timestamp, observed, body, attributes: [...common, ...fields] });
  }
  return records;
}

function isFloat(values: unknown): boolean {
  return values instanceof Float32Array || values instanceof Float64Array;
}
