import { type Column, EventBatch, type EventForm, formatTimestamp } from '../../plugins/sdk/index.js';

/** Nanoseconds that no double holds. */
export const TIME = BigInt(Date.now()) * 1_000_000n + 123_457n;

/** Two events with every kind of value that a kernel's struct can have; `number` tells batches apart. */
export function everyKind(
  number: number,
  forms: readonly EventForm[] = ['rows', 'columns'],
  times: readonly [bigint, bigint] = [TIME, TIME + 1n],
): EventBatch {
  const columns: Column[] = [
    { kind: 'number', path: ['number'], dims: [], values: Uint32Array.from([number, number]) },
    { kind: 'number', path: ['small'], dims: [], values: Int8Array.from([-128, 127]) },
    {
      kind: 'number',
      path: ['u64'],
      dims: [],
      values: BigUint64Array.from([2n ** 63n - 1n, 2n ** 64n - 1n]),
    },
    { kind: 'number', path: ['s64'], dims: [], values: BigInt64Array.from([-(2n ** 63n), 2n ** 53n + 1n]) },
    { kind: 'number', path: ['ok'], dims: [], format: 'bool', values: Uint8Array.from([1, 0]) },
    { kind: 'number', path: ['ratio'], dims: [], values: Float64Array.from([2, 0.1]) },
    {
      kind: 'number',
      path: ['mode'],
      dims: [],
      format: 'enum',
      names: { '1': 'ON' },
      values: Int32Array.from([1, -9]),
    },
    { kind: 'number', path: ['in', 'port'], dims: [], values: Uint16Array.from([443, 80]) },
    { kind: 'number', path: ['list', '[]'], dims: [2], values: Uint8Array.from([1, 2, 3, 4]) },
    {
      kind: 'text',
      path: ['comm'],
      dims: [],
      offsets: Uint32Array.from([0, 3, 8]),
      bytes: Buffer.from('aéb"c\\d'),
    },
  ];
  const timestamps = BigInt64Array.from(times);
  const lines = [0, 1].map(
    (i) =>
      `{"timestamp":"${formatTimestamp(timestamps[i]!)}","probe":"p","map":"print_x","data":{"number":${number},"row":${i}}}\n`,
  );
  return new EventBatch(
    {
      probe: 'p',
      map: 'print_x',
      labels: { node: 'n1' },
      count: 2,
      ndjson: Buffer.from(lines.join('')),
      lineEnds: Uint32Array.from([lines[0]!.length, lines[0]!.length + lines[1]!.length]),
      columns: { rows: 2, timestamps, columns },
    },
    { forms, sink: 'tested', numbers: 'bigint' },
  );
}

/** Lines of these times, which say their number. */
export function linesAt(times: readonly bigint[]): EventBatch {
  const lines = times.map(
    (time, i) =>
      `{"timestamp":"${formatTimestamp(time)}","probe":"p","map":"print_x","data":{"number":${i}}}\n`,
  );
  let end = 0;
  return new EventBatch(
    {
      probe: 'p',
      map: 'print_x',
      labels: {},
      count: lines.length,
      ndjson: Buffer.from(lines.join('')),
      lineEnds: Uint32Array.from(lines, ({ length }) => {
        end += length;
        return end;
      }),
    },
    { forms: ['ndjson'], sink: 'tested', numbers: 'bigint' },
  );
}
