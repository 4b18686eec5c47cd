import type { Layout } from '../bpf/index.js';
import { halvesAt } from './access.js';
import { DecodeError } from './error.js';
import { leafAt } from './leaves.js';
import { Place } from './place.js';
import type { ClockOffsets, DecodePlan } from './plan.js';

/** Unix time, ns, as hi × 2^32 + lo: `hi` signed, `lo` unsigned. */
export interface Halves {
  readonly hi: number;
  readonly lo: number;
}

/** The offset of the records' own clock, or, of records without a time, the drain's. */
export function timeBase(
  timestamp: DecodePlan['timestamp'],
  clock: ClockOffsets,
  drainTimeNs: bigint,
): Halves {
  const base = timestamp ? clock[timestamp.clock] : drainTimeNs;
  return { hi: Number(BigInt.asIntN(32, base >> 32n)), lo: Number(base & 0xffffffffn) };
}

/**
 * Statements that set `th` (int32) and `tl` (uint32), the record's Unix time, from `base`: its own time plus the
 * offset modulo 2^64, or just `base`.
 */
export function timeCode(record: Layout, timestamp: DecodePlan['timestamp']): string {
  if (!timestamp) return 'const th = base.hi, tl = base.lo;';
  const leaf = leafAt(record, timestamp.path);
  if (leaf?.node.kind !== 'int' || leaf.node.size !== 8 || leaf.node.bits) {
    throw new DecodeError('plan', `the timestamp ${timestamp.path.join('.')} is no 64-bit integer`);
  }
  const { lo, hi } = halvesAt(leaf.node, new Place(leaf.offset));
  return `const ts = ${lo} + base.lo, tl = ts >>> 0, th = (${hi} + base.hi + (ts > 4294967295 ? 1 : 0)) | 0;`;
}
