import { describe, expect, it } from 'vitest';
import type { Consumer, Outcome } from '../../bench/load.js';
import { losslessRate, sustainedRate } from '../../bench/lossless.js';

/** Loses what is above `capacity` records a second, and at its first `unlucky` loads something anyway. */
function consumer(
  capacity: (seconds: number) => number,
  { unlucky = 0, fastest = Number.POSITIVE_INFINITY } = {},
): Pick<Consumer, 'load'> & { readonly rates: number[] } {
  const rates: number[] = [];
  return {
    rates,
    async load(total, rate = 0): Promise<Outcome> {
      rates.push(rate);
      const made = Math.min(rate, fastest);
      const making = total / made;
      const isLost = rates.length <= unlucky || made > capacity(making);
      const [lost, spent] = isLost ? [1, making / 10] : [0, making];
      return { lost, making: spent, seconds: spent, delivered: made * spent - lost, cpu: 0 };
    },
  };
}

const SEARCH = { from: 100, to: 1000, seconds: 2, steps: 12 };

describe('the highest rate without a loss', () => {
  it('is found by bisection, from below', async () => {
    const found = await losslessRate(
      consumer(() => 730),
      SEARCH,
    );
    expect(found).toBeLessThanOrEqual(730);
    expect(found).toBeGreaterThan(720);
  });

  it('is found below the first try', async () => {
    const found = await losslessRate(
      consumer(() => 30),
      SEARCH,
    );
    expect(found).toBeLessThanOrEqual(30);
    expect(found).toBeGreaterThan(29);
  });

  it('is not decided by one loss', async () => {
    expect(
      await losslessRate(
        consumer(() => 730, { unlucky: 1 }),
        SEARCH,
      ),
    ).toBeGreaterThan(720);
  });

  it('is the one that was made, where the producer cannot make more', async () => {
    const slow = consumer(() => 730, { fastest: 200 });
    expect(await losslessRate(slow, SEARCH)).toBe(200);
    // 100, 200, 400, of which 200 came: no more is tried.
    expect(slow.rates).toEqual([100, 200, 400]);
  });

  it('is none, where each loses something', async () => {
    expect(
      await losslessRate(
        consumer(() => 0),
        SEARCH,
      ),
    ).toBe(0);
  });
});

describe('the highest rate that is held', () => {
  it('is found by steps down from what passes shortly, small at first', async () => {
    const both = consumer((seconds) => (seconds > 10 ? 700 : 730));
    const { rate, outcome } = await sustainedRate(both, { search: SEARCH, seconds: 30, step: 0.03 });
    expect(rate).toBeLessThanOrEqual(700);
    expect(rate).toBeGreaterThan(700 * 0.96);
    expect(outcome.lost).toBe(0);
  });

  it('is found far below in few steps', async () => {
    const both = consumer((seconds) => (seconds > 10 ? 300 : 730));
    const { rate } = await sustainedRate(both, { search: SEARCH, seconds: 30, step: 0.03 });
    expect(rate).toBeLessThanOrEqual(300);
    expect(rate).toBeGreaterThan(200);
  });

  it('is an error where there is none, and no 0', async () => {
    const never = consumer(() => 0);
    await expect(sustainedRate(never, { search: SEARCH, seconds: 30, step: 0.03 })).rejects.toThrow(
      'no rate passes for 2 s without a loss',
    );
    const notLong = consumer((seconds) => (seconds > 10 ? 0 : 730));
    await expect(sustainedRate(notLong, { search: SEARCH, seconds: 30, step: 0.03 })).rejects.toThrow(
      'was held for 30 s',
    );
  });
});
