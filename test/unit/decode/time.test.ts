import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Layout } from '../../../core/bpf/index.js';
import { compilePlan } from '../../../core/decode/index.js';
import { planOf, recordSet } from './records.js';

const LAYOUT: Layout = {
  typeName: 'struct s',
  size: 8,
  root: {
    kind: 'struct',
    size: 8,
    members: [{ name: 'at', offset: 0, node: { kind: 'int', size: 8, signed: false, format: 'ktime' } }],
  },
};

function timestamp(at: bigint, offset: bigint, clock: 'ktime' | 'boottime' = 'ktime'): string {
  const decoder = compilePlan(
    planOf(LAYOUT, { ndjson: true, columns: 'rendered', timestamp: { path: ['at'], clock } }),
  );
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(at);
  const offsets = clock === 'ktime' ? { ktime: offset, boottime: 5n } : { ktime: 5n, boottime: offset };
  const { ndjson, columns } = decoder.decode(recordSet([bytes]), offsets, 77n);
  const { timestamp: text, data } = JSON.parse(Buffer.from(ndjson!).toString());
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  expect(data).toHaveProperty('at');
  const nanos = columns!.timestamps[0]!;
  const second = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  if (nanos >= 0n) expect(text).toBe(`${second}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`);
  return text;
}

it('is the kernel clock plus its offset, to the nanosecond', () => {
  expect(timestamp(1_000_000_001n, 1_700_000_000_000_000_000n)).toBe('2023-11-14T22:13:21.000000001Z');
  expect(timestamp(0n, 1_700_000_000_999_999_999n, 'boottime')).toBe('2023-11-14T22:13:20.999999999Z');
});

it.each([
  [-1n, '1969-12-31T23:59:59.999999999Z'],
  [-1_000_000_000n, '1969-12-31T23:59:59.000000000Z'],
  [0n, '1970-01-01T00:00:00.000000000Z'],
])('of the drain may be before 1970: %s', (drain, text) => {
  const decoder = compilePlan(planOf(LAYOUT, { ndjson: true, columns: 'rendered' }));
  const { ndjson, columns } = decoder.decode(
    recordSet([Buffer.alloc(8)]),
    { ktime: 0n, boottime: 0n },
    drain,
  );
  expect(JSON.parse(Buffer.from(ndjson!).toString()).timestamp).toBe(text);
  expect(columns!.timestamps[0]).toBe(drain);
});

it('is a valid time whatever a program wrote', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (at) => {
      timestamp(at, 1_700_000_000_123_456_789n);
    }),
    { numRuns: 2000 },
  );
  for (const at of [0n, 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n])
    timestamp(at, 1_700_000_000_123_456_789n);
});

it('is that of each record of a drain, back and forth over the seconds', () => {
  const decoder = compilePlan(planOf(LAYOUT, { ndjson: true, timestamp: { path: ['at'], clock: 'ktime' } }));
  const times = fc.array(
    fc.constantFrom(0n, 1n, 999_999_999n, 1_000_000_000n, 1_999_999_999n, 86_400_000_000_000n),
  );
  fc.assert(
    fc.property(times, (ats) => {
      const records = ats.map((at) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(at);
        return bytes;
      });
      const { ndjson } = decoder.decode(recordSet(records), { ktime: 0n, boottime: 0n }, 77n);
      const texts = Buffer.from(ndjson!)
        .toString()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line).timestamp);
      expect(texts).toEqual(
        ats.map((at) => {
          const second = new Date(Number(at / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
          return `${second}.${String(at % 1_000_000_000n).padStart(9, '0')}Z`;
        }),
      );
    }),
  );
});
