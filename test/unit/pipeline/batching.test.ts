import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { canMerge, merge } from '../../../core/pipeline/batch/merge.js';
import { sizeOf } from '../../../core/pipeline/batch/size.js';
import { split } from '../../../core/pipeline/batch/split.js';
import type { EventBatch } from '../../../plugins/sdk/index.js';
import { anyEvent, batchOfEvents, eventsOf } from './any-batch.js';
import { batchOf, Host, totals } from './outlet-host.js';

describe('batches', () => {
  it('cut and put together again are the same events in the same order', () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 4_000 }),
        (events, maxEvents, maxBytes) => {
          const pieces = split(batchOfEvents(events, {}, true), maxEvents, maxBytes);
          for (const piece of pieces) expect(piece.count).toBeLessThanOrEqual(maxEvents);
          expect(pieces.every((piece) => canMerge(pieces[0]!, piece))).toBe(true);
          expect(pieces.flatMap(eventsOf)).toEqual(events);
          expect(eventsOf(merge(pieces))).toEqual(events);
        },
      ),
    );
  });

  it('are cut by bytes as well, down to single events', () => {
    const line = JSON.stringify('x'.repeat(1_000));
    const events = Array.from({ length: 20 }, (_, i) => ({
      line,
      time: BigInt(i),
      state: 1,
      pair: [0n, 0n] as const,
      text: '',
      names: [0n, 0n] as const,
    }));
    const pieces = split(batchOfEvents(events), 1_000, 6_000);
    expect(pieces.length).toBeGreaterThan(3);
    for (const piece of pieces) expect(piece.ndjson!.byteLength).toBeLessThanOrEqual(6_000);
    expect(split(batchOfEvents(events), 1_000, 10).map((piece) => piece.count)).toEqual(Array(20).fill(1));
    expect(split(pieces[0]!, 1_000, sizeOf(pieces[0]!))).toEqual([pieces[0]]);
  });

  it.each([
    ['another map', { map: 'other' }],
    ['other labels', { labels: { node: 'other' } }],
    ['no lines', { ndjson: undefined, lineEnds: undefined }],
    ['no columns', { columns: undefined }],
    ['raw columns', batchOfEvents([], {}, true)],
  ])('with %s stay apart', (_what, more) => {
    const event = fc.sample(anyEvent, 1);
    expect(canMerge(batchOfEvents(event), batchOfEvents(event, more as never))).toBe(false);
  });
});

describe('an outlet that puts small batches together', () => {
  const limits = { maxEvents: 10, maxBytes: 100_000, maxWait: 1_000 };
  let host: Host;
  let written: { map: string; count: number; text: string }[];
  const write = async (batch: EventBatch) => {
    written.push({ map: batch.map, count: batch.count, text: Buffer.from(batch.ndjson).toString() });
    return { status: 'ok' as const };
  };
  beforeEach(() => {
    vi.useFakeTimers();
    host = new Host();
    written = [];
  });
  afterEach(() => void vi.useRealTimers());

  it('writes when there are enough events, when the first has waited long enough, and never before', async () => {
    const outlet = host.outlet({ write }, { batch: limits });
    outlet.start();
    for (let i = 0; i < 3; i++) outlet.offer(batchOf(5));
    await vi.advanceTimersByTimeAsync(0);
    expect(written.map(({ count }) => count)).toEqual([10]);
    await vi.advanceTimersByTimeAsync(999);
    expect(written).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(written.map(({ count }) => count)).toEqual([10, 5]);
    expect(totals(outlet)).toEqual({ received: 15, delivered: 15, queued: 0, lost: {} });
  });

  it('writes by bytes, and cuts what is too big', async () => {
    const big = () =>
      batchOf(4, { ndjson: new Uint8Array(80_000), lineEnds: Uint32Array.of(20e3, 40e3, 60e3, 80e3) });
    const outlet = host.outlet({ write }, { batch: { ...limits, maxBytes: 50_000 } });
    outlet.start();
    const released: number[] = [];
    outlet.offer(big(), () => released.push(1));
    await vi.advanceTimersByTimeAsync(0);
    expect(written.map(({ count }) => count)).toEqual([2]);
    expect(released).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(written.map(({ count }) => count)).toEqual([2, 2]);
    expect(released).toEqual([1]);
  });

  it('keeps maps apart and each in order, and writes all at the stop without waiting', async () => {
    const outlet = host.outlet({ write }, { batch: { ...limits, maxWait: 60_000 } });
    outlet.start();
    const sent: Record<string, string> = { a: '', b: '' };
    for (let i = 0; i < 15; i++) {
      const batch = batchOf(1, { map: i % 2 ? 'a' : 'b' });
      sent[batch.map] += Buffer.from(batch.ndjson!).toString();
      outlet.offer(batch);
    }
    await vi.advanceTimersByTimeAsync(10);
    expect(written).toEqual([]);
    const begun = performance.now();
    const stopped = outlet.stop(4_000);
    await vi.advanceTimersByTimeAsync(100);
    await stopped;
    expect(performance.now() - begun).toBeLessThanOrEqual(100);
    expect(written.map(({ map, count }) => [map, count])).toEqual([
      ['b', 8],
      ['a', 7],
    ]);
    for (const { map, text } of written) expect(text).toBe(sent[map]);
  });

  it('loses what it has put together, too, when the sink never takes it', async () => {
    const outlet = host.outlet({ write: () => new Promise<never>(() => {}) }, { batch: limits });
    outlet.start();
    for (let i = 0; i < 7; i++) outlet.offer(batchOf(5));
    await vi.advanceTimersByTimeAsync(10);
    const stopped = outlet.stop(1_000);
    await vi.advanceTimersByTimeAsync(2_000);
    await stopped;
    expect(totals(outlet)).toEqual({ received: 35, delivered: 0, queued: 0, lost: { shutdown: 35 } });
  });
});

describe('a full queue', () => {
  let host: Host;
  beforeEach(() => {
    host = new Host();
  });
  const never = (): Promise<never> => new Promise(() => {});

  it('drops the oldest, where it is told to', () => {
    const outlet = host.outlet({ write: never }, { maxBatches: 2, whenFull: 'drop_oldest' });
    for (let i = 0; i < 5; i++) outlet.offer(batchOf(10, { map: `m${i}` }));
    const queued = [...outlet.counts()].filter(({ counts }) => counts.queued > 0).map(({ map }) => map);
    expect(queued).toEqual(['m3', 'm4']);
    expect(totals(outlet)).toEqual({ received: 50, delivered: 0, queued: 20, lost: { queue_full: 30 } });
  });

  it('loses nothing where it blocks, and says when there is room', async () => {
    const answers: (() => void)[] = [];
    const write = () =>
      new Promise<{ status: 'ok' }>((resolve) => answers.push(() => resolve({ status: 'ok' })));
    const outlet = host.outlet({ write }, { maxBatches: 2, whenFull: 'block' });
    outlet.start();
    await new Promise(setImmediate);
    for (let i = 0; i < 3; i++) {
      expect(outlet.room()).toBeUndefined();
      outlet.offer(batchOf(10));
      await new Promise(setImmediate);
    }
    let free = false;
    void outlet.room()!.then(() => {
      free = true;
    });
    // What was drained already is taken all the same.
    outlet.offer(batchOf(10));
    answers.shift()!();
    await new Promise(setImmediate);
    expect(free).toBe(false);
    answers.shift()!();
    await new Promise(setImmediate);
    expect(free).toBe(true);
    expect(totals(outlet)).toMatchObject({ received: 40, delivered: 20, lost: {} });
    await outlet.stop(0);
    expect(outlet.room()).toBeUndefined();
  });

  it('lets go of those who wait when the sink ends', async () => {
    let answer: ((result: { status: 'closed' }) => void) | undefined;
    const write = () => new Promise<{ status: 'closed' }>((resolve) => (answer = resolve));
    const outlet = host.outlet({ write }, { maxBatches: 1, whenFull: 'block' });
    outlet.start();
    await new Promise(setImmediate);
    for (let i = 0; i < 2; i++) {
      outlet.offer(batchOf());
      await new Promise(setImmediate);
    }
    const room = outlet.room()!;
    answer!({ status: 'closed' });
    await room;
    await outlet.ended;
    expect(outlet.room()).toBeUndefined();
    expect(totals(outlet)).toEqual({ received: 2, delivered: 0, queued: 0, lost: { closed: 2 } });
  });
});
