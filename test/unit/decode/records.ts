import type { Layout } from '../../../core/bpf/index.js';
import type { DecodePlan, RecordSet } from '../../../core/decode/index.js';

let calls = 0;

/**
 * Records one after the other, as a ring has them: at multiples of 8, what lies between being no part of them.
 * Whether the length of the shortest is said, as rings do, differs from call to call: the result must not.
 */
export function recordSet(records: readonly Uint8Array[], slack = 0xee): RecordSet {
  const starts: number[] = [];
  let size = 0;
  for (const record of records) {
    starts.push(size);
    size += (record.length + 7 + 8) & ~7;
  }
  const memory = new SharedArrayBuffer((size + 15) & ~7);
  const bytes = new Uint8Array(memory).fill(slack);
  records.forEach((record, i) => {
    bytes.set(record, starts[i]!);
  });
  return {
    memory,
    offsets: Uint32Array.from(starts),
    lengths: Uint32Array.from(records, (record) => record.length),
    count: records.length,
    ...(calls++ % 2 === 0
      ? { shortest: Math.min(...records.map((record) => record.length), 0xffff_ffff) }
      : {}),
  };
}

export function planOf(record: Layout, more: Partial<DecodePlan> = {}): DecodePlan {
  return {
    probe: 'p',
    map: 'm',
    record,
    source: 'ring',
    labels: {},
    ndjson: false,
    columns: 'none',
    ...more,
  };
}

export const NO_OFFSET = { ktime: 0n, boottime: 0n };
