import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Layout } from '../../../core/bpf/index.js';
import { compilePlan } from '../../../core/decode/index.js';
import { metricName, SeriesStore } from '../../../core/metrics/index.js';

const RECORD: Layout = {
  typeName: 'struct r',
  size: 4,
  root: {
    kind: 'struct',
    size: 4,
    members: [{ name: 'id', offset: 0, node: { kind: 'int', size: 4, signed: false } }],
  },
};
const CLOCK = { ktime: 0n, boottime: 0n };

describe('max_series and expire of a ring', () => {
  afterEach(() => vi.useRealTimers());

  it('gives the places of series that expired to new ones, and keeps the counts of those in use', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    const plan = {
      probe: 'p',
      map: 'counter_c',
      record: RECORD,
      source: 'ring',
      labels: {},
      ndjson: false,
      columns: false,
      group: {
        kind: 'counter',
        labels: [{ name: 'id', path: ['id'] }],
        values: [],
        maxSeries: 2,
        expire: 60_000,
      },
    } as const;
    const decoder = compilePlan(plan);
    const store = new SeriesStore();
    const handle = store.register({
      probe: 'p',
      map: 'counter_c',
      kind: 'counter',
      source: 'ring',
      families: [metricName({ map: 'counter_c', kind: 'counter', duration: false })],
      labelNames: ['id'],
      fieldNames: ['id'],
      hostLabels: {},
      expire: 60_000,
    });
    const drain = (...ids: number[]): void => {
      const memory = new Uint32Array(ids.length * 2);
      ids.forEach((id, i) => {
        memory[2 * i] = id;
      });
      const records = {
        memory: memory.buffer,
        offsets: Uint32Array.from(ids, (_, i) => 8 * i),
        lengths: new Uint32Array(ids.length).fill(4),
        count: ids.length,
      };
      const now = BigInt(Date.now()) * 1_000_000n;
      handle.apply(decoder.decode(records, CLOCK, now).groups!, now);
    };
    const shown = async (): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        (await store.collect()).families.flatMap((family) =>
          family.series.map((one) => [one.labelText, one.value]),
        ),
      );

    drain(1, 2, 3);
    expect(await shown()).toEqual({ 'id="1"': 1, 'id="2"': 1, 'overflow="true"': 1 });
    vi.advanceTimersByTime(40_000);
    drain(1, 4);
    vi.advanceTimersByTime(30_000);
    drain(1, 5);
    expect(await shown()).toEqual({ 'id="1"': 3, 'id="5"': 1, 'overflow="true"': 2 });
  });
});
