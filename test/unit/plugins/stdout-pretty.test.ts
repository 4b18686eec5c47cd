import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Column, EventBatch } from '../../../plugins/sdk/index.js';
import { cut, displayWidth, pad, printable } from '../../../plugins/stdout/display.js';
import { humanDuration } from '../../../plugins/stdout/duration.js';
import { Page } from '../../../plugins/stdout/pretty.js';
import { lineWidth, wantsColor } from '../../../plugins/stdout/terminal.js';

const AT = BigInt(new Date(2026, 0, 2, 3, 4, 5, 678).getTime()) * 1_000_000n + 999_999n;

function texts(path: string[], values: string[]): Column {
  const parts = values.map((value) => Buffer.from(value));
  const offsets = Uint32Array.from([0, ...parts.map((_, i) => Buffer.concat(parts.slice(0, i + 1)).length)]);
  return { kind: 'text', path, dims: [], offsets, bytes: Buffer.concat(parts) };
}

function numbers(path: string[], values: bigint[], more: Partial<Column> = {}): Column {
  return { kind: 'number', path, dims: [], values: BigInt64Array.from(values), ...more } as Column;
}

function batch(map: string, columns: Column[], rows: number, probe = 'p'): EventBatch {
  return new EventBatch(
    {
      probe,
      map,
      labels: {},
      count: rows,
      columns: { rows, timestamps: new BigInt64Array(rows).fill(AT), columns },
    },
    { forms: ['rows', 'columns'], numbers: 'bigint' },
  );
}

/** All parts. */
const render = (shown: Page, ...batches: EventBatch[]): string =>
  batches.flatMap((one) => [...shown.render(one)]).join('');

const page = (width = Number.POSITIVE_INFINITY, height = 40, color = false): Page =>
  new Page(
    color,
    () => width,
    () => height,
  );

describe('a page', () => {
  it('stands in columns: numbers to the right, durations for people, local time', () => {
    const text = render(
      page(),
      batch(
        'print_execs',
        [
          numbers(['ts'], [5n, 6n], { format: 'ktime' }),
          texts(['comm'], ['sh', 'prometheus']),
          numbers(['pid'], [7n, 12345n]),
          numbers(['took'], [1_500_000n, -61_000_000_000n], { format: 'duration' }),
          numbers(['up'], [0n, 1n], { format: 'bool' }),
          numbers(['kind'], [1n, 9n], { format: 'enum', names: { 1: 'ONE' } }),
          numbers(['at', 'ip'], [255n, 0n], { format: 'pointer' }),
        ],
        2,
      ),
    );
    expect(text).toBe(
      [
        'TIME          p/execs  COMM          PID       TOOK  UP     KIND  AT.IP',
        '03:04:05.678  p/execs  sh              7      1.5ms  false  ONE   0xff',
        '03:04:05.678  p/execs  prometheus  12345      -1m1s  true   9     0x0',
        '',
      ].join('\n'),
    );
  });

  it('shows arrays, also of structs, in one cell', () => {
    const text = render(
      page(),
      batch(
        'print_x',
        [
          numbers(['waits', '[]'], [1000n, 2_000_000n], { dims: [2], format: 'duration' }),
          numbers(['peers', '[]', 'port'], [80n, 443n], { dims: [2] }),
          numbers(['peers', '[]', 'rtt'], [1n, 2n], { dims: [2], format: 'duration' }),
        ],
        1,
      ),
    );
    expect(text.split('\n')[1]).toBe('03:04:05.678  p/x  [1µs 2ms]  [{port=80 rtt=1ns} {port=443 rtt=2ns}]');
  });

  it('has a header a map: at first, when columns change or grow, and when it has left the screen', () => {
    const shown = page(Number.POSITIVE_INFINITY, 12);
    const headers = (...batches: EventBatch[]): number =>
      render(shown, ...batches)
        .split('\n')
        .filter((line) => line.startsWith('TIME')).length;
    const one = (name: string, value: string): EventBatch =>
      batch(`print_${name}`, [texts(['comm'], [value]), texts(['path'], [value])], 1);
    expect(headers(one('a', 'xxxx'))).toBe(1);
    expect(headers(one('a', 'yyyy'))).toBe(0);
    expect(headers(one('b', 'xxxx'))).toBe(1);
    expect(headers(one('a', 'zzzz'), one('b', 'zzzz'))).toBe(0);
    expect(headers(one('a', 'longer'))).toBe(1);
    expect(headers(batch('print_a', [texts(['name'], ['x'])], 1))).toBe(1);
    expect(headers(...Array.from({ length: 20 }, () => one('b', 'x')))).toBe(2);
  });

  it('cuts lines at the width of the terminal, and nothing where there is none', () => {
    const long = batch('print_x', [texts(['file'], ['/a'.repeat(60)]), texts(['comm'], ['sh'])], 1);
    const lines = render(page(60), long).split('\n').slice(0, -1);
    expect(lines.map(displayWidth)).toEqual([expect.any(Number), 60]);
    expect(lines[1]!.endsWith('…')).toBe(true);
    expect(render(page(), long)).toContain(`${'/a'.repeat(60)}  sh\n`);
  });

  it('renders a big batch in parts, whose lines are all there', () => {
    const values = Array.from({ length: 5000 }, (_, i) => BigInt(i));
    const parts = [...page().render(batch('print_x', [numbers(['seq'], values)], 5000))];
    expect(parts.length).toBeGreaterThan(10);
    const lines = parts
      .join('')
      .split('\n')
      .filter((line) => /^\d/.test(line));
    expect(lines.map((line) => Number(line.trim().split(/ +/).at(-1)))).toEqual(values.map(Number));
  });

  it('colours where it may, and not otherwise', () => {
    const one = batch('print_x', [texts(['comm'], ['sh'])], 1);
    expect(render(page(80, 40, true), one)).toContain('\u001b[36m03:04:05.678\u001b[39m');
    expect(render(page(80, 40, false), one)).not.toContain('\u001b');
  });

  it('is not steered by what programs, maps and fields are called', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
        fc.integer({ min: 20, max: 100 }),
        (value, name, width) => {
          const hostile = `\u001b]0;x\u0007${value}\u202e\r\n\u009b`;
          const lines = render(
            page(width),
            batch(`print_${name}`, [texts([`f${name}`], [hostile])], 1),
          ).split('\n');
          expect(lines.length).toBe(3);
          for (const line of lines) {
            expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
            expect(displayWidth(line)).toBeLessThanOrEqual(width);
          }
        },
      ),
    );
  });
});

describe('text on a terminal', () => {
  it.each([
    ['abc', 3],
    ['', 0],
    ['日本', 4],
    ['한글', 4],
    ['e\u0301', 1],
    ['Ａ', 2],
    ['🐝', 2],
    ['a\u200bb', 2],
    ['µ…', 2],
  ])('%j is %i wide', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it('is padded and cut by its width', () => {
    expect([pad('日本', 6), pad('7', 3, true), pad('long', 2)]).toEqual(['日本  ', '  7', 'long']);
    expect([cut('日本語', 5), cut('日本語', 6), cut('日本語', 4), cut('abc', 2)]).toEqual([
      '日本…',
      '日本語',
      '日…',
      'a…',
    ]);
  });

  it('shows what would steer it', () => {
    expect(printable('a\u001b[31m\n\u009b\u202e\u2028é\ud800')).toBe(
      'a\\x1b[31m\\x0a\\x9b\\u202e\\u2028é\ufffd',
    );
  });

  it.each([
    [0n, '0ns'],
    [999n, '999ns'],
    [1_500n, '1.5µs'],
    [999_999n, '999.999µs'],
    [1_000_000n, '1ms'],
    [1_234_567n, '1.234ms'],
    [1_500_000_000n, '1.5s'],
    [60_000_000_000n, '1m0s'],
    [3_723_250_000_000n, '1h2m3.25s'],
    [-1_500n, '-1.5µs'],
    [2n ** 64n - 1n, '5124095h34m33.709s'],
  ])('%s ns are %s', (ns, text) => {
    expect(humanDuration(ns)).toBe(text);
  });

  it.each([
    ['auto', {}, true, true],
    ['auto', {}, false, false],
    ['auto', { NO_COLOR: '1' }, true, false],
    ['auto', { NO_COLOR: '' }, true, true],
    ['auto', { TERM: 'dumb' }, true, false],
    ['auto', { FORCE_COLOR: '1' }, false, true],
    ['auto', { FORCE_COLOR: '1', TERM: 'dumb' }, false, true],
    ['auto', { FORCE_COLOR: '0' }, true, false],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    ['always', { NO_COLOR: '1' }, false, true],
    ['never', { FORCE_COLOR: '1' }, true, false],
  ] as const)('color %s, %j, terminal %s → %s', (option, env, terminal, wanted) => {
    expect(wantsColor(option, env, terminal)).toBe(wanted);
  });

  it.each([
    [{ COLUMNS: '100' }, 100],
    [{ COLUMNS: '0' }, Number.POSITIVE_INFINITY],
    [{ COLUMNS: 'wide' }, Number.POSITIVE_INFINITY],
    [{}, Number.POSITIVE_INFINITY],
  ])('width without a terminal, %j → %s', (env, width) => {
    expect(lineWidth(env, false)).toBe(width);
  });
});
