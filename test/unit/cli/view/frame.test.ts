import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { EventPane } from '../../../../core/cli/run/view/event-pane.js';
import { frame, type Scene } from '../../../../core/cli/run/view/frame.js';
import { HistogramPane } from '../../../../core/cli/run/view/histogram-pane.js';
import { palette } from '../../../../core/cli/run/view/line.js';
import type { Pane } from '../../../../core/cli/run/view/pane.js';
import { SeriesPane } from '../../../../core/cli/run/view/series-pane.js';
import { batchOf } from './events.js';

const labels = [
  ['probe', 'p'],
  ['comm', '漢字\u001b[2J'],
] as const;
const origin = { map: 'x', hostLabels: 1, fieldNames: ['comm'] };

function panes(): Pane[] {
  const events = new EventPane('print_events', []);
  events.take(
    batchOf([
      { comm: '漢字かな👩‍👩‍👧é', pid: 1, took: 999_999n, ports: [1, 65_535] },
      { comm: '\u001b[31m\u202e\n', pid: 4_000_000_000 },
    ]),
  );
  events.absorb(60_000);
  const counters = new SeriesPane('counter_x', []);
  const series = [{ labels, labelText: 'a', value: 3 }];
  counters.take([{ name: 'x', type: 'counter', help: '', origin, series }], 1n);
  const histograms = new HistogramPane('hist_x', []);
  const histogram = { bounds: [1, 2], counts: [1, 5, 2], count: 8, sum: 9 };
  histograms.take(
    [{ name: 'x', type: 'histogram', help: '', origin, series: [{ labels, labelText: 'a', histogram }] }],
    1n,
  );
  return [events, counters, histograms];
}

const SCENE: Scene = {
  probe: 'seq',
  programs: 'tracepoint/syscalls/sys_enter_openat, tracepoint/syscalls/sys_exit_openat',
  url: 'http://127.0.0.1:9091',
  reading: {
    rate: 12_345.6,
    total: 1_234_567,
    lost: new Map([
      ['ring_full', 0],
      ['malformed', 0],
      ['view queue_full', 2],
    ]),
    isLossUnknown: false,
    rates: new Map(),
  },
  panes: panes(),
  selected: 0,
  isPaused: false,
  help: undefined,
  prompt: undefined,
  problem: undefined,
  log: undefined,
};
const drawn = (scene: Partial<Scene>, width: number, height: number, colored = false): string[] =>
  frame({ ...SCENE, ...scene }, { width, height }, palette(colored));

describe('a frame', () => {
  it('fits every size, and nothing in it steers the terminal', () => {
    const states: Partial<Scene>[] = [
      ...[0, 1, 2].map((selected) => ({ selected })),
      { help: 3 },
      { prompt: `comm == "${'漢'.repeat(50)}"` },
      { problem: 'there is no field "x"' },
      { panes: [], isPaused: true },
      { log: '12:00:00 WARN something', reading: undefined },
    ];
    for (const state of states) {
      for (const width of [1, 2, 3, 5, 8, 13, 20, 21, 34, 40, 55, 80, 200]) {
        for (const height of [1, 2, 3, 4, 5, 6, 7, 8, 10, 24, 50]) {
          const lines = drawn(state, width, height, true);
          expect(lines.length).toBe(height);
          for (const line of lines) {
            // Cursor moves stand for the spaces that they are written with.
            const text = stripVTControlCharacters(line);
            expect(stringWidth(text), `${width}x${height}: ${text}`).toBeLessThanOrEqual(width);
            expect(text).not.toMatch(/[\p{Cc}\u202e]/u);
            expect(line.replace(/\u001b\[\d+[mG]/g, '')).toBe(text);
          }
        }
      }
    }
  });

  it('tells rate, total and what was lost, why', () => {
    expect(drawn({}, 120, 24)[1]).toBe('12,346/s  total 1,234,567  lost ring_full 0, view queue_full 2');
    const reading = { ...SCENE.reading!, lost: new Map([['malformed', 0]]), isLossUnknown: true };
    expect(drawn({ reading }, 120, 24)[1]).toContain('lost 0 (full rings: not counted)');
    expect(drawn({ isPaused: true }, 120, 24)[1]).toMatch(/^PAUSED/);
  });

  it('always shows the selected map', () => {
    const many = Array.from({ length: 20 }, (_, i) => new EventPane(`print_number_${i}`, []));
    for (let selected = 0; selected < 20; selected++)
      expect(drawn({ panes: many, selected }, 40, 10)[2]).toContain(`[print_number_${selected}`);
  });

  it('keeps what matters on small screens', () => {
    const begins = drawn({}, 20, 5).map((line) => line.slice(0, 5).replace(/\d/g, '0'));
    expect(begins).toEqual(['00,00', '[prin', 'TIME ', '00:00', '00:00']);
    expect(drawn({ prompt: 'abc' }, 20, 5)[4]).toContain('/abc');
  });

  it('names the keys that move columns while some have no room', () => {
    const keys = /< > more columns$/;
    expect(drawn({}, 200, 24).at(-1)).not.toMatch(keys);
    const wide = new EventPane('print_wide', []);
    wide.take(batchOf([{ comm: 'a'.repeat(30), pid: 1 }]));
    wide.absorb(60_000);
    expect(drawn({ panes: [wide] }, 120, 24).at(-1)).not.toMatch(keys);
    expect(drawn({ panes: [wide] }, 70, 24).at(-1)).toMatch(keys);
    expect(drawn({ panes: [wide], help: 0 }, 80, 24).at(-1)).not.toMatch(keys);
    wide.shift(1);
    expect(drawn({ panes: [wide] }, 120, 24).at(-1)).toMatch(keys);
  });

  it('has no escape sequence for colours without colours', () => {
    const text = drawn({ selected: 1 }, 80, 24).join('\n');
    expect(text).not.toMatch(/\u001b\[\d+m/);
    expect(text).toContain('[counter_x 1]');
    expect(drawn({ selected: 1 }, 80, 24, true).join('\n')).toMatch(/\u001b\[7m\[counter_x 1]\u001b\[27m/);
  });
});
