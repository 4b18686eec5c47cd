import { afterEach, describe, expect, it } from 'vitest';
import { DecodePool } from '../../../core/decode/index.js';

describe('a pool of two workers', () => {
  let pool: DecodePool;
  afterEach(() => pool.close());

  it('gathers small maps on one, and gives rings and large maps to the one with less to do', () => {
    pool = new DecodePool(2);
    const small = [10_240, 4_096, 28].map((entries) => pool.assignMap(entries).worker);
    expect(new Set(small).size).toBe(1);
    const ring = pool.assignRing().worker;
    expect(ring).not.toBe(small[0]);
    const large = pool.assignMap(1_000_000).worker;
    expect(large).toBe(small[0]);
    expect(pool.assignRing().worker).toBe(ring);
  });

  it('begins to gather on the other when one has enough, and has room again when a map goes', () => {
    pool = new DecodePool(2);
    const first = pool.assignMap(60_000);
    const second = pool.assignMap(10_000);
    expect(second.worker).not.toBe(first.worker);
    first.release();
    expect(pool.assignMap(10_000).worker).toBe(first.worker);
    expect(first.worker.load).toBeLessThan(1);
  });

  it('goes on after a worker that died before it was ready, and answers what waited for that one', async () => {
    pool = new DecodePool(1);
    const { worker } = pool.assignRing();
    const close = { kind: 'close', id: 1 } as const;
    await worker.run(close);
    for (let round = 0; round < 5; round++) {
      await worker.kill();
      const waiting = worker.run(close).catch((error: Error) => error);
      await worker.kill();
      expect(await waiting).toBeDefined();
      expect(await worker.run(close)).toEqual({ status: 'done' });
    }
  });
});
