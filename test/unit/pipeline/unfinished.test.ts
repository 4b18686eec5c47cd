import { expect, it } from 'vitest';
import { Unfinished } from '../../../core/pipeline/isolate/unfinished.js';
import { batchOf } from './outlet-host.js';

it('keeps the last 16 unfinished batches, and 32 MiB', () => {
  const unfinished = new Unfinished();
  const kept = (keys: readonly number[]) => keys.filter((key) => unfinished.take(key) !== undefined);
  const all = Array.from({ length: 20 }, (_, key) => key);
  const first = batchOf();
  unfinished.keep(0, first);
  expect(unfinished.take(0)).toBe(first);
  expect(unfinished.take(0)).toBe(undefined);
  for (const key of all) unfinished.keep(key, batchOf());
  expect(kept(all)).toEqual(all.slice(4));
  const big = batchOf(1, { ndjson: new Uint8Array(2 ** 23), lineEnds: Uint32Array.of(2 ** 23) });
  for (const key of all) unfinished.keep(key, big);
  // The same again takes no other's room.
  unfinished.keep(19, big);
  expect(kept(all)).toEqual([16, 17, 18, 19]);
  unfinished.keep(0, batchOf(1, { ndjson: new Uint8Array(2 ** 25 + 1) }));
  expect(kept([0])).toEqual([]);
});
