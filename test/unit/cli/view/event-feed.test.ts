import { describe, expect, it } from 'vitest';
import { EventFeed } from '../../../../core/cli/run/view/event-feed.js';
import { rowFilter } from '../../../../core/cli/run/view/row-filter.js';
import { type Column, EventBatch } from '../../../../plugins/sdk/index.js';
import { batchOf, run } from './events.js';

const ALL = 60_000;
const pids = (feed: EventFeed): number[] => feed.rows.toArray().map(({ values }) => Number(values[1]));
const filterBy = (feed: EventFeed, text: string): void => feed.setFilter((fields) => rowFilter(text, fields));
const withColumns = ({ data, view, columns }: EventBatch, others: readonly Column[]): EventBatch =>
  new EventBatch({ ...data, columns: { ...columns, columns: others } }, view);

describe('the rows of events', () => {
  it('are the last ones, in order, however many came', () => {
    const feed = new EventFeed([]);
    for (let first = 0; first < 40_000; first += 700) feed.take(run(first, 700));
    feed.absorb(ALL);
    const kept = pids(feed);
    expect(kept.length).toBe(5_000);
    expect(kept).toEqual(Array.from({ length: 5_000 }, (_, i) => feed.taken - 5_000 + i));
  });

  it('lose none that there is room for when there is no time for all of them at once', () => {
    const feed = new EventFeed([]);
    feed.take(run(0, 3_000));
    let frames = 0;
    while (feed.isBehind) {
      feed.absorb(0);
      frames++;
    }
    expect(frames).toBeGreaterThan(5);
    expect(pids(feed)).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
  });

  it('hold no more events than can be seen while no frame is drawn', () => {
    const feed = new EventFeed([]);
    const batch = run(0, 10_000);
    for (let i = 0; i < 200; i++) feed.take(batch);
    feed.absorb(ALL);
    expect(feed.taken).toBe(2_000_000);
    expect(feed.rows.at(0)?.sequence).toBe(1_995_000);
    expect(
      feed.rows
        .toArray()
        .map(({ sequence }) => sequence)
        .at(-1),
    ).toBe(1_999_999);
  });

  it('are fewer where an event has many values', () => {
    const feed = new EventFeed([]);
    const narrow = run(0, 2);
    const column = (name: string, dims: readonly number[]) => {
      const values = Uint32Array.from({ length: 2 * dims.reduce((a, b) => a * b) }, (_, i) => i);
      return { kind: 'number', path: [name, ...dims.map(() => '[]')], dims, values } as const;
    };
    const wide = withColumns(narrow, [column('stack', [64_000]), column('matrix', [3, 400])]);
    for (let i = 0; i < 200; i++) {
      feed.take(wide);
      feed.absorb(ALL);
    }
    expect(feed.rows.length).toBe(195);
    const [stack, matrix] = feed.rows.at(-1 + 195)!.values.map(String);
    expect(stack).toMatch(/^\[64000 64001 .*…$/);
    expect(matrix).toMatch(/^\[\[1200 1201 /);
    expect(stack?.length).toBe(256);
  });

  it('show nested fields, durations, arrays and booleans as what they are', () => {
    const feed = new EventFeed([]);
    feed.take(batchOf([{ comm: 'sh', pid: 7, took: 1_500_000n, ok: true, ports: [80, 443] }]));
    feed.absorb(ALL);
    const [row] = feed.rows.toArray();
    expect(feed.fields.map(({ name, kind }) => [name, kind])).toEqual([
      ['comm', 'text'],
      ['task.pid', 'number'],
      ['took', 'number'],
      ['ok', 'bool'],
      ['ports', 'list'],
    ]);
    expect(feed.fields.map((field, i) => field.text(row!.values[i]!))).toEqual([
      'sh',
      '7',
      '1.5ms',
      'true',
      '[80 443]',
    ]);
  });

  it('keep rare matches of a filter while others rush by, and come back when it goes', () => {
    const feed = new EventFeed([]);
    feed.take(run(0, 100));
    feed.absorb(ALL);
    filterBy(feed, 'task.pid == 7');
    expect(pids(feed)).toEqual([7]);
    for (let first = 100; first < 60_100; first += 10_000) {
      feed.take(run(first, 10_000));
      feed.absorb(ALL);
    }
    expect(pids(feed)).toEqual([7]);
    feed.setFilter(undefined);
    expect(pids(feed)).toEqual(Array.from({ length: 5_000 }, (_, i) => 55_100 + i));
  });

  it('say how many events a filter could not look at', () => {
    const feed = new EventFeed([{ map: 'print_events', field: 'task.pid', pattern: /9$/u }]);
    for (let first = 0; first < 100_000; first += 10_000) feed.take(run(first, 10_000));
    feed.absorb(ALL);
    expect(feed.passedOver).toBe(100_000 - 65_536);
    expect(feed.taken).toBe(100_000);
    expect(pids(feed).every((pid) => pid % 10 === 9)).toBe(true);
  });

  it('take a filter before the first event', () => {
    const feed = new EventFeed([]);
    filterBy(feed, 'c3');
    feed.take(run(0, 20));
    feed.absorb(ALL);
    expect(pids(feed)).toEqual([3, 13]);
  });

  it('begin anew where the columns change', () => {
    const feed = new EventFeed([]);
    feed.take(run(0, 5));
    feed.absorb(ALL);
    const other = run(100, 2);
    feed.take(withColumns(other, other.columns.columns.slice(0, 1)));
    feed.absorb(ALL);
    expect(feed.fields.map(({ name }) => name)).toEqual(['comm']);
    expect(feed.rows.toArray().map(({ values }) => values)).toEqual([['c0'], ['c1']]);
  });
});
