import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readMaps } from '../../../core/agent/fresh-maps.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** ms that a collection waits for maps, each as old as given before its read, which takes so long. */
async function waited(...maps: readonly { age: number; takes: number }[]): Promise<number> {
  const begun = Date.now();
  let ended = Number.NaN;
  const refresh = () =>
    maps.map(({ age, takes }) => ({
      age,
      done: new Promise<void>((resolve) => void setTimeout(resolve, takes)),
    }));
  void readMaps([{ refresh }]).then(() => {
    ended = Date.now();
  });
  await vi.advanceTimersByTimeAsync(60_000);
  return ended - begun;
}

it('waits for reads, but not for long where what is known is young', async () => {
  expect(await waited()).toBe(0);
  expect(await waited({ age: 1_500, takes: 200 })).toBe(200);
  expect(await waited({ age: 1_500, takes: 3_000 })).toBe(500);
});

it('waits for longer where what is known is old, or nothing is, and no longer than a scrape may', async () => {
  expect(await waited({ age: 3_600_000, takes: 3_000 })).toBe(3_000);
  expect(await waited({ age: Number.POSITIVE_INFINITY, takes: 1_000 }, { age: 1_500, takes: 3_000 })).toBe(
    1_000,
  );
  expect(await waited({ age: 15_000, takes: 30_000 })).toBe(4_000);
});
