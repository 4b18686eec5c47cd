import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MapSource } from '../../../core/decode/map-source.js';
import type { DecodePlan } from '../../../core/decode/plan.js';
import type { DecodePool } from '../../../core/decode/pool.js';
import { Schedule } from '../../../core/decode/schedule.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A map of few entries that is read on demand by a worker which answers after `takes` ms: nothing but its time is tested. */
function source() {
  const worker = {
    takes: 0,
    reads: 0,
    run: async () => ({ status: 'done' }),
    async read() {
      worker.reads++;
      await new Promise((resolve) => setTimeout(resolve, worker.takes));
      return { status: 'read', entries: 10 };
    },
  };
  const pool = { assignMap: () => ({ worker, release: () => {} }), schedule: new Schedule() };
  const map = new MapSource(pool as unknown as DecodePool, {
    id: 1,
    fd: -1,
    maxEntries: 10,
    plan: {} as DecodePlan,
    interval: 1_000,
    onDemand: true,
    tail: 0,
    changes: false,
    clock: () => ({ ktime: 0n, boottime: 0n }),
    followed: () => false,
    onBatch: () => {},
    onRetry: () => {},
  });
  return { map, worker };
}

it('a map whose reads wait behind others is read by itself, until they do so no more', async () => {
  const { map, worker } = source();
  worker.takes = 600;
  map.start();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(worker.reads).toBeGreaterThanOrEqual(5);
  expect(map.refresh()).toBeUndefined();
  worker.takes = 10;
  await vi.advanceTimersByTimeAsync(2_000);
  const { reads } = worker;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(worker.reads).toBe(reads);
  expect(map.refresh()?.age).toBeGreaterThanOrEqual(60_000);
});

it('a map is read again for whoever asks each second, and a little early', async () => {
  const { map, worker } = source();
  map.start();
  await vi.advanceTimersByTimeAsync(10);
  for (let second = 1; second <= 5; second++) {
    await vi.advanceTimersByTimeAsync(999);
    await Promise.all([map.refresh()?.done, vi.advanceTimersByTimeAsync(0)]);
    expect(worker.reads).toBe(1 + second);
    expect(map.refresh()).toBeUndefined();
  }
});
