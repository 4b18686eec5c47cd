import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../../config/index.js';
import type { EventBatch, EventBatchData, WriteResult } from '../../../plugins/sdk/index.js';
import { anyEvent, batchOfEvents } from './any-batch.js';
import { batchOf, Host, totals } from './outlet-host.js';

const root = mkdtempSync(join(tmpdir(), 'bee-outlet-'));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true }));
const newBuffer = () => ({ folder: join(root, `${folders++}`), maxSize: 2 ** 24, fsync: 'never' }) as const;

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await sleep(2);
  expect(condition()).toBe(true);
}

const numbersOf = (batch: EventBatch): number[] =>
  Buffer.from(batch.ndjson).toString().trim().split('\n').map(Number);
const numbersIn = (batch: EventBatchData): number[] =>
  Buffer.from(batch.ndjson!).toString().trim().split('\n').map(Number);

const answer = fc.oneof(
  { weight: 6, arbitrary: fc.constant('ok' as const) },
  fc.constantFrom('slow' as const, 'throw' as const, 'drop' as const, 'rejected' as const),
);

describe('an outlet with a disk buffer', () => {
  it('delivers rows that an earlier run kept, with what they mean, and columns where it wants these now', async () => {
    const buffer = newBuffer();
    const events = fc.sample(anyEvent, 50);
    const only = { accepts: { events: ['rows'], metrics: false } } as const;
    const definition = { accepts: { events: ['rows', 'columns'], metrics: false } } as const;
    const first = new Host().outlet(
      { write: async () => ({ status: 'retry' }) },
      { buffer, definition: only },
    );
    first.start();
    first.offer(batchOfEvents(events, {}, true));
    await until(() => first.state === 'retrying');
    await first.stop(1_000);
    expect(totals(first)).toMatchObject({ queued: 50, lost: {} });
    const rows: unknown[] = [];
    const kinds: string[] = [];
    const second = new Host().outlet(
      {
        async write(batch) {
          kinds.push(...batch.columns.columns.map(({ kind }) => kind));
          rows.push(...[...batch.rows()].map(({ timestamp, labels, data }) => ({ timestamp, labels, data })));
          return { status: 'ok' };
        },
      },
      { buffer, definition },
    );
    second.start();
    await until(() => rows.length === 50 || second.error !== undefined);
    expect(second.error).toBeUndefined();
    const states: Record<number, string> = { 1: 'ON', 2: 'OFF' };
    const nameOf = (bytes: bigint): string => {
      const name = Buffer.from(BigUint64Array.of(bytes).buffer);
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        name.subarray(0, name.includes(0) ? name.indexOf(0) : 8),
      );
    };
    expect(rows).toEqual(
      events.map(({ time, state, pair, text, names }) => ({
        timestamp: time,
        labels: { node: 'n' },
        data: { state: states[state] ?? state, pair: [...pair], text, names: names.map(nameOf) },
      })),
    );
    expect(kinds).toEqual(['number', 'number', 'text', 'text']);
    await second.stop(1_000);
    expect(totals(second)).toEqual({ received: 50, recovered: 50, delivered: 50, queued: 0, lost: {} });
  });

  it('ends the agent when its folder cannot be used, and loses nothing in silence', async () => {
    const host = new Host();
    const outlet = host.outlet(
      { write: async () => ({ status: 'ok' }) },
      { buffer: { ...newBuffer(), folder: '/etc/hostname/buffer' } },
    );
    outlet.start();
    outlet.offer(batchOf(3));
    await outlet.ended;
    expect(outlet).toMatchObject({ fatal: true, state: 'closed' });
    expect(outlet.error).toMatch(/^buffer\.path: \/etc\/hostname\/buffer cannot be used: ENOTDIR/);
    expect(totals(outlet)).toMatchObject({ queued: 0, lost: { closed: 3 } });
  });

  it('keeps what a sink that is finished did not take', async () => {
    const buffer = newBuffer();
    const outlet = new Host().outlet({ write: async () => ({ status: 'closed' }) }, { buffer });
    outlet.start();
    for (let i = 0; i < 3; i++) outlet.offer(batchOf());
    await outlet.ended;
    outlet.offer(batchOf());
    const { queued, lost } = totals(outlet);
    expect(queued + (lost.closed ?? 0)).toBe(4);
    expect(queued).toBeGreaterThan(0);
    let delivered = 0;
    const next = new Host().outlet(
      {
        write: async ({ count }) => {
          delivered += count;
          return { status: 'ok' };
        },
      },
      { buffer },
    );
    next.start();
    await until(() => delivered === queued);
    await next.stop(1_000);
    expect(totals(next)).toMatchObject({ recovered: queued, delivered: queued });
  });

  it('gives nothing up for its age, by default; with max_elapsed, by the time from the first attempt', async () => {
    const queueOf = (queue: string) =>
      parseConfig(
        `{ probes: [{ file: p.o }], sinks: { a: { type: ./a.js, buffer: { path: b }, queue: ${queue} } } }`,
        '/probes.yaml',
        {},
      ).config.sinks.a!.queue;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const pass = async (minutes: number): Promise<void> => {
        for (let half = 0; half < minutes * 2; half++) {
          await vi.advanceTimersByTimeAsync(30_000);
          // The disk is a real one.
          for (let i = 0; i < 20; i++) await new Promise(setImmediate);
        }
      };
      const refused = async (queue: string) => {
        const outlet = new Host().outlet(
          { write: async () => ({ status: 'retry' }) },
          { buffer: newBuffer(), maxElapsed: queueOf(queue).maxElapsed },
        );
        outlet.start();
        for (let i = 0; i < 3; i++) outlet.offer(batchOf());
        while (outlet.state !== 'retrying') await new Promise(setImmediate);
        await pass(12);
        const sum = totals(outlet);
        void outlet.stop(1);
        await pass(1);
        return sum;
      };
      expect(await refused('{}')).toEqual({ received: 3, delivered: 0, queued: 3, lost: {} });
      // One after the other: each has its own five minutes.
      expect(await refused('{ max_elapsed: 5m }')).toMatchObject({ queued: 1, lost: { expired: 2 } });
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps the sum over any sink and any number of runs, and delivers each event that it does not lose', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 12 }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(answer, { maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (runs, answers, concurrency, merges) => {
          const buffer = newBuffer();
          const script = [...answers];
          const acknowledged: number[] = [];
          const offered = new Set<number>();
          let kept = 0;
          let lost = 0;
          const write = async (batch: EventBatch): Promise<WriteResult> => {
            const what = script.shift() ?? 'ok';
            if (what === 'slow') await sleep(3);
            if (what === 'throw') throw new Error('broken');
            if (what === 'drop') return { status: 'drop' };
            acknowledged.push(...numbersOf(batch));
            return what === 'rejected' ? { status: 'ok', rejected: 1 } : { status: 'ok' };
          };
          for (const [run, counts] of [...runs, []].entries()) {
            const isLast = run === runs.length;
            const outlet = new Host().outlet(
              { write },
              {
                buffer,
                concurrency,
                ...(merges ? { batch: { maxEvents: 8, maxBytes: 100_000, maxWait: 5 } } : {}),
              },
            );
            outlet.start();
            for (const count of counts) {
              const batch = batchOf(count);
              for (const n of numbersIn(batch)) offered.add(n);
              outlet.offer(batch);
              totals(outlet);
              if (count % 2) await sleep(1);
            }
            if (isLast) await until(() => outlet.state === 'up' && totals(outlet).queued === 0);
            await outlet.stop(isLast ? 1_000 : 30);
            const sum = totals(outlet);
            // What was acknowledged out of turn comes again.
            const recovered = sum.recovered ?? 0;
            if (concurrency === 1) expect(recovered).toBe(kept);
            expect(recovered).toBeGreaterThanOrEqual(kept);
            expect(sum.received).toBe(recovered + counts.reduce((a, b) => a + b, 0));
            kept = sum.queued;
            lost += Object.values(sum.lost).reduce((a, b) => a + b, 0);
          }
          expect(kept).toBe(0);
          for (const n of acknowledged) expect(offered.has(n)).toBe(true);
          if (lost === 0) for (const n of offered) expect(acknowledged.includes(n)).toBe(true);
          if (concurrency === 1) expect([...acknowledged].sort((a, b) => a - b)).toEqual(acknowledged);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
