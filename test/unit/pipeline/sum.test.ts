import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WriteResult } from '../../../plugins/sdk/index.js';
import { batchOf, Host, numberOf, totals } from './outlet-host.js';

/** What a sink may do with a batch; the numbers are ms and events. */
const behaviour = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ do: 'ok' as const }) },
  fc.record({ do: fc.constant('slow' as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  fc.record({ do: fc.constant('rejected' as const), n: fc.integer({ min: -1, max: 8 }) }),
  fc.record({
    do: fc.constant('retry' as const),
    after: fc.option(fc.integer({ min: 0, max: 10_000 }), { nil: undefined }),
  }),
  fc.constant({ do: 'drop' as const }),
  fc.constant({ do: 'throw' as const }),
  fc.constant({ do: 'throw at once' as const }),
  fc.record({ do: fc.constant('rubbish' as const), what: fc.anything() }),
  fc.constant({ do: 'obey' as const }),
  fc.constant({ do: 'never' as const }),
  { weight: 1, arbitrary: fc.constant({ do: 'closed' as const }) },
);
type Behaviour = typeof behaviour extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  fc.record({
    step: fc.constant('offer' as const),
    count: fc.integer({ min: 1, max: 5 }),
    map: fc.constantFrom('a', 'b'),
  }),
  fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('received = delivered + lost + queued at every step, whatever the sink does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(behaviour, { maxLength: 30 }),
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.record({
        concurrency: fc.integer({ min: 1, max: 3 }),
        maxBatches: fc.integer({ min: 1, max: 8 }),
        maxElapsed: fc.constantFrom(0, 2_000, 20_000),
        opens: fc.integer({ min: 0, max: 2 }),
        deadline: fc.constantFrom(0, 100, 4_000),
      }),
      async (behaviours, steps, { concurrency, opens, deadline, ...settings }) => {
        const host = new Host();
        const script = [...behaviours];
        /** Events that the sink says it has, by batch; a batch twice would show. */
        const acknowledged = new Map<number, number>();
        let late = 0;
        let running = 0;
        let closed = false;
        let failures = opens;
        let last = -1;
        const finish = (number: number, count: number, rejected = 0): WriteResult => {
          expect(acknowledged.has(number)).toBe(false);
          acknowledged.set(number, Math.max(0, count - rejected));
          return rejected === 0 ? { status: 'ok' } : { status: 'ok', rejected };
        };
        const outlet = host.outlet(
          () => {
            if (failures-- > 0) throw new Error('not yet');
            return {
              async write(batch, { signal }) {
                expect(closed).toBe(false);
                expect(++running).toBeLessThanOrEqual(concurrency);
                const number = numberOf(batch);
                if (concurrency === 1) expect(number).toBeGreaterThanOrEqual(last);
                last = number;
                try {
                  return await answer(script.shift() ?? { do: 'ok' }, number, batch.count, signal);
                } finally {
                  running--;
                }
              },
              close() {
                closed = true;
              },
            };
          },
          { ...settings, timeout: 1_000, definition: { concurrency } },
        );
        const answer = async (what: Behaviour, number: number, count: number, signal: AbortSignal) => {
          switch (what.do) {
            case 'ok':
              return finish(number, count);
            case 'slow':
              await new Promise((resolve) => setTimeout(resolve, what.ms));
              if (signal.aborted) late += count;
              return finish(number, count);
            case 'rejected':
              // −1 is no count: a rule broken by the sink, and so a retry.
              if (what.n < 0) return { status: 'ok', rejected: what.n } as WriteResult;
              return finish(number, count, what.n);
            case 'retry':
              return {
                status: 'retry',
                ...(what.after === undefined ? {} : { after: what.after }),
              } as WriteResult;
            case 'drop':
            case 'closed':
              return { status: what.do } as WriteResult;
            case 'throw':
              throw new Error('broken');
            case 'throw at once':
              throw null;
            case 'rubbish':
              return rubbish(what.what) as WriteResult;
            case 'obey':
              return new Promise<WriteResult>((resolve) => {
                const over = () => resolve({ status: 'retry', error: 'aborted' });
                if (signal.aborted) over();
                signal.addEventListener('abort', over);
              });
            case 'never':
              return new Promise<never>(() => {});
          }
        };

        outlet.start();
        let offered = 0;
        for (const one of steps) {
          if (one.step === 'offer') {
            offered += one.count;
            outlet.offer(batchOf(one.count, { map: one.map }));
          } else {
            await vi.advanceTimersByTimeAsync(one.ms);
          }
          expect(totals(outlet).received).toBe(offered);
        }
        const begun = performance.now();
        const stopped = outlet.stop(deadline).then(() => performance.now() - begun);
        for (let ms = 0; ms < 5_000; ms += 50) {
          await vi.advanceTimersByTimeAsync(50);
          totals(outlet);
        }
        expect(await stopped).toBeLessThanOrEqual(deadline + 50);
        const { received, delivered, queued } = totals(outlet);
        expect(received).toBe(offered);
        expect(queued).toBe(0);
        const sum = [...acknowledged.values()].reduce((total, n) => total + n, 0);
        // Only an answer after its abort may come too late to count.
        expect(delivered).toBeLessThanOrEqual(sum);
        expect(delivered).toBeGreaterThanOrEqual(sum - late);
        await vi.advanceTimersByTimeAsync(60_000);
        expect(totals(outlet)).toMatchObject({ received, queued: 0 });
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);

/** Anything but a result. */
function rubbish(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'status' in value ? undefined : value;
}
