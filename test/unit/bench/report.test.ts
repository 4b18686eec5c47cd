import { describe, expect, it } from 'vitest';
import type { BenchResult } from '../../bench/case.js';
import { type GrowthCase, measureGrowth } from '../../bench/growth.js';
import { plot } from '../../bench/plot.js';
import { figure, markdown, type Report, unexplained } from '../../bench/report.js';

const result: BenchResult = {
  ...{ name: 'fast', what: 'does it', value: 0.00123, unit: 's', ratio: 3.456, runs: 5 },
  ...{ reference: 'C', referenceValue: 1_234_567, published: false },
  ...{ target: 'under a third', met: true, also: { MB: 7.583 }, referenceAlso: { 'lost share': 0.25 } },
};
const missing: BenchResult = { ...result, name: 'slow', met: false };

function growth(cost: GrowthCase['cost'], measured: (size: number) => number): GrowthCase {
  const named = { name: 'growth-x', what: 'grows', x: 'things', y: 'ns' };
  return { ...named, sizes: [1, 10, 100], cost, measure: async (size) => measured(size) };
}

describe('how a cost grows', () => {
  it('is compared a piece: 1 where it grows as its size, more where slower', async () => {
    const of = async (cost: GrowthCase['cost'], measured: (size: number) => number) =>
      (await measureGrowth(growth(cost, measured), 1)).ratio;
    expect(await of('of all', (size) => 5 * size)).toBe(1);
    expect(await of('of all', (size) => size * size)).toBe(0.01);
    expect(await of('of all', () => 5)).toBe(100);
    expect(await of('of one', () => 5)).toBe(1);
    expect(await of('of one', (size) => (size === 100 ? 10 : 5))).toBe(0.5);
  });

  it('is reported like every case', async () => {
    const grown = await measureGrowth(
      growth('of all', (size) => size + 1),
      2,
    );
    expect(grown).toMatchObject({
      ...{
        name: 'growth-x',
        value: 101,
        unit: 'ns',
        referenceValue: 2,
        reference: '1 things, each',
        runs: 2,
      },
      points: [
        [1, 2],
        [10, 11],
        [100, 101],
      ],
    });
  });
});

describe('BENCHMARKS.md', () => {
  const report: Report = {
    ...{ results: [result, missing], growths: [], machine: 'a machine' },
    ...{ failures: [{ name: 'broken', what: 'fails' }], notes: '<!-- `slow` -->' },
  };

  it('shows both sides of a case, its runs and whether its target is met', () => {
    const text = markdown(report);
    expect(text).toContain(
      '| `fast` | does it | 0.00123 s<br>MB: 7.58 | 1,230,000: C<br>lost share: 0.25 | 3.46 | 5 | met: under a third |',
    );
    expect(text).toContain('| MISSED: under a third |');
    expect(text).toContain('| `broken` | fails | failed |');
    expect(text).toContain('a machine.');
  });

  it('has what is written by hand on what misses, and names what nobody has explained', () => {
    expect(markdown(report)).toContain('## What misses, and why\n\n`slow`: not explained yet.\n');
    const explained = markdown({ ...report, notes: '`slow` waits for the disk.\n' });
    expect(explained).toContain('## What misses, and why\n\n`slow` waits for the disk.\n');
    expect(explained).not.toContain('not explained');
    expect(markdown({ ...report, results: [result], notes: '' })).not.toContain('What misses');
    expect(unexplained([result, missing], 'of `fast`')).toEqual(['slow']);
  });

  it('shows growth with its ratio', async () => {
    const growths = [
      await measureGrowth(
        growth('of all', (size) => 2 * size),
        1,
      ),
    ];
    expect(markdown({ ...report, growths })).toContain(
      '| `growth-x` | grows | 1 things: 2 ns<br>10 things: 20 ns<br>100 things: 200 ns | 1 | 1 |',
    );
  });
});

describe('the plot', () => {
  it('has a point a size, on logarithmic scales', async () => {
    const svg = plot([
      await measureGrowth(
        growth('of all', (size) => 2 * size),
        1,
      ),
    ]);
    const [xs, ys] = ['cx', 'cy'].map((name) =>
      [...svg.matchAll(new RegExp(`${name}="([\\d.]+)"`, 'g'))].map(([, at]) => Number(at)),
    ) as [number[], number[]];
    expect(xs).toHaveLength(3);
    expect(xs[1]! - xs[0]!).toBeCloseTo(xs[2]! - xs[1]!, 0);
    // More is higher, which in SVG is less.
    expect(ys[0]! - ys[1]!).toBeCloseTo(ys[1]! - ys[2]!, 0);
    expect(ys[0]).toBeGreaterThan(ys[2]!);
    const [width, height] = [360, 220];
    expect(xs.every((x) => x > 0 && x < width) && ys.every((y) => y > 0 && y < height)).toBe(true);
    // They fill it.
    expect(xs[2]! - xs[0]!).toBeGreaterThan(width / 2);
    expect(ys[0]! - ys[2]!).toBeGreaterThan(height / 2);
  });

  it('draws flat what does not grow', async () => {
    const svg = plot([
      await measureGrowth(
        growth('of one', () => 7),
        1,
      ),
    ]);
    expect(new Set([...svg.matchAll(/cy="([\d.]+)"/g)].map(([, at]) => at)).size).toBe(1);
  });
});

it.each([
  [0, '0'],
  [0.000123456, '0.000123'],
  [1.23456, '1.23'],
  [123456, '123,000'],
  [Number.NaN, 'NaN'],
])('%d is shown as %s', (value, text) => {
  expect(figure(value)).toBe(text);
});
