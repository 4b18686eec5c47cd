import type { Leaf } from '../leaves.js';
import type { NumberValues } from '../plan.js';
import { isNarrow, isSigned } from '../read.js';

/**
 * The numbers of one value per group. Integers of more than 32 bits are kept in two parts, so that sums stay
 * exact: `hi` × 2^32 + `lo`.
 */
export class Accumulator {
  readonly wide: boolean;
  readonly signed: boolean;
  lo = new Float64Array(0);
  hi = new Float64Array(0);

  /** Without a leaf it counts records. */
  constructor(readonly leaf: Leaf | undefined) {
    this.wide = leaf !== undefined && leaf.node.kind !== 'bool' && !isNarrow(leaf.node);
    this.signed = leaf !== undefined && isSigned(leaf.node);
  }

  grow(size: number): void {
    this.lo = grownFloats(this.lo, size);
    this.hi = grownFloats(this.hi, size);
  }

  clear(group: number): void {
    this.lo[group] = 0;
    this.hi[group] = 0;
  }

  /** Values of these groups, in `values`; as bigints, elsewhere, only where a number would not be exact. */
  values(groups: Uint32Array, values = new Float64Array(groups.length)): NumberValues {
    const { lo, hi, wide, signed } = this;
    let exact = true;
    for (let i = 0; i < groups.length; i++) {
      const id = groups[i]!;
      values[i] = wide ? hi[id]! * 4294967296 + lo[id]! : lo[id]!;
      if (wide && !Number.isSafeInteger(values[i])) exact = false;
    }
    if (exact) return values;
    const big = Array.from(groups, (id) => BigInt(hi[id]!) * 4294967296n + BigInt(lo[id]!));
    return bigValues(big, signed) ?? values;
  }
}

/** Rows of integers, as numbers where that is exact. What is beyond 64 bits is rounded: that is nearer than wrapped. */
export function integerValues(values: readonly bigint[]): NumberValues {
  const safe = values.every((value) => value <= 9007199254740991n && value >= -9007199254740991n);
  const signed = values.some((value) => value < 0n);
  return (safe ? undefined : bigValues(values, signed)) ?? Float64Array.from(values, Number);
}

function bigValues(values: readonly bigint[], signed: boolean): BigInt64Array | BigUint64Array | undefined {
  const [least, most] = signed ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  if (values.some((value) => value < least || value > most)) return undefined;
  return signed ? BigInt64Array.from(values) : BigUint64Array.from(values);
}

export function grownFloats(array: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const bigger = new Float64Array(size);
  bigger.set(array);
  return bigger;
}
