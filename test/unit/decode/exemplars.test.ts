import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Layout } from '../../../core/bpf/index.js';
import { compilePlan, type Decoder, type GroupExemplar, type GroupPlan } from '../../../core/decode/index.js';
import { planOf, recordSet } from './records.js';

const RECORD: Layout = {
  typeName: 'struct r',
  size: 40,
  root: {
    kind: 'struct',
    size: 40,
    members: [
      { name: 'comm', offset: 0, node: { kind: 'string', size: 12 } },
      { name: 'pid', offset: 12, node: { kind: 'int', size: 4, signed: false } },
      { name: 'at', offset: 16, node: { kind: 'int', size: 8, signed: false, format: 'ktime' } },
      { name: 'wait', offset: 24, node: { kind: 'int', size: 8, signed: false } },
      { name: 'share', offset: 32, node: { kind: 'float', size: 8 } },
    ],
  },
};

interface Fields {
  comm?: string;
  pid?: number;
  at?: bigint;
  wait?: bigint;
  share?: number;
}

function record({ comm = 'a', pid = 1, at = 5n, wait = 0n, share = 0 }: Fields): Uint8Array {
  const bytes = Buffer.alloc(40);
  bytes.write(comm);
  bytes.writeUInt32LE(pid, 12);
  bytes.writeBigUInt64LE(at, 16);
  bytes.writeBigUInt64LE(wait, 24);
  bytes.writeDoubleLE(share, 32);
  return bytes;
}

const named = (...names: string[]) => names.map((name) => ({ name, path: [name] }));
const CLOCK = { ktime: 1_000n, boottime: 0n };
const DRAIN = 77n;

function decoderOf(group: Partial<GroupPlan>, own = true): Decoder {
  const plan: GroupPlan = {
    kind: 'counter',
    labels: named('comm'),
    values: [],
    maxSeries: 10,
    exemplar: { labels: named('pid'), maxCharacters: 128 },
    ...group,
  };
  return compilePlan(
    planOf(RECORD, { group: plan, ...(own ? { timestamp: { path: ['at'], clock: 'ktime' } } : {}) }),
  );
}

const exemplars = (decoder: Decoder, ...records: Fields[]): readonly GroupExemplar[] | undefined =>
  decoder.decode(recordSet(records.map(record)), CLOCK, DRAIN).groups!.exemplars;

describe('exemplars', () => {
  afterEach(() => vi.useRealTimers());

  it('are not made where nobody asked for them', () => {
    const decoder = compilePlan(
      planOf(RECORD, { group: { kind: 'counter', labels: [], values: [], maxSeries: 10 } }),
    );
    expect(exemplars(decoder, {})).toBeUndefined();
  });

  it('of a counter are the last record of each group, with its own time', () => {
    const found = exemplars(
      decoderOf({}),
      { comm: 'a', pid: 1 },
      { comm: 'b', pid: 2, at: 9n },
      { comm: 'a', pid: 3, at: 7n },
    );
    expect(found).toEqual([
      { group: 1, bucket: 0, labels: [['pid', '3']], value: 1, time: 1_007n },
      { group: 2, bucket: 0, labels: [['pid', '2']], value: 1, time: 1_009n },
    ]);
  });

  it('have the time of the drain where records have none, and the value that was added', () => {
    expect(
      exemplars(decoderOf({ values: [['wait']] }, false), { wait: 2n ** 60n }, { wait: 40n, pid: 9 }),
    ).toEqual([{ group: 1, bucket: 0, labels: [['pid', '9']], value: 40, time: DRAIN }]);
  });

  it.each([
    ['integers, wide ones among them', ['wait'], [0n, 5n, 10n, 2n ** 63n + 1n, 11n]],
    ['floats', ['share'], [-1, 5, 10, 1e300, 11]],
  ])('of a histogram are one a bucket, within it: %s', (_, path, values) => {
    const decoder = decoderOf({ kind: 'histogram', labels: [], values: [path], bounds: [4, 10, 20] });
    const fields = values.map(
      (value, pid): Fields => (typeof value === 'bigint' ? { wait: value, pid } : { share: value, pid }),
    );
    expect(
      exemplars(decoder, ...fields)!.map(({ bucket, labels, value }) => [bucket, labels[0]![1], value]),
    ).toEqual([
      [0, '0', Number(values[0])],
      [1, '2', 10],
      [2, '4', 11],
      [3, '3', Number(values[3])],
    ]);
  });

  it('are no NaN', () => {
    const decoder = decoderOf({ kind: 'histogram', values: [['share']], bounds: [1] });
    expect(exemplars(decoder, { share: Number.NaN })).toEqual([]);
  });

  it('are renewed once a second, a bucket that is new at once', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const decoder = decoderOf({ kind: 'histogram', labels: [], values: [['wait']], bounds: [4] });
    const pids = (...records: Fields[]) => exemplars(decoder, ...records)!.map(({ labels }) => labels[0]![1]);
    expect(pids({ pid: 1 })).toEqual(['1']);
    expect(pids({ pid: 2 }, { pid: 3, wait: 9n })).toEqual(['3']);
    vi.advanceTimersByTime(999);
    expect(pids({ pid: 4 }, { pid: 5, wait: 9n })).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(pids({ pid: 6 })).toEqual(['6']);
    decoder.reset();
    expect(pids({ pid: 7 })).toEqual(['7']);
  });

  it('leave out what there is no room for, counted in characters and not in bytes, and what is empty', () => {
    const room = (maxCharacters: number, comm: string) =>
      exemplars(decoderOf({ labels: [], exemplar: { labels: named('comm', 'pid'), maxCharacters } }), {
        comm,
        pid: 12345,
      })![0]!.labels.map(([name]) => name);
    expect(room(16, 'éééé')).toEqual(['comm', 'pid']);
    expect(room(15, 'éééé')).toEqual(['comm']);
    expect(room(8, 'ééééé')).toEqual(['pid']);
    expect(room(128, '')).toEqual(['pid']);
  });

  it('stay those of their groups while the table grows', () => {
    const many = Array.from({ length: 300 }, (_, i): Fields => ({ comm: `c${i}`, pid: i }));
    const found = exemplars(decoderOf({ maxSeries: 1000 }), ...many)!;
    expect(found.map(({ labels }) => labels[0]![1])).toEqual(many.map(({ pid }) => String(pid)));
  });
});
