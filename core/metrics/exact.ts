/** In the family's unit; a bigint only where a number would not be exact. */
export function divided(value: number | bigint, divisor: number): number | bigint {
  if (typeof value === 'number') return divisor === 1 ? value : value / divisor;
  const near = Number(value);
  return divisor === 1 && !Number.isSafeInteger(near) ? value : near / divisor;
}

/** Exact: beyond 2^53 as a bigint. */
export function plus(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum) || !Number.isInteger(a) || !Number.isInteger(b)) return sum;
  }
  if (typeof a === 'number' && !Number.isInteger(a)) return a + Number(b);
  if (typeof b === 'number' && !Number.isInteger(b)) return Number(a) + b;
  return BigInt(a) + BigInt(b);
}
