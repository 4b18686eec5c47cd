import { describe, expect, it } from 'vitest';
import { parseBuckets, shownFilters } from '../../../core/cli/run/map-flags.js';

describe('--hist-buckets', () => {
  it.each([
    ['hist_x,[1,2,3]', [1, 2, 3]],
    ['hist_x,1,2,3', [1, 2, 3]],
    ['hist_x,[0.5, 10, 1e6]', [0.5, 10, 1e6]],
    ['hist_x,[-1,0,+Inf]', [-1, 0]],
    ['hist_x,1,inf', [1]],
  ])('takes %s, as BumbleBee does', (text, buckets) => {
    expect(parseBuckets(text)).toEqual({ map: 'hist_x', buckets });
  });

  it.each([
    'hist_x',
    'hist_x,',
    'hist_x,[]',
    'hist_x,[1,2',
    'hist_x,1,2]',
    'hist_x,1,,2',
    'hist_x,2,1',
    'x,+Inf',
  ])('refuses %s', (text) => {
    expect(() => parseBuckets(text)).toThrow(/expected map,\[n,n,…\] with ascending numbers/);
  });
});

describe('--filter', () => {
  it('takes the last one for a field, and all that are for different fields', async () => {
    const filters = await shownFilters(['m,comm,^a', 'm,pid,1', 'n,comm,x', 'm,comm,^b']);
    const shown = (filters.get('m') ?? []).map(({ field, pattern }) => [field, pattern.test('b1')]);
    expect(shown).toEqual([
      ['pid', true],
      ['comm', true],
    ]);
    expect(filters.get('n')).toHaveLength(1);
  });
});
