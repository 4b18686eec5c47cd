import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EventPane } from '../../../../core/cli/run/view/event-pane.js';
import { HistogramPane } from '../../../../core/cli/run/view/histogram-pane.js';
import { palette } from '../../../../core/cli/run/view/line.js';
import type { Pane } from '../../../../core/cli/run/view/pane.js';
import { SeriesPane } from '../../../../core/cli/run/view/series-pane.js';
import type { MetricFamily, MetricType, Series } from '../../../../plugins/sdk/index.js';
import { batchOf, run } from './events.js';

const PLAIN = palette(false);
const lines = (pane: Pane, width = 80, height = 6): string[] =>
  pane.draw({ width, height }, PLAIN).map((line) => stripVTControlCharacters(line).trimEnd());
const pidsOf = (pane: Pane, height = 6): number[] =>
  lines(pane, 80, height)
    .slice(1)
    .map((line) => Number(line.split(/\s+/)[2]));

function family(type: MetricType, series: readonly Omit<Series, 'labelText'>[], more = {}): MetricFamily {
  return {
    name: 'ebpf_x',
    type,
    help: '',
    origin: { map: 'x', hostLabels: 1, fieldNames: ['pid', 'comm'] },
    series: series.map((one) => ({ ...one, labelText: JSON.stringify(one.labels) })),
    ...more,
  };
}
const labels = (pid: string, comm: string) =>
  [
    ['probe', 'p'],
    ['pid', pid],
    ['comm', comm],
  ] as const;
const SECOND = 1_000_000_000n;

describe('a table of events', () => {
  const filled = (count: number): EventPane => {
    const pane = new EventPane('print_events', []);
    pane.take(run(0, count));
    pane.absorb(60_000);
    pane.draw({ width: 80, height: 6 }, PLAIN);
    return pane;
  };
  const add = (pane: EventPane, first: number, count: number): void => {
    pane.take(run(first, count));
    pane.absorb(60_000);
  };

  it('has the newest at the bottom, and follows them', () => {
    const pane = filled(20);
    expect(pidsOf(pane)).toEqual([15, 16, 17, 18, 19]);
    add(pane, 20, 2);
    expect(pidsOf(pane)).toEqual([17, 18, 19, 20, 21]);
  });

  it('stands still while it is scrolled back, until G', () => {
    const pane = filled(20);
    pane.scroll(-3);
    expect(pidsOf(pane)).toEqual([12, 13, 14, 15, 16]);
    add(pane, 20, 50);
    expect(pidsOf(pane)).toEqual([12, 13, 14, 15, 16]);
    pane.toStart();
    expect(pidsOf(pane)[0]).toBe(0);
    pane.toEnd();
    add(pane, 70, 1);
    expect(pidsOf(pane).at(-1)).toBe(70);
  });

  it('moves on when what it shows is pushed out', () => {
    const pane = filled(20);
    pane.toStart();
    add(pane, 20, 6_000);
    expect(pidsOf(pane)[0]).toBe(1_020);
  });

  it('sorts by each column in turn, numbers from the largest, and back to time', () => {
    const pane = filled(12);
    pane.nextSort();
    expect(lines(pane)[0]).toContain('COMM▲');
    expect(pidsOf(pane)).toEqual([0, 10, 1, 11, 2]);
    pane.nextSort();
    expect(lines(pane)[0]).toContain('TASK.PID▼');
    expect(pidsOf(pane)).toEqual([11, 10, 9, 8, 7]);
    pane.reverseSort();
    expect(pidsOf(pane)).toEqual([0, 1, 2, 3, 4]);
    pane.scroll(4);
    expect(pidsOf(pane)).toEqual([4, 5, 6, 7, 8]);
    for (let i = 0; i < 4; i++) pane.nextSort();
    expect(pidsOf(pane)).toEqual([7, 8, 9, 10, 11]);
  });

  it('holds still while paused, filters what it holds, and then goes on', () => {
    const pane = filled(20);
    pane.freeze(true);
    add(pane, 20, 9_000);
    expect(pidsOf(pane)).toEqual([15, 16, 17, 18, 19]);
    expect(pane.describe()).toContain('9,000 newer');
    pane.filter('c5');
    expect(pidsOf(pane)).toEqual([5, 15]);
    pane.filter('');
    expect(pidsOf(pane).at(-1)).toBe(19);
    pane.freeze(false);
    expect(pidsOf(pane).at(-1)).toBe(9_019);
  });

  it('aligns: numbers to the right, text to the left, whatever its width', () => {
    const pane = new EventPane('print_events', []);
    pane.take(
      batchOf([
        { comm: '漢字', pid: 1 },
        { comm: 'é👩‍👩‍👧', pid: 20 },
        { comm: 'plain', pid: 300 },
      ]),
    );
    pane.absorb(60_000);
    const drawn = pane.draw({ width: 80, height: 6 }, PLAIN);
    // After text that terminals disagree on, the cursor is moved to the column where the next text begins.
    expect(drawn[1]).toContain('漢字');
    const places = drawn.slice(1, 3).map((line) => /\u001b\[(\d+)G +1?(?:20)?/.exec(line)?.[1]);
    expect(places[0]).toBeDefined();
    expect(drawn[3]).not.toContain('\u001b[2');
  });

  it('shows no character that could steer the terminal', () => {
    const pane = new EventPane('print_events', []);
    pane.take(batchOf([{ comm: '\u001b]0;x\u0007\u202e\n\u009b2J', pid: 1 }]));
    pane.absorb(60_000);
    const text = pane.draw({ width: 80, height: 6 }, PLAIN).join('');
    expect(stripVTControlCharacters(text)).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(text).toContain('\\x1b]0;x\\x07\\u202e\\x0a\\x9b2J');
  });

  it('shows no part of a number as if it were the number', () => {
    const pane = filled(20);
    for (let width = 1; width < 40; width++) {
      for (const line of lines(pane, width).slice(1)) {
        const cells = line.split(/\s+/).slice(1);
        for (const cell of cells.slice(1, 2)) expect(cell).toMatch(/^(1[5-9]|…|)$/);
      }
    }
  });

  it('leaves columns out to the left on request', () => {
    const pane = filled(20);
    pane.shift(1);
    expect(lines(pane)[0]).toMatch(/^TIME +TASK\.PID/);
    pane.shift(-5);
    expect(lines(pane)[0]).toMatch(/^TIME +COMM/);
  });
});

describe('a table of counters and gauges', () => {
  it('has values and what they change a second; a counter that fell began anew', () => {
    const pane = new SeriesPane('x', []);
    const take = (values: readonly number[], time: bigint, type: MetricType = 'counter'): void =>
      pane.take(
        [
          family(
            type,
            values.map((value, i) => ({ labels: labels(String(i), `c${i}`), value })),
          ),
        ],
        time,
      );
    take([10, 100], SECOND);
    expect(lines(pane)).toEqual([
      ' PID  COMM    VALUE      /S',
      '   0  c0         10',
      '   1  c1        100',
    ]);
    take([30, 4], 3n * SECOND);
    expect(lines(pane).slice(1)).toEqual(['   0  c0         30    10.0', '   1  c1          4    2.00']);
    const gauge = new SeriesPane('x', []);
    gauge.take([family('gauge', [{ labels: labels('0', 'a'), value: 9 }])], SECOND);
    gauge.take([family('gauge', [{ labels: labels('0', 'a'), value: 4 }])], 2n * SECOND);
    expect(lines(gauge)[1]).toMatch(/4 +-5\.00$/);
  });

  it('drops series that are gone, and sorts and filters the others', () => {
    const pane = new SeriesPane('x', []);
    const many = Array.from({ length: 50 }, (_, i) => ({ labels: labels(String(i), 'sh'), value: i % 7 }));
    pane.take([family('counter', many)], SECOND);
    expect(pane.note).toBe('50');
    for (let i = 0; i < 3; i++) pane.nextSort();
    expect(lines(pane)[1]).toMatch(/ 6$/);
    pane.filter('value == 3 && pid < 20');
    expect(
      lines(pane)
        .slice(1)
        .map((line) => Number(line.trim().split(/\s+/)[0])),
    ).toEqual([3, 10, 17]);
    expect(pane.describe()).toBe('/value == 3 && pid < 20: 3 of 50');
    pane.take([family('counter', many.slice(0, 5))], 2n * SECOND);
    expect(lines(pane).length).toBe(2);
    expect(pane.note).toBe('5');
  });

  it('shows one row for a value of several fields, exact 64-bit values, and durations', () => {
    const pane = new SeriesPane('x', []);
    const one = (field: string, value: number | bigint, unit?: 'seconds'): MetricFamily =>
      family('gauge', [{ labels: labels('1', 'a'), value }], {
        name: `ebpf_x_${field}`,
        origin: { map: 'x', field, hostLabels: 1, fieldNames: ['pid', 'comm'] },
        ...(unit ? { unit } : {}),
      });
    pane.take([one('bytes', 18_446_744_073_709_551_615n), one('took', 0.0015, 'seconds')], SECOND);
    expect(lines(pane)[0]).toMatch(/BYTES +BYTES\/S +TOOK +TOOK\/S/);
    expect(lines(pane)[1]).toMatch(/18446744073709551615 +1\.5ms$/);
  });

  it('honours -f', () => {
    const pane = new SeriesPane('x', [{ map: 'x', field: 'comm', pattern: /^b/u }]);
    const series = ['a', 'b'].map((comm, i) => ({ labels: labels(String(i), comm), value: 1 }));
    pane.take([family('counter', series)], SECOND);
    expect(lines(pane).length).toBe(2);
  });
});

describe('histograms', () => {
  const bounds = [1, 10, 100, 1000];
  const series = (pid: string, counts: readonly number[]) => ({
    labels: labels(pid, 'sh'),
    histogram: { bounds, counts, count: counts.reduce((a, b) => a + b), sum: 500 },
  });

  it('are bars in proportion, with the bounds of their buckets', () => {
    const pane = new HistogramPane('x', []);
    pane.take([family('histogram', [series('1', [0, 2, 8, 0, 4])])], SECOND);
    const drawn = lines(pane, 44, 10);
    expect(drawn[0]).toBe('pid=1  comm=sh  count=14  mean=35.7143');
    expect(drawn.slice(1)).toEqual([
      `   ≤ 10 ${'█'.repeat(8)}▌ 2`,
      `  ≤ 100 ${'█'.repeat(34)} 8`,
      ' ≤ 1000 0',
      ` > 1000 ${'█'.repeat(17)} 4`,
      '',
    ]);
  });

  it('scroll by lines through all sets of labels, rendering what is seen', () => {
    const pane = new HistogramPane('x', []);
    const many = Array.from({ length: 1000 }, (_, i) => series(String(i), [1, 2, 0, 0, 0]));
    pane.take([family('histogram', many)], SECOND);
    expect(lines(pane, 80, 4)[0]).toMatch(/^pid=0 /);
    pane.scroll(4);
    expect(lines(pane, 80, 4)[0]).toMatch(/^pid=1 /);
    pane.toEnd();
    expect(lines(pane, 80, 4)[1]).toMatch(/^pid=999 /);
    pane.toStart();
    for (let i = 0; i < 3; i++) pane.nextSort();
    pane.filter('pid >= 998');
    expect(lines(pane, 80, 9).filter((line) => line.startsWith('pid')).length).toBe(2);
  });

  it('tell durations as such', () => {
    const pane = new HistogramPane('x', []);
    const one = {
      ...series('1', [0, 1, 0, 0, 3]),
      histogram: { bounds: [1e-6, 1e-3, 1], counts: [0, 1, 0, 3], count: 4, sum: 12.5 },
    };
    pane.take([family('histogram', [one], { unit: 'seconds' })], SECOND);
    expect(lines(pane, 80, 9).join('\n')).toMatch(/mean=3\.125s\n +≤ 1ms .* 1\n +≤ 1s 0\n +> 1s .* 3/);
  });
});
