import { describe, expect, it } from 'vitest';
import type { BenchCase, Prepared, Sample } from '../../bench/case.js';
import { isMet, measure, median } from '../../bench/measure.js';

function bench(prepared: Prepared, more: Partial<BenchCase> = {}): BenchCase {
  return { name: 'x', what: 'x', unit: 'ns', better: 'lower', prepare: async () => prepared, ...more };
}

/** Gives these in turn. */
function inTurn(samples: readonly Sample[], log: string[] = [], name = ''): () => Promise<Sample> {
  let next = 0;
  return async () => {
    log.push(name);
    return samples[next++]!;
  };
}

const values = (...all: number[]): Sample[] => all.map((value) => ({ value }));

describe('a case of the bench', () => {
  it('turns ratios so that more is better', async () => {
    const prepared = (): Prepared => ({
      ours: async () => ({ value: 10 }),
      reference: { what: 'r', published: 20 },
    });
    expect((await measure(bench(prepared()), 1, {})).ratio).toBe(2);
    expect((await measure(bench(prepared(), { better: 'higher' }), 1, {})).ratio).toBe(0.5);
  });

  it('lets each side go first in every second run, and pairs what was measured together', async () => {
    const log: string[] = [];
    const result = await measure(
      bench({
        ours: inTurn(values(1, 2, 40), log, 'ours'),
        reference: { what: 'r', measure: inTurn(values(2, 6, 40), log, 'theirs') },
      }),
      3,
      {},
    );
    expect(log).toEqual(['ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs']);
    // The median of 2/1, 6/2 and 40/40; the ratio of the medians would be 3.
    expect(result).toMatchObject({ ratio: 2, value: 2, referenceValue: 6, runs: 3, published: false });
  });

  it.each([0, Number.NaN, -1])(
    'takes a reference that measured %d for an error, and ends what runs',
    async (value) => {
      let ended = false;
      const failing = measure(
        bench({
          ours: async () => ({ value: 1 }),
          reference: { what: 'r', measure: async () => ({ value }) },
          end: async () => {
            ended = true;
          },
        }),
        1,
        {},
      );
      await expect(failing).rejects.toThrow('the reference failed');
      expect(ended).toBe(true);
    },
  );

  it('publishes what else either side measured: medians, and the highest of what has a limit', async () => {
    const also = (lost: number, seconds: number): Sample => ({ value: 1, also: { lost, seconds } });
    const result = await measure(
      bench(
        {
          ours: inTurn([also(0, 1), also(0, 2), also(7, 9)]),
          reference: { what: 'r', measure: inTurn([also(1, 1), also(2, 1), also(3, 1)]) },
        },
        { target: { most: { lost: 0 }, text: 'nothing lost' } },
      ),
      3,
      {},
    );
    expect(result.also).toEqual({ lost: 7, seconds: 2 });
    expect(result.referenceAlso).toEqual({ lost: 2, seconds: 1 });
    expect(result.met).toBe(false);
  });
});

describe('a target', () => {
  const measured = { value: 5, ratio: 2, better: 'lower' as const, also: { lost: 0 } };
  it.each([
    [{ ratio: 2 }, true],
    [{ ratio: 2.1 }, false],
    [{ value: 5 }, true],
    [{ value: 4.9 }, false],
    [{ ratio: 2, most: { lost: 0 } }, true],
    [{ ratio: 2, most: { lost: -1 } }, false],
    [{ most: { 'not measured': 1 } }, false],
  ])('%j: %s', (target, met) => {
    expect(isMet({ ...target, text: '' }, measured)).toBe(met);
  });

  it('of a value is the least where higher is better', () => {
    expect(isMet({ value: 5, text: '' }, { ...measured, better: 'higher' })).toBe(true);
    expect(isMet({ value: 6, text: '' }, { ...measured, better: 'higher' })).toBe(false);
  });
});

it('the median of an even number of values lies between the middle two', () => {
  expect(median([9, 1, 4])).toBe(4);
  expect(median([9, 1, 4, 5])).toBe(4.5);
});
