import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

/** A decoder and a store of `max_series: 2`, as a worker and the agent have them. */
function rig(expire?: number) {
  const life = expire === undefined ? {} : { expire };
  const group = {
    kind: 'counter',
    labels: [{ name: 'id', path: ['id'] }],
    values: [],
    maxSeries: 2,
    ...life,
  } as const;
  const plan = {
    probe: 'p',
    map: 'counter_c',
    record: RECORD,
    source: 'ring',
    labels: {},
    ndjson: false,
    columns: 'none',
    group,
  } as const;
  let decoder = compilePlan(plan);
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
    maxSeries: 2,
    countsRecords: true,
    ...life,
  });
  return {
    /** Returns what overflowed, in the worker and in the store. */
    drain: (...ids: number[]): number => {
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
      const groups = decoder.decode(records, CLOCK, now).groups!;
      return groups.overflowed + handle.apply(groups, now);
    },
    /** As after a worker's death. */
    restart: (): void => {
      decoder = compilePlan(plan);
    },
    shown: async (): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        (await store.collect()).families.flatMap((family) =>
          family.series.map((one) => [one.labelText, one.value]),
        ),
      ),
  };
}

describe('max_series and expire of a ring', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
  });
  afterEach(() => vi.useRealTimers());

  it('gives the places of series that expired to new ones, and keeps the counts of those in use', async () => {
    const { drain, shown } = rig(60_000);
    drain(1, 2, 3);
    expect(await shown()).toEqual({ 'id="1"': 1, 'id="2"': 1, 'overflow="true"': 1 });
    vi.advanceTimersByTime(40_000);
    drain(1, 4);
    vi.advanceTimersByTime(30_000);
    drain(1, 5);
    expect(await shown()).toEqual({ 'id="1"': 3, 'id="5"': 1, 'overflow="true"': 2 });
  });

  it('keeps at most twice as many while nobody collects, counts the others, and has room again later', async () => {
    // Longer than the test: nothing may count on `collect`, nor on idle series being gone.
    const { drain, restart, shown } = rig(3_600_000);
    let overflowed = 0;
    for (let id = 0; id < 20; id += 2) {
      restart();
      overflowed += drain(id, id + 1, id + 1);
    }
    const before = await shown();
    expect(Object.keys(before)).toEqual(['id="0"', 'id="1"', 'id="2"', 'id="3"', 'overflow="true"']);
    expect(before['overflow="true"']).toBe(overflowed);
    expect(overflowed).toBe(24);
    vi.advanceTimersByTime(3_600_001);
    expect(drain(18, 19)).toBe(0);
    expect(await shown()).toEqual({ 'id="18"': 1, 'id="19"': 1 });
  });

  it('lets idle series go when a full table begins anew, although nobody collects', async () => {
    const { drain, shown } = rig(1000);
    let overflowed = 0;
    for (let id = 0; id < 30; id += 3) {
      overflowed += drain(id, id + 1, id + 2);
      vi.advanceTimersByTime(1001);
    }
    // The third of each three is beyond the table; none is for want of room in the store.
    expect(overflowed).toBe(10);
    drain(100);
    expect(await shown()).toEqual({ 'id="100"': 1 });
  });

  it('holds across the deaths of workers without expire', async () => {
    const { drain, restart, shown } = rig();
    drain(1, 2);
    restart();
    expect(drain(2, 3, 3)).toBe(2);
    restart();
    expect(drain(4, 1)).toBe(1);
    expect(await shown()).toEqual({ 'id="1"': 2, 'id="2"': 2, 'overflow="true"': 3 });
  });
});
