import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventBatch, Sink, WriteCall, WriteResult } from '../../../plugins/sdk/index.js';
import { batchOf, emptyMetrics, Host, numberOf, totals } from './outlet-host.js';

const never = (): Promise<never> => new Promise(() => {});
const tick = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** A sink that answers what it is told to, in turn, and then `ok`. */
function scripted(...answers: (WriteResult | Error | 'never' | undefined)[]) {
  const written: number[] = [];
  const write = async (batch: EventBatch): Promise<WriteResult> => {
    written.push(numberOf(batch));
    const answer = answers.shift() ?? { status: 'ok' };
    if (answer === 'never') return never();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { written, write };
}

describe('an outlet', () => {
  let host: Host;
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    host = new Host();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('delivers batches in order, one write at a time', async () => {
    let running = 0;
    const seen: number[] = [];
    const outlet = host.outlet({
      async write(batch) {
        expect(++running).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 10));
        seen.push(numberOf(batch));
        running--;
        return { status: 'ok' };
      },
    });
    outlet.start();
    const batches = Array.from({ length: 20 }, () => batchOf(2));
    for (const batch of batches) outlet.offer(batch);
    await tick(1_000);
    expect(seen).toEqual(batches.map((batch) => numberOf(batch as never)));
    expect(totals(outlet)).toEqual({ received: 40, delivered: 40, queued: 0, lost: {} });
  });

  it('says when a batch was delivered, and only then: once, and never of a lost one', async () => {
    const { write } = scripted(
      { status: 'retry' },
      { status: 'ok' },
      { status: 'drop' },
      { status: 'ok', rejected: 1 },
    );
    const outlet = host.outlet({ write });
    const told: string[] = [];
    outlet.offer(batchOf(), () => told.push('retried'));
    outlet.offer(batchOf(), () => told.push('dropped'));
    outlet.offer(batchOf(), () => told.push('rejected in part'));
    expect(told).toEqual([]);
    outlet.start();
    await tick(60_000);
    expect(told).toEqual(['retried', 'rejected in part']);
    await Promise.all([outlet.stop(1_000), tick(2_000)]);
    outlet.offer(batchOf(), () => told.push('after the end'));
    expect(told.length).toBe(2);
  });

  it('has the sink open its files anew, also while a write runs, and says what went wrong', async () => {
    let opened = 0;
    const reopen = async (): Promise<void> => {
      if (++opened === 2) throw new Error('no such folder');
    };
    const outlet = host.outlet({ write: never, reopen });
    expect(outlet.reopen()).toBe(false);
    outlet.start();
    outlet.offer(batchOf());
    await tick(1);
    expect([outlet.reopen(), outlet.reopen()]).toEqual([true, true]);
    await tick(1);
    expect(opened).toBe(2);
    expect(host.lines.filter((line) => line.includes('reopen'))).toEqual([
      'warn: reopen failed: no such folder',
    ]);
    const stopped = outlet.stop(1_000);
    await tick(2_000);
    await stopped;
    expect(outlet.reopen()).toBe(false);
    const without = host.outlet({ write: never });
    without.start();
    await tick(1);
    expect(without.reopen()).toBe(false);
  });

  it('has a sink that was opening when it was asked open its files anew afterwards', async () => {
    let reopened = 0;
    let open = (): void => {};
    const sink = { write: never, reopen: async () => void reopened++, close() {} };
    const outlet = host.outlet(
      () =>
        new Promise((resolve) => {
          open = () => resolve(sink);
        }),
    );
    outlet.start();
    await tick(1);
    expect(outlet.reopen()).toBe(false);
    open();
    await tick(1);
    expect(reopened).toBe(1);
    const stopped = outlet.stop(1_000);
    await tick(2_000);
    await stopped;
  });

  it('runs as many writes at once as were declared, and no loop falls asleep', async () => {
    let running = 0;
    let most = 0;
    const write = async (): Promise<WriteResult> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running--;
      return { status: 'ok' };
    };
    const outlet = host.outlet({ write }, { definition: { concurrency: 3 } });
    outlet.start();
    for (let round = 0; round < 4; round++) {
      most = 0;
      for (let i = 0; i < 9; i++) outlet.offer(batchOf());
      await tick(100);
      expect(most).toBe(3);
      // One batch alone wakes the loops in another order each time.
      outlet.offer(batchOf());
      await tick(100);
    }
    const stopped = outlet.stop(1_000);
    await tick(1);
    await stopped;
    expect(totals(outlet)).toMatchObject({ delivered: 40, queued: 0 });
  });

  it('bounds its queue by batches', async () => {
    const outlet = host.outlet({ write: never }, { maxBatches: 2 });
    for (let i = 0; i < 5; i++) outlet.offer(batchOf(10));
    expect(totals(outlet)).toEqual({ received: 50, delivered: 0, queued: 20, lost: { queue_full: 30 } });
  });

  it('bounds its queue by bytes, but lets one batch in that is bigger than all of it', async () => {
    const big = () => batchOf(1, { ndjson: new Uint8Array(600), lineEnds: Uint32Array.of(600) });
    const outlet = host.outlet({ write: never }, { maxBytes: 2_500 });
    for (let i = 0; i < 4; i++) outlet.offer(big());
    expect(totals(outlet)).toMatchObject({ queued: 2, lost: { queue_full: 2 } });
    const small = host.outlet({ write: never }, { maxBytes: 100 });
    small.offer(big());
    small.offer(batchOf());
    expect(totals(small)).toMatchObject({ queued: 1, lost: { queue_full: 1 } });
  });

  it('tries the same batch again after retry, a throw, or an answer that is none, with growing pauses', async () => {
    const times: number[] = [];
    const { written, write } = scripted(
      { status: 'retry' },
      new Error('reset'),
      'rubbish' as never,
      undefined,
    );
    const outlet = host.outlet({
      write: (batch, call) => {
        times.push(performance.now());
        return (write as (b: EventBatch, c: WriteCall) => Promise<WriteResult>)(batch, call);
      },
    });
    outlet.start();
    outlet.offer(batchOf());
    outlet.offer(batchOf());
    await tick(20_000);
    expect(times.slice(1).map((time, i) => time - times[i]!)).toEqual([1_000, 1_500, 2_250, 0]);
    expect(written.slice(0, 4)).toEqual(Array(4).fill(written[0]));
    expect(written[4]).toBe(written[0]! + 1);
    expect(totals(outlet)).toMatchObject({ delivered: 2, queued: 0 });
    expect(host.counters.get('errors_total')).toBe(3);
    expect(host.lines).toEqual([
      'warn: cannot deliver: the sink asked to retry',
      'warn: cannot deliver: reset',
      expect.stringMatching(/warn: cannot deliver: write\(\) answered 'rubbish'/),
      'info: delivers again',
    ]);
    expect(outlet).toMatchObject({ state: 'up', error: undefined });
  });

  it('waits as long as the sink asks, for every batch', async () => {
    const times: number[] = [];
    const answers: WriteResult[] = [{ status: 'retry', after: 20_000 }];
    const outlet = host.outlet(
      {
        async write() {
          times.push(performance.now());
          return answers.shift() ?? { status: 'ok' };
        },
      },
      { definition: { concurrency: 2 } },
    );
    outlet.start();
    outlet.offer(batchOf());
    await tick();
    outlet.offer(batchOf());
    await tick(19_999);
    // The second loop was idle when the first was told to wait: one attempt of its own, and no more.
    expect(times.length).toBeLessThanOrEqual(2);
    await tick(2);
    expect(totals(outlet)).toMatchObject({ delivered: 2 });
  });

  it.each([Number.POSITIVE_INFINITY, 2 ** 40])('is not fooled into hammering by after: %d', async (after) => {
    let attempts = 0;
    const outlet = host.outlet(
      {
        async write() {
          attempts++;
          return { status: 'retry', after };
        },
      },
      { maxElapsed: 0 },
    );
    outlet.start();
    outlet.offer(batchOf());
    await tick(3_500_000);
    expect(attempts).toBe(1);
    await tick(200_000);
    expect(attempts).toBe(2);
  });

  it('shows its circuit: closed, open until the next attempt, half-open while that runs', async () => {
    let answer: ((result: WriteResult) => void) | undefined;
    const outlet = host.outlet({
      write: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    outlet.start();
    outlet.offer(batchOf());
    await tick();
    expect(outlet.circuit).toEqual({ state: 'closed', failures: 0 });
    answer!({ status: 'retry', after: 7_000 });
    await tick();
    expect(outlet.circuit).toEqual({ state: 'open', failures: 1, retryAt: Date.now() + 7_000 });
    await tick(7_000);
    expect(outlet.circuit).toEqual({ state: 'half_open', failures: 1 });
    answer!({ status: 'ok' });
    await tick();
    expect(outlet.circuit).toEqual({ state: 'closed', failures: 0 });
  });

  it('gives a batch up after max_elapsed, even while the sink wants to be left alone', async () => {
    const outlet = host.outlet(
      { write: async () => ({ status: 'retry', after: 600_000 }) },
      { maxElapsed: 5_000 },
    );
    outlet.start();
    outlet.offer(batchOf(3));
    await tick(4_999);
    expect(totals(outlet)).toMatchObject({ queued: 3 });
    await tick(2);
    expect(totals(outlet)).toMatchObject({ queued: 0, lost: { expired: 3 } });
  });

  it('never gives up with max_elapsed: 0', async () => {
    const outlet = host.outlet({ write: async () => ({ status: 'retry' }) }, { maxElapsed: 0 });
    outlet.start();
    outlet.offer(batchOf());
    await tick(3 * 24 * 3_600_000);
    expect(totals(outlet)).toMatchObject({ queued: 1, lost: {} });
  });

  it('counts what the sink drops and rejects, more than there was too, and logs it at a bearable rate', async () => {
    const { write } = scripted(
      { status: 'drop', error: 'HTTP 400' },
      { status: 'ok', rejected: 2 },
      { status: 'ok', rejected: 99 },
    );
    const outlet = host.outlet({ write });
    outlet.start();
    for (let i = 0; i < 3; i++) outlet.offer(batchOf(5));
    await tick();
    expect(totals(outlet)).toEqual({
      received: 15,
      delivered: 3,
      queued: 0,
      lost: { dropped: 5, rejected: 7 },
    });
    expect(host.lines).toEqual(['warn: 5 events lost: HTTP 400']);
  });

  it('aborts an attempt at its time-out, and then gives it a little grace', async () => {
    let reason: unknown;
    let calls = 0;
    const outlet = host.outlet({
      write: (_batch, { signal }) =>
        new Promise((resolve) => {
          calls++;
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            setTimeout(() => resolve({ status: 'ok' }), 100);
          });
        }),
    });
    outlet.start();
    outlet.offer(batchOf());
    await tick(1_000);
    expect(String(reason)).toContain('no answer within 1000 ms');
    await tick(101);
    expect(totals(outlet)).toMatchObject({ delivered: 1 });
    expect(calls).toBe(1);
  });

  it('has a signal for who asks for it late, or for a copy of the call', async () => {
    const seen: unknown[] = [];
    const outlet = host.outlet({
      write: async (_batch, call) => {
        const copy = { ...call };
        expect(copy.signal).toBe(call.signal);
        seen.push(call.signal.aborted);
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        seen.push(call.signal.aborted);
        return { status: 'ok' };
      },
    });
    const late = host.outlet({
      write: async (_batch, call) => {
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        seen.push(String(call.signal.reason));
        return { status: 'ok' };
      },
    });
    for (const one of [outlet, late]) {
      one.start();
      one.offer(batchOf());
    }
    await tick(1_101);
    expect(seen).toEqual([false, true, expect.stringContaining('no answer within 1000 ms')]);
  });

  it('writes many batches at once without a warning of Node about listeners, and aborts them all at the stop', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    const reasons: string[] = [];
    const outlet = host.outlet(
      {
        write: (_batch, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              reasons.push(String(signal.reason));
              resolve({ status: 'retry' });
            });
          }),
      },
      { concurrency: 32, maxBatches: 64, timeout: 60_000 },
    );
    outlet.start();
    for (let i = 0; i < 32; i++) outlet.offer(batchOf());
    await tick();
    const stopped = outlet.stop(100);
    await tick(2_000);
    await stopped;
    await new Promise(process.nextTick);
    process.off('warning', onWarning);
    expect(reasons).toHaveLength(32);
    expect(new Set(reasons).size).toBe(1);
    expect(warnings).toEqual([]);
  });

  it('leaves the signal of a write that has ended alone', async () => {
    const signals: AbortSignal[] = [];
    const outlet = host.outlet({
      write: (_batch, { signal }) => {
        signals.push(signal);
        return { status: 'ok' };
      },
    });
    outlet.start();
    outlet.offer(batchOf());
    await tick();
    outlet.offer(batchOf());
    await tick(5_000);
    await outlet.stop(1_000);
    expect(signals).toHaveLength(2);
    expect(signals[0]).not.toBe(signals[1]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  it('holds the next write back while one is stuck, and takes its late answer instead of writing twice', async () => {
    const answers: ((result: WriteResult) => void)[] = [];
    const written: number[] = [];
    const outlet = host.outlet({
      write: (batch) =>
        new Promise((resolve) => {
          written.push(numberOf(batch));
          answers.push(resolve);
        }),
    });
    outlet.start();
    outlet.offer(batchOf());
    outlet.offer(batchOf());
    await tick(10_000);
    expect(written).toHaveLength(1);
    expect(outlet.state).toBe('retrying');
    answers[0]!({ status: 'ok' });
    await tick(30_000);
    expect(written).toHaveLength(2);
    expect(totals(outlet)).toMatchObject({ delivered: 1, queued: 1 });
  });

  it('loses what a stuck sink never took, by expiry, without another write', async () => {
    let writes = 0;
    const outlet = host.outlet(
      {
        write() {
          writes++;
          return never();
        },
      },
      { maxElapsed: 5_000, definition: { concurrency: 2 } },
    );
    outlet.start();
    for (let i = 0; i < 6; i++) outlet.offer(batchOf());
    await tick(120_000);
    expect(writes).toBe(2);
    expect(totals(outlet)).toMatchObject({ queued: 0, lost: { expired: 6 } });
  });

  it('has one attempt find out after a pause, whatever the concurrency; the others go on when it has succeeded', async () => {
    let answer: WriteResult = { status: 'retry' };
    const begun: number[] = [];
    const outlet = host.outlet(
      {
        async write() {
          begun.push(performance.now());
          await new Promise((resolve) => setTimeout(resolve, 100));
          return answer;
        },
      },
      { definition: { concurrency: 3 }, retry: { initial: 500, max: 2_000, multiplier: 4 } },
    );
    const start = performance.now();
    outlet.start();
    for (let i = 0; i < 6; i++) outlet.offer(batchOf());
    // Three fail at once, then one after each pause: 500 ms, and 2 s from there on.
    await tick(2_900);
    expect(begun.map((time) => time - start)).toEqual([0, 0, 0, 600, 2_700]);
    expect(outlet.circuit).toMatchObject({ state: 'open' });
    answer = { status: 'ok' };
    await tick(1_950);
    expect(begun.length).toBe(6);
    expect(outlet.circuit.state).toBe('half_open');
    await tick(1_000);
    expect(begun.slice(5).map((time) => time - start)).toEqual([4_800, 4_900, 4_900, 4_900, 5_000, 5_000]);
    expect(outlet.circuit).toMatchObject({ state: 'closed', failures: 0 });
    expect(totals(outlet)).toMatchObject({ delivered: 6, queued: 0 });
  });

  it('goes on when metrics are what finds out, and are refused', async () => {
    const answers: WriteResult[] = [{ status: 'retry' }, { status: 'drop' }];
    const outlet = host.outlet(
      {
        write: async () => ({ status: 'ok' }),
        writeMetrics: async () => answers.shift() ?? { status: 'ok' },
      },
      { definition: { accepts: { events: ['ndjson'], metrics: true } } },
    );
    outlet.start();
    await tick();
    outlet.offerMetrics(emptyMetrics());
    await tick();
    await tick(1_000);
    outlet.offer(batchOf());
    await tick(5_000);
    expect(answers).toEqual([]);
    expect(totals(outlet)).toMatchObject({ delivered: 1, queued: 0 });
  });

  it('opens with back-off, says why it cannot, and delivers what waited', async () => {
    let opens = 0;
    const outlet = host.outlet(() => {
      if (++opens < 3) throw new Error('connection refused');
      return { write: async () => ({ status: 'ok' }), close() {} };
    });
    outlet.start();
    outlet.offer(batchOf());
    await tick();
    expect(outlet).toMatchObject({ state: 'opening', error: 'connection refused' });
    await tick(2_500);
    expect(outlet).toMatchObject({ state: 'up', error: undefined });
    expect(opens).toBe(3);
    expect(host.lines).toEqual(['warn: cannot open: connection refused']);
    expect(totals(outlet)).toMatchObject({ delivered: 1 });
  });

  it('ends at once when open says that no later attempt would be better', async () => {
    const outlet = host.outlet(() => {
      throw Object.assign(new Error('address in use'), { fatal: true });
    });
    outlet.start();
    outlet.offer(batchOf());
    await outlet.ended;
    expect(outlet).toMatchObject({ state: 'closed', fatal: true, error: 'address in use' });
    expect(totals(outlet)).toMatchObject({ queued: 0, lost: { closed: 1 } });
  });

  it.each([
    ['nothing', () => undefined, /open\(\) gave missing/],
    ['no write', () => ({ close() {} }), /sink without write\(\)/],
  ])('does not take %s for a sink', async (_what, open, message) => {
    const outlet = host.outlet(open as never);
    outlet.start();
    await tick();
    expect(outlet.error).toMatch(message);
    expect(outlet.state).toBe('opening');
  });

  it('says that an open does not answer', async () => {
    const outlet = host.outlet(never);
    outlet.start();
    await tick(1_001);
    expect(outlet.error).toBe('open() has not answered for 1000 ms');
  });

  it('closes a sink that opens only after the stop', async () => {
    let opened!: (sink: Sink) => void;
    let closes = 0;
    const outlet = host.outlet(() => new Promise<Sink>((resolve) => (opened = resolve)));
    outlet.start();
    outlet.offer(batchOf());
    const stopped = outlet.stop(1_000);
    await tick(2_000);
    await stopped;
    expect(totals(outlet)).toMatchObject({ queued: 0, lost: { shutdown: 1 } });
    opened({ write: async () => expect.unreachable(), close: () => void closes++ });
    await tick();
    expect(closes).toBe(1);
  });

  it('ends with a sink that is finished: everything else is lost as closed', async () => {
    let closes = 0;
    const { write } = scripted(undefined, { status: 'closed', error: 'EPIPE' });
    const outlet = host.outlet({ write, close: () => void closes++ });
    outlet.start();
    for (let i = 0; i < 4; i++) outlet.offer(batchOf());
    await tick();
    await outlet.ended;
    outlet.offer(batchOf());
    expect(outlet).toMatchObject({ state: 'closed', error: 'EPIPE', fatal: false });
    expect(totals(outlet)).toEqual({ received: 5, delivered: 1, queued: 0, lost: { closed: 4 } });
    await outlet.stop(1_000);
    expect(closes).toBe(1);
  });

  it('lets the other writes of a concurrent sink end before it closes', async () => {
    const log: string[] = [];
    let first = true;
    const outlet = host.outlet(
      {
        async write(_batch, { signal }) {
          if (first) {
            first = false;
            await new Promise((resolve) => setTimeout(resolve, 10));
            return { status: 'closed' };
          }
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          await new Promise((resolve) => setTimeout(resolve, 50));
          log.push('written');
          return { status: 'ok' };
        },
        close: () => void log.push('closed'),
      },
      { definition: { concurrency: 2 } },
    );
    outlet.start();
    outlet.offer(batchOf());
    outlet.offer(batchOf());
    await tick(1_000);
    await outlet.ended;
    expect(log).toEqual(['written', 'closed']);
    expect(totals(outlet)).toMatchObject({ delivered: 1, lost: { closed: 1 } });
  });

  describe('that stops', () => {
    it('delivers what is queued, flushes, closes, and calls nothing after that', async () => {
      const log: string[] = [];
      const outlet = host.outlet({
        async write() {
          await new Promise((resolve) => setTimeout(resolve, 20));
          log.push('write');
          return { status: 'ok' };
        },
        flush: () => void log.push('flush'),
        close: () => void log.push(`close, signal ${host.context?.signal.aborted}`),
      });
      outlet.start();
      for (let i = 0; i < 3; i++) outlet.offer(batchOf());
      const stopped = Promise.all([outlet.stop(1_000), outlet.stop(1_000)]);
      await tick(1_000);
      await stopped;
      outlet.offer(batchOf());
      await tick(10_000);
      expect(log).toEqual(['write', 'write', 'write', 'flush', 'close, signal true']);
      expect(totals(outlet)).toEqual({ received: 4, delivered: 3, queued: 0, lost: { closed: 1 } });
    });

    it('does not sit out a back-off: one more attempt is made at once', async () => {
      const { written, write } = scripted({ status: 'retry', after: 30_000 });
      const outlet = host.outlet({ write });
      outlet.start();
      outlet.offer(batchOf());
      await tick(10);
      const begun = performance.now();
      const stopped = outlet.stop(4_000);
      await tick(100);
      await stopped;
      expect(performance.now() - begun).toBeLessThan(200);
      expect(written).toHaveLength(2);
      expect(totals(outlet)).toMatchObject({ delivered: 1 });
    });

    it('keeps its deadline with a sink that never answers anything, and counts the loss', async () => {
      const outlet = host.outlet({ write: never, flush: never, close: never });
      outlet.start();
      for (let i = 0; i < 3; i++) outlet.offer(batchOf(2));
      await tick();
      const begun = performance.now();
      const stopped = outlet.stop(4_000).then(() => performance.now() - begun);
      await tick(10_000);
      expect(await stopped).toBeLessThanOrEqual(4_000);
      expect(totals(outlet)).toEqual({ received: 6, delivered: 0, queued: 0, lost: { shutdown: 6 } });
    });

    it('counts an answer that still comes after the abort', async () => {
      const outlet = host.outlet(
        {
          write: (_batch, { signal }) =>
            new Promise((resolve) => {
              signal.addEventListener('abort', () => setTimeout(() => resolve({ status: 'ok' }), 50));
            }),
        },
        { timeout: 60_000 },
      );
      outlet.start();
      outlet.offer(batchOf());
      await tick();
      const stopped = outlet.stop(4_000);
      await tick(4_000);
      await stopped;
      expect(totals(outlet)).toMatchObject({ delivered: 1, lost: {} });
    });

    it('does not wait for a sink that never opened', async () => {
      const outlet = host.outlet(() => {
        throw new Error('refused');
      });
      outlet.start();
      await tick();
      const begun = performance.now();
      const stopped = outlet.stop(4_000).then(() => performance.now() - begun);
      await tick(4_000);
      expect(await stopped).toBeLessThan(100);
    });

    it('logs a flush and a close that throw', async () => {
      const broken = (what: string) => () => {
        throw new Error(what);
      };
      const outlet = host.outlet({
        write: async () => ({ status: 'ok' }),
        flush: broken('f'),
        close: broken('c'),
      });
      outlet.start();
      await tick();
      const stopped = outlet.stop(1_000);
      await tick(1_000);
      await stopped;
      expect(host.lines).toEqual(['warn: flush failed: f', 'warn: closing failed: c']);
    });

    it('stops without ever having started', async () => {
      const outlet = host.outlet({ write: never });
      outlet.offer(batchOf());
      const stopped = outlet.stop(100);
      await tick(100);
      await stopped;
      expect(totals(outlet)).toMatchObject({ lost: { shutdown: 1 } });
    });
  });

  describe('of metrics', () => {
    const definition = { accepts: { events: ['ndjson'], metrics: true } } as const;

    it('writes every interval, events or not, and once more at the stop', async () => {
      const times: number[] = [];
      const outlet = host.outlet(
        {
          write: async () => {
            await new Promise((resolve) => setTimeout(resolve, 100));
            return { status: 'ok' };
          },
          writeMetrics: async () => {
            times.push(Math.round(performance.now() - begun));
            return { status: 'ok' };
          },
        },
        { definition, interval: 1_000 },
      );
      const begun = performance.now();
      outlet.start();
      // Events without end: the queue is never empty.
      for (let i = 0; i < 200; i++) outlet.offer(batchOf());
      await tick(3_500);
      expect(times).toHaveLength(3);
      const stopped = outlet.stop(1_000);
      await tick(1_000);
      await stopped;
      expect(times).toHaveLength(4);
    });

    it('keeps only the newest while it cannot write, and tries that again', async () => {
      const seen: bigint[] = [];
      let down = true;
      let time = 0n;
      host.collect = async () => emptyMetrics(++time);
      const outlet = host.outlet(
        {
          write: async () => ({ status: 'ok' }),
          writeMetrics: async (batch) => {
            if (down) return { status: 'retry', after: 3_500 };
            seen.push(batch.time);
            return { status: 'ok' };
          },
        },
        { definition, interval: 1_000 },
      );
      outlet.start();
      await tick(1_100);
      down = false;
      await tick(3_700);
      expect(seen).toEqual([4n]);
    });

    it('logs what of them was refused', async () => {
      const outlet = host.outlet(
        {
          write: async () => ({ status: 'ok' }),
          writeMetrics: async () => ({ status: 'ok', rejected: 2, error: 'too old' }),
        },
        { definition, interval: 1_000 },
      );
      outlet.start();
      await tick(1_100);
      expect(host.lines).toEqual(['warn: 2 metric points lost: too old']);
    });

    it('delivers events to a destination that takes no metrics', async () => {
      const seen: number[] = [];
      let attempts = 0;
      const outlet = host.outlet(
        {
          write: async (batch) => {
            seen.push(numberOf(batch));
            return { status: 'ok' };
          },
          writeMetrics: async () => {
            attempts++;
            return { status: 'retry', error: 'no metrics here' };
          },
        },
        { definition, interval: 10_000 },
      );
      outlet.start();
      await tick(10_500);
      for (let i = 0; i < 50; i++) outlet.offer(batchOf());
      await tick(5_000);
      expect(seen).toHaveLength(50);
      await tick(60_000);
      expect(attempts).toBeGreaterThan(5);
      expect(outlet.state).toBe('retrying');
    });

    it('does not collect twice at once', async () => {
      let running = 0;
      host.collect = async () => {
        expect(++running).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        running--;
        return emptyMetrics();
      };
      const outlet = host.outlet(
        { write: async () => ({ status: 'ok' }), writeMetrics: async () => ({ status: 'ok' }) },
        { definition, interval: 1_000 },
      );
      outlet.start();
      await tick(12_000);
      expect(host.lines).toEqual([]);
    });
  });

  it('gives the sink fetch while it is open, and no longer', async () => {
    const outlet = host.outlet({
      write: async () => ({ status: 'ok' }),
      fetch: async () => new Response('x'),
    });
    expect(outlet.fetch).toBeUndefined();
    outlet.start();
    await tick();
    expect(await (await outlet.fetch!(new Request('http://x/'))).text()).toBe('x');
    const stopped = outlet.stop(100);
    await tick(100);
    await stopped;
    expect(outlet.fetch).toBeUndefined();
  });

  it('names the sink that reads a form which it did not declare', async () => {
    const outlet = host.outlet({
      async write(batch) {
        batch.rows();
        return { status: 'ok' };
      },
    });
    outlet.start();
    outlet.offer(batchOf());
    await tick();
    expect(outlet.error).toMatch(/sink "mine" read the form "rows"/);
  });
});
