import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { later } from '../../../core/agent/timer.js';

const HOUR_MS = 3_600_000;

describe('a time longer than a timer of Node can wait', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it('is waited for whole', () => {
    const asked = vi.spyOn(globalThis, 'setTimeout');
    const done = vi.fn();
    later(2000 * HOUR_MS, done);
    vi.advanceTimersByTime(2000 * HOUR_MS - 1);
    expect(done).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(done).toHaveBeenCalledOnce();
    for (const [, ms] of asked.mock.calls) expect(ms).toBeLessThan(2 ** 31);
  });

  it('can be cancelled in its second stretch', () => {
    const done = vi.fn();
    const cancel = later(2000 * HOUR_MS, done);
    vi.advanceTimersByTime(1000 * HOUR_MS);
    cancel();
    vi.advanceTimersByTime(2000 * HOUR_MS);
    expect(done).not.toHaveBeenCalled();
  });
});
