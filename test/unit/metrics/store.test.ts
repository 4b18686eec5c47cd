import { describe, expect, it, vi } from 'vitest';
import { familyClash, metricName, type SeriesSource, SeriesStore } from '../../../core/metrics/index.js';
import type { MetricType, Series } from '../../../plugins/sdk/index.js';

type Output = Parameters<ReturnType<SeriesStore['register']>['apply']>[0];

const SECOND = 1_000_000_000n;

function source(
  map: string,
  kind: MetricType,
  from: 'ring' | 'entry',
  more: Partial<SeriesSource> = {},
): SeriesSource {
  return {
    probe: 'p',
    map,
    kind,
    source: from,
    families: [metricName({ map, kind, duration: false })],
    labelNames: ['a'],
    fieldNames: ['a'],
    maxSeries: 10_000,
    hostLabels: { probe: 'p' },
    ...more,
  };
}

/** Groups by their label values; ids are given in order of first sight within an epoch, as a worker does. */
class Worker {
  private ids = new Map<string, number>();
  constructor(private epoch = 1) {}

  restart(): void {
    this.epoch++;
    this.ids = new Map();
  }

  output(
    rows: readonly (readonly [labels: string[], value: number | bigint, more?: Partial<Output>])[],
  ): Output {
    const newIds: number[] = [];
    const newLabels: string[][] = [];
    const ids = rows.map(([labels]) => {
      const key = labels.join('\0');
      let id = this.ids.get(key);
      if (id === undefined) {
        id = this.ids.size + 1;
        this.ids.set(key, id);
        newIds.push(id);
        newLabels.push(labels);
      }
      return id;
    });
    const values = rows.map(([, value]) => value);
    return {
      epoch: this.epoch,
      newIds: Uint32Array.from(newIds),
      newLabels,
      ids: Uint32Array.from(ids),
      values: [
        values.some((value) => typeof value === 'bigint')
          ? BigUint64Array.from(values, BigInt)
          : Float64Array.from(values, Number),
      ],
      overflowed: 0,
    };
  }
}

async function seriesOf(store: SeriesStore): Promise<Series[]> {
  return (await store.collect()).families.flatMap((family) => family.series);
}

async function valuesOf(store: SeriesStore): Promise<Record<string, number | bigint>> {
  return Object.fromEntries((await seriesOf(store)).map((one) => [one.labelText, one.value!]));
}

describe('SeriesStore, ring', () => {
  it('adds increments exactly beyond 2^53, and goes on after a worker restarted', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'ring'));
    const worker = new Worker();
    handle.apply(
      worker.output([
        [['x'], 2 ** 53 - 1],
        [['y'], 1],
      ]),
      1n,
    );
    handle.apply(worker.output([[['x'], 2]]), 2n);
    worker.restart();
    handle.apply(
      worker.output([
        [['y'], 5],
        [['x'], 2n ** 64n - 1n],
      ]),
      3n,
    );
    expect(await valuesOf(store)).toEqual({
      'probe="p",a="x"': 2n ** 53n + 1n + 2n ** 64n - 1n,
      'probe="p",a="y"': 6,
    });
  });

  it('keeps the last value of a gauge', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('gauge_g', 'gauge', 'ring'));
    const worker = new Worker();
    handle.apply(worker.output([[['x'], 7]]), 1n);
    handle.apply(worker.output([[['x'], -3]]), 2n);
    expect(await valuesOf(store)).toEqual({ 'probe="p",a="x"': -3 });
  });

  it('adds up histograms; bounds of durations are in seconds, without noise', async () => {
    const store = new SeriesStore();
    const handle = store.register(
      source('hist_h', 'histogram', 'ring', {
        bounds: [1000, 3000],
        families: [metricName({ map: 'hist_h', kind: 'histogram', duration: true })],
      }),
    );
    const worker = new Worker();
    handle.apply({ ...worker.output([[['x'], 5000]]), buckets: Float64Array.of(1, 0, 1) }, 1n);
    handle.apply({ ...worker.output([[['x'], 2000]]), buckets: Float64Array.of(0, 1, 0) }, 1n);
    expect((await seriesOf(store))[0]!.histogram).toEqual({
      bounds: [0.000001, 0.000003],
      counts: [1, 1, 1],
      count: 3,
      sum: 0.000007,
    });
  });

  it('shows what is beyond max_series as one series', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'ring'));
    const over = {
      epoch: 1,
      newIds: new Uint32Array(0),
      newLabels: [],
      overflowed: 2,
      ids: Uint32Array.of(0),
    };
    handle.apply({ ...over, values: [Float64Array.of(2)] }, 1n);
    handle.apply({ ...over, values: [Float64Array.of(3)] }, 1n);
    expect(await valuesOf(store)).toEqual({ 'probe="p",overflow="true"': 5 });
  });

  it('lets idle series go, which begin at nothing when they come again', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'ring', { expire: 60_000 }));
    const worker = new Worker();
    const now = BigInt(Date.now()) * 1_000_000n;
    handle.apply(
      worker.output([
        [['old'], 1],
        [['new'], 1],
      ]),
      now - 120n * SECOND,
    );
    handle.apply(worker.output([[['new'], 1]]), now);
    expect(await valuesOf(store)).toEqual({ 'probe="p",a="new"': 2 });
    handle.apply(worker.output([[['old'], 4]]), now);
    expect(await valuesOf(store)).toEqual({ 'probe="p",a="new"': 2, 'probe="p",a="old"': 4 });
  });
});

describe('SeriesStore, entries', () => {
  it('shows the values as they stand, and not what was deleted', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'entry'));
    const worker = new Worker();
    handle.apply(
      worker.output([
        [['x'], 5],
        [['y'], 2n ** 64n - 1n],
      ]),
      1n,
    );
    expect(await valuesOf(store)).toEqual({ 'probe="p",a="x"': 5, 'probe="p",a="y"': 2n ** 64n - 1n });
    handle.apply(worker.output([[['y'], 3]]), 2n);
    expect(await valuesOf(store)).toEqual({ 'probe="p",a="y"': 3 });
  });

  it('dates a counter that fell from the read before, and a key from the last read that had it not', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'entry'));
    const worker = new Worker();
    const start = async (): Promise<bigint | undefined> => (await seriesOf(store))[0]?.start;
    handle.apply(worker.output([[['x'], 5]]), 1n);
    handle.apply(worker.output([[['x'], 6]]), 2n);
    expect(await start()).toBe(1n);
    handle.apply(worker.output([[['x'], 2]]), 3n);
    expect(await start()).toBe(2n);
    handle.apply(worker.output([]), 4n);
    expect(await start()).toBe(undefined);
    handle.apply(worker.output([[['x'], 9]]), 5n);
    expect(await start()).toBe(4n);
  });

  it('gives a counter another start with each fall, also at the read after its first one', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'entry'));
    const worker = new Worker();
    const starts: (bigint | undefined)[] = [];
    for (const [value, time] of [
      [5, 1000n],
      [4, 2000n],
      [3, 3000n],
    ] as const) {
      handle.apply(worker.output([[['x'], value]]), time);
      starts.push((await seriesOf(store))[0]?.start);
    }
    expect(starts).toEqual([1000n, 1001n, 2000n]);
  });

  it.each(['ring', 'entry'] as const)('dates no point before its start: %s', async (from) => {
    vi.useFakeTimers({ now: 5_000, toFake: ['Date'] });
    try {
      const store = new SeriesStore();
      const handle = store.register(source('counter_c', 'counter', from));
      // Date.now() knows no more than that it is the 5,000th ms.
      handle.apply(new Worker().output([[['x'], 5]]), 5_000_700_000n);
      const { time, families } = await store.collect();
      expect(families[0]?.series[0]?.start).toBe(5_000_700_000n);
      expect(time).toBe(5_000_700_000n);
      // The clock was set back: the time is now, whatever the start is.
      vi.setSystemTime(3_000);
      expect((await store.collect()).time).toBe(3_001_000_000n);
    } finally {
      vi.useRealTimers();
    }
  });

  it('reads buckets from keys, linear and log2; a slot beyond every number is +Inf', async () => {
    for (const [scale, bounds, counts] of [
      ['linear', [0, 5, 2000], [1, 2, 4, 0]],
      ['log2', [1, 63], [1, 2, 4]],
    ] as const) {
      const store = new SeriesStore();
      const handle = store.register(source('hist_h', 'histogram', 'entry', { scale }));
      const worker = new Worker();
      const rows = worker.output([
        [['x'], 4],
        [['x'], 1],
        [['x'], 2],
      ]);
      handle.apply({ ...rows, bucketValues: Float64Array.of(2000, 0, 5) }, 1n);
      expect((await seriesOf(store))[0]!.histogram).toEqual({ bounds, counts, count: 7 });
      // The next read replaces, it does not add; slots that are gone are gone.
      handle.apply({ ...worker.output([[['x'], 1]]), bucketValues: Float64Array.of(0) }, 1n);
      expect((await seriesOf(store))[0]!.histogram!.count).toBe(1);
    }
  });

  it('starts a histogram again where one of its buckets fell, or went', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('hist_h', 'histogram', 'entry', { scale: 'linear' }));
    const worker = new Worker();
    const read = async (buckets: Record<number, number>, time: bigint) => {
      const rows = worker.output(Object.values(buckets).map((count) => [['x'], count]));
      handle.apply({ ...rows, bucketValues: Float64Array.from(Object.keys(buckets), Number) }, time);
      const [series] = await seriesOf(store);
      if (!series) return undefined;
      const { start, born, histogram } = series;
      return [[start, born], histogram!.bounds.join(), histogram!.counts.join()];
    };
    expect(await read({ 1: 4, 5: 2 }, 1n)).toEqual([[1n, 1n], '1,5', '4,2,0']);
    expect(await read({ 1: 4, 5: 3, 10: 1 }, 2n)).toEqual([[1n, 1n], '1,5,10', '4,3,1,0']);
    // Gone, though the whole is more.
    expect(await read({ 5: 30, 10: 1 }, 3n)).toEqual([[2n, 1n], '5,10', '30,1,0']);
    expect(await read({ 1: 1, 5: 30, 10: 1 }, 4n)).toEqual([[2n, 1n], '1,5,10', '1,30,1,0']);
    expect(await read({ 1: 1, 5: 29, 10: 9 }, 5n)).toEqual([[4n, 1n], '1,5,10', '1,29,9,0']);
    expect(await read({}, 6n)).toBe(undefined);
    expect(await read({ 1: 3 }, 7n)).toEqual([[6n, 6n], '1', '3,0']);
  });

  it('makes one family of each field, and says which', async () => {
    const store = new SeriesStore();
    const families = ['rx', 'tx'].map((field) =>
      metricName({ map: 'gauge_g', kind: 'gauge', duration: false, field }),
    );
    const handle = store.register(source('gauge_g', 'gauge', 'entry', { families }));
    handle.apply(
      { ...new Worker().output([[['x'], 1]]), values: [Float64Array.of(1), Float64Array.of(-2)] },
      1n,
    );
    const batch = await store.collect();
    expect(batch.families.map(({ name, origin, series }) => [name, origin?.field, series[0]?.value])).toEqual(
      [
        ['ebpf_g_rx', 'rx', 1],
        ['ebpf_g_tx', 'tx', -2],
      ],
    );
  });
});

describe('families of several maps', () => {
  const named = (probe: string, map: string, kind: MetricType, labels: string[]): SeriesSource =>
    source(map, kind, 'ring', {
      probe,
      hostLabels: { probe },
      labelNames: labels,
      fieldNames: labels,
      families: [metricName({ map, kind, duration: false, rename: 'x' })],
    });

  it.each([
    [
      'another type',
      source('gauge_x', 'gauge', 'ring'),
      source('hist_x', 'histogram', 'ring'),
      /x as a (?:gauge|histogram), which map "\w+_x" is as a (?:gauge|histogram)/,
    ],
    [
      'series of one name',
      named('p', 'a', 'counter', ['l']),
      named('p', 'b', 'counter', ['l']),
      /same series/,
    ],
  ])('clash: %s', (_, a, b, message) => {
    expect(familyClash(a, b)).toMatch(message);
    const store = new SeriesStore();
    store.register(a);
    expect(() => store.register(b)).toThrow(message);
  });

  it('clash: two fields of one map', () => {
    const families = ['rx_ns', 'rx_us'].map((field) =>
      metricName({ map: 'gauge_g', kind: 'gauge', duration: false, field }),
    );
    expect(() => new SeriesStore().register(source('gauge_g', 'gauge', 'entry', { families }))).toThrow(
      /map "gauge_g", field "rx_us", would be the same series/,
    );
  });

  it.each([
    ['two probes', named('p', 'a', 'counter', ['l']), named('q', 'a', 'counter', ['l'])],
    ['other labels', named('p', 'a', 'counter', ['l']), named('p', 'b', 'counter', ['m'])],
    ['a counter and a gauge', source('counter_x', 'counter', 'ring'), source('gauge_x', 'gauge', 'ring')],
  ])('no clash: %s', (_, a, b) => {
    expect(familyClash(a, b)).toBe(undefined);
  });

  it('stand together, each series once and with its own origin', async () => {
    const store = new SeriesStore();
    const a = store.register(named('p', 'a', 'counter', ['l']));
    const b = store.register(named('p', 'b', 'counter', ['m']));
    a.apply(
      new Worker().output([
        [['1'], 1],
        [[''], 2],
      ]),
      1n,
    );
    b.apply(
      new Worker().output([
        [['1'], 3],
        [[''], 4],
      ]),
      1n,
    );
    const { families } = await store.collect();
    expect(families.length).toBe(1);
    // {l=""} and {m=""} are one series to Prometheus.
    expect(families[0]!.series.map((one) => [one.labelText, one.value, one.origin?.map])).toEqual([
      ['probe="p",l="1"', 1, undefined],
      ['probe="p",l=""', 2, undefined],
      ['probe="p",m="1"', 3, 'b'],
    ]);
    b.remove();
    expect((await store.collect()).families[0]!.series.length).toBe(2);
  });
});

describe('collect', () => {
  it('shows each series once while the store changes, and lets the loop turn', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_c', 'counter', 'entry'));
    const worker = new Worker();
    const rows = Array.from({ length: 20_000 }, (_, i): [string[], number] => [[String(i)], i]);
    handle.apply(worker.output(rows), 1n);
    let turns = 0;
    const collecting = seriesOf(store);
    let change = setImmediate(function again() {
      turns++;
      // Every key goes and comes again, behind where the walk is.
      handle.apply(worker.output([]), 2n);
      handle.apply(worker.output(rows), 3n);
      change = setImmediate(again);
    });
    const series = await collecting;
    clearImmediate(change);
    expect(new Set(series.map((one) => one.labelText)).size).toBe(series.length);
    expect(series.length).toBe(20_000);
    expect(turns).toBeGreaterThan(10);
  });
});

describe('exemplars', () => {
  const exemplar = (group: number, bucket: number, value: number, id: string) => ({
    group,
    bucket,
    labels: [['id', id] as const],
    value,
    time: 5n,
  });

  it('are kept one a bucket, the newest, in the unit of the family; 64 a series at most', async () => {
    const store = new SeriesStore();
    const bounds = Array.from({ length: 99 }, (_, i) => i);
    const handle = store.register(
      source('hist_wait', 'histogram', 'ring', {
        bounds,
        families: [metricName({ map: 'hist_wait', kind: 'histogram', duration: true })],
      }),
    );
    const worker = new Worker();
    const put = (...exemplars: ReturnType<typeof exemplar>[]) =>
      handle.apply(
        {
          ...worker.output([[['x'], 1, { buckets: new Float64Array(100) }]]),
          buckets: new Float64Array(100),
          exemplars,
        },
        9n,
      );
    const shown = async () => (await store.collect()).families[0]!.series[0]!.exemplars;
    put();
    expect(await shown()).toBeUndefined();
    put(exemplar(1, 0, 5e8, 'old'), exemplar(1, 1, 1e9, 'b'));
    put(exemplar(1, 0, 25e7, 'new'));
    expect(await shown()).toEqual([
      { labels: [['id', 'b']], value: 1, time: 5n },
      { labels: [['id', 'new']], value: 0.25, time: 5n },
    ]);
    for (let bucket = 0; bucket < 100; bucket++) put(exemplar(1, bucket, bucket, `${bucket}`));
    expect((await shown())!.map(({ labels }) => labels[0]![1])).toEqual(
      Array.from({ length: 64 }, (_, i) => `${36 + i}`),
    );
  });

  it('of a counter are shown also where the value stays', async () => {
    const store = new SeriesStore();
    const handle = store.register(source('counter_x', 'counter', 'ring'));
    const worker = new Worker();
    const ids = async () =>
      (await store.collect()).families[0]!.series[0]!.exemplars?.map(({ labels }) => labels[0]![1]);
    handle.apply({ ...worker.output([[['x'], 3]]), exemplars: [exemplar(1, 0, 3, 'a')] }, 1n);
    expect(await ids()).toEqual(['a']);
    handle.apply({ ...worker.output([[['x'], 0]]), exemplars: [exemplar(1, 0, 0, 'b')] }, 2n);
    expect(await ids()).toEqual(['b']);
    // A drain without one leaves what there is.
    handle.apply(worker.output([[['x'], 1]]), 3n);
    expect(await ids()).toEqual(['b']);
  });
});
