import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exponentialLayout, exponentialValue } from '../../../core/metrics/exponential.js';

/** Counts of raw values by the layout's bounds, as the worker keeps them. */
function counted(bounds: readonly number[], values: readonly bigint[]): Float64Array {
  const buckets = new Float64Array(bounds.length + 1);
  for (const value of values) {
    const found = bounds.findIndex((bound) => value <= bound);
    buckets[found < 0 ? bounds.length : found]!++;
  }
  return buckets;
}

const u64 = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.bigInt(0n, 5000n),
  fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -2, max: 2 })).map(([power, off]) => {
    const value = 2n ** BigInt(power) + BigInt(off);
    return value < 0n ? 0n : value;
  }),
);

describe.each([
  ['integers', 1],
  ['durations in ns, shown in seconds', 1e9],
])('exponential buckets of %s', (_, divisor) => {
  const layout = exponentialLayout(divisor);

  it('have every 64-bit value, and few bounds', () => {
    expect(layout.bounds.at(-1)).toBeGreaterThanOrEqual(2 ** 64);
    expect(layout.bounds.every((bound, i) => i === 0 || bound > layout.bounds[i - 1]!)).toBe(true);
    expect(layout.bounds.length).toBe(layout.indices.length + 1);
    expect(layout.bounds.length).toBeLessThan(260);
    expect(layout.octaves.length).toBeLessThan(70);
  });

  it('hold each value between their powers, by definition', () => {
    fc.assert(
      fc.property(u64, (value) => {
        const { exponential, counts, bounds } = exponentialValue(layout, counted(layout.bounds, [value]));
        expect(counts.reduce((a, b) => a + b)).toBe(1);
        if (value === 0n) {
          expect(exponential).toMatchObject({ zeroCount: 1, counts: [] });
          expect(counts[0]).toBe(1);
          return;
        }
        const shown = Number(value) / divisor;
        const { scale, offset, zeroCount, counts: fine } = exponential!;
        expect({ zeroCount, fine }).toEqual({ zeroCount: 0, fine: [1] });
        const base = 2 ** (2 ** -scale);
        // Doubles of 53 bits: what lies that near to a power may be on either side of it.
        expect(shown).toBeGreaterThan(base ** offset * (1 - 1e-12));
        expect(shown).toBeLessThanOrEqual(base ** (offset + 1) * (1 + 1e-12));
        const octave = counts.indexOf(1);
        expect(shown).toBeLessThanOrEqual(bounds[octave]! * (1 + 1e-12));
        expect(shown).toBeGreaterThan(bounds[octave - 1]! * (1 - 1e-12));
      }),
      { numRuns: 2000 },
    );
  });

  it('are at most 160, however far values are apart, and lose none', () => {
    fc.assert(
      fc.property(fc.array(u64, { maxLength: 400 }), (values) => {
        const { exponential, counts } = exponentialValue(layout, counted(layout.bounds, values));
        const { counts: fine, zeroCount } = exponential!;
        expect(fine.length).toBeLessThanOrEqual(160);
        expect(zeroCount + fine.reduce((a, b) => a + b, 0)).toBe(values.length);
        expect(counts.reduce((a, b) => a + b, 0)).toBe(values.length);
      }),
    );
  });
});

it('whole powers of two end their bucket', () => {
  const layout = exponentialLayout(1);
  const of = (...values: bigint[]) => exponentialValue(layout, counted(layout.bounds, values)).exponential;
  expect(of(1n)).toEqual({ scale: 2, zeroCount: 0, offset: -1, counts: [1] });
  expect(of(2n, 2n, 4n)).toEqual({ scale: 2, zeroCount: 0, offset: 3, counts: [2, 0, 0, 0, 1] });
  expect(of(0n, 1n, 2n ** 64n - 1n)).toMatchObject({ scale: 1, zeroCount: 1, offset: -1 });
});
