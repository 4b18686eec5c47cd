import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Schedule } from '../../../core/decode/schedule.js';

const START = 1234.5;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.advanceTimersByTime(START);
});
afterEach(() => void vi.useRealTimers());

/** Calls so far, each with the time at which it came. */
function recorder() {
  const calls: [name: string, time: number][] = [];
  return { calls, of: (name: string) => () => void calls.push([name, performance.now()]) };
}

describe('Schedule', () => {
  it('calls what is due together in one go', () => {
    const schedule = new Schedule();
    const { calls, of } = recorder();
    schedule.every(1000, of('a'));
    vi.advanceTimersByTime(300);
    schedule.every(1000, of('b'));
    schedule.every(5000, of('c'));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(9000);
    const wakeUps = new Set(calls.map(([, time]) => time));
    expect(calls.filter(([name]) => name === 'a')).toHaveLength(9);
    expect(calls.filter(([name]) => name === 'b')).toHaveLength(9);
    expect(calls.filter(([name]) => name === 'c')).toHaveLength(2);
    expect(wakeUps.size).toBe(9);
  });

  it('ends what is ended, by the call itself too, and then has no timer', () => {
    const schedule = new Schedule();
    const { calls, of } = recorder();
    const end = schedule.every(100, of('kept'));
    const endOnce = schedule.every(100, () => {
      of('once')();
      endOnce();
    });
    vi.advanceTimersByTime(350);
    expect(calls.filter(([name]) => name === 'once')).toHaveLength(1);
    expect(calls.filter(([name]) => name === 'kept').length).toBeGreaterThanOrEqual(3);
    end();
    expect(vi.getTimerCount()).toBe(0);
  });
});
