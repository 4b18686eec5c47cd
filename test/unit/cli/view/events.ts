import { type ColumnSet, EventBatch } from '../../../../plugins/sdk/index.js';

/** A batch with the columns comm, pid, took (a duration), ok (a bool) and ports (an array of two). */
export function batchOf(
  rows: readonly {
    readonly comm: string;
    readonly pid: number;
    readonly took?: bigint;
    readonly ok?: boolean;
    readonly ports?: readonly [number, number];
  }[],
  map = 'print_events',
): EventBatch {
  const bytes = rows.map(({ comm }) => Buffer.from(comm));
  let end = 0;
  const offsets = Uint32Array.from([0, ...bytes.map((one) => (end += one.length))]);
  const columns: ColumnSet = {
    rows: rows.length,
    timestamps: BigInt64Array.from(rows, (_, i) => BigInt(i) * 1_000_000n),
    columns: [
      { kind: 'text', path: ['comm'], dims: [], offsets, bytes: Buffer.concat(bytes) },
      { kind: 'number', path: ['task', 'pid'], dims: [], values: Uint32Array.from(rows, ({ pid }) => pid) },
      {
        kind: 'number',
        path: ['took'],
        dims: [],
        format: 'duration',
        values: BigUint64Array.from(rows, ({ took }) => took ?? 0n),
      },
      {
        kind: 'number',
        path: ['ok'],
        dims: [],
        format: 'bool',
        values: Uint8Array.from(rows, ({ ok }) => (ok ? 1 : 0)),
      },
      {
        kind: 'number',
        path: ['ports', '[]'],
        dims: [2],
        values: Uint16Array.from(rows.flatMap(({ ports }) => ports ?? [0, 0])),
      },
    ],
  };
  return new EventBatch(
    { probe: 'p', map, labels: {}, count: rows.length, columns },
    { forms: ['rows', 'columns'], numbers: 'bigint' },
  );
}

/** `count` events with pids from `first`. */
export function run(first: number, count: number): EventBatch {
  return batchOf(Array.from({ length: count }, (_, i) => ({ comm: `c${(first + i) % 10}`, pid: first + i })));
}
