import { expect, it } from 'vitest';
import { ChangeFilter } from '../../../core/decode/changes.js';
import { compilePlan, entryLayout } from '../../../core/decode/index.js';
import { NO_OFFSET, planOf, recordSet } from './records.js';

const LAYOUT = entryLayout(
  { typeName: 'char[8]', size: 8, root: { kind: 'string', size: 8 } },
  { typeName: 'u64', size: 8, root: { kind: 'int', size: 8, signed: false } },
);

function entries(...list: readonly [key: string, value: bigint][]) {
  return recordSet(
    list.map(([key, value]) => {
      const bytes = Buffer.alloc(16);
      bytes.write(key, 0, 8);
      bytes.writeBigUInt64LE(value, 8);
      return bytes;
    }),
  );
}

it('reports what is new and what changed, and nothing twice', () => {
  const filter = new ChangeFilter();
  const renderer = compilePlan(planOf(LAYOUT, { source: 'entry', ndjson: true }));
  const read = (...list: readonly [string, bigint][]) =>
    filter.changed(entries(...list), renderer, NO_OFFSET, 0n).count;
  const changed = (...list: readonly [string, bigint][]) => {
    const count = read(...list);
    filter.keep();
    return count;
  };
  expect(changed(['a', 1n], ['b', 1n])).toBe(2);
  expect(changed(['a', 1n], ['b', 1n])).toBe(0);
  expect(changed(['a', 2n], ['b', 1n])).toBe(1);
  // Bytes behind a NUL are no change, and entries that differ in nothing else are one event.
  expect(changed(['a\0old', 2n], ['b', 1n])).toBe(0);
  expect(changed(['c\0one', 5n], ['c\0two', 5n], ['b', 1n])).toBe(1);
  // What was not kept, since its decoder threw, is reported again.
  expect(read(['d', 1n], ['b', 2n])).toBe(2);
  expect(changed(['d', 1n], ['b', 2n])).toBe(2);
  expect(changed(['d', 1n], ['b', 2n])).toBe(0);
});
