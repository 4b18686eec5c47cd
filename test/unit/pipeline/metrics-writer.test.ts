import { expect, it } from 'vitest';
import { MetricsWriter } from '../../../core/pipeline/metrics-writer.js';
import type { MetricBatch } from '../../../plugins/sdk/index.js';

it('collects once more at the stop where a collection has begun', async () => {
  const begun: ((batch: MetricBatch) => void)[] = [];
  const collect = () => new Promise<MetricBatch>((resolve) => void begun.push(resolve));
  const batch = (time: bigint): MetricBatch => ({ kind: 'metrics', time, families: [] });
  const unused = {} as never;
  const writer = new MetricsWriter(
    { interval: 1_000, timeout: 1_000, collect },
    unused,
    unused,
    unused,
    unused,
    () => {},
  );
  void writer.collect();
  void writer.collect();
  expect(begun).toHaveLength(1);
  const last = writer.collectLast();
  begun[0]?.(batch(1n));
  await expect.poll(() => begun).toHaveLength(2);
  begun[1]?.(batch(2n));
  await last;
  expect(writer.take()?.time).toBe(2n);
});
