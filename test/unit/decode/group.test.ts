import { describe, expect, it } from 'vitest';
import type { Layout, LayoutNode } from '../../../core/bpf/index.js';
import { compilePlan, type DecodePlan, entryLayout, type GroupOutput } from '../../../core/decode/index.js';
import { NO_OFFSET, planOf, recordSet } from './records.js';

const u64 = { kind: 'int' as const, size: 8, signed: false };
const s64 = { kind: 'int' as const, size: 8, signed: true };
const layoutOf = (...members: [name: string, offset: number, node: Layout['root']][]): Layout => {
  const size = Math.max(...members.map(([, offset]) => offset)) + 16;
  return {
    typeName: 'struct s',
    size,
    root: { kind: 'struct', size, members: members.map(([name, offset, node]) => ({ name, offset, node })) },
  };
};

const EVENT = layoutOf(
  ['comm', 0, { kind: 'string', size: 8 }],
  ['mode', 8, { kind: 'enum', size: 4, signed: false, names: { '1': 'ON', '2': 'ON', '3': '4' } }],
  ['value', 16, u64],
  ['delta', 24, s64],
  ['real', 32, { kind: 'float', size: 8 }],
);

interface Event {
  comm?: string | Uint8Array;
  mode?: number;
  value?: bigint;
  delta?: bigint;
  real?: number;
}

function event({ comm = '', mode = 0, value = 0n, delta = 0n, real = 0 }: Event, fill = 0): Uint8Array {
  const bytes = Buffer.alloc(EVENT.size, fill);
  bytes.fill(0, 0, 8);
  bytes.set(typeof comm === 'string' ? Buffer.from(comm) : comm);
  bytes.writeUInt32LE(mode, 8);
  bytes.writeBigUInt64LE(value, 16);
  bytes.writeBigInt64LE(delta, 24);
  bytes.writeDoubleLE(real, 32);
  return bytes;
}

function grouped(
  group: Partial<DecodePlan['group']> & object,
  batches: readonly (readonly Uint8Array[])[],
): GroupOutput[] {
  const plan = { kind: 'counter' as const, labels: [], values: [], maxSeries: 100, ...group };
  const decoder = compilePlan(planOf(EVENT, { group: plan }));
  return batches.map((records) => decoder.decode(recordSet(records), NO_OFFSET, 0n).groups!);
}

const label = (name: string) => ({ name, path: [name] });

describe('twins', () => {
  it.each<[string, string, Event, Event]>([
    ['bytes behind the NUL', 'comm', { comm: 'sh\0aaaa' }, { comm: 'sh\0bbbb' }],
    [
      'invalid UTF-8 that is replaced alike',
      'comm',
      { comm: Uint8Array.of(0x61, 0xff) },
      { comm: Uint8Array.of(0x61, 0xfe) },
    ],
    [
      'a replacement character, and what becomes one',
      'comm',
      { comm: '\ufffd' },
      { comm: Uint8Array.of(0xff) },
    ],
    ['enum values of one name', 'mode', { mode: 1 }, { mode: 2 }],
    ['an enum name that looks like another value', 'mode', { mode: 3 }, { mode: 4 }],
    ['NaNs', 'real', { real: Number.NaN }, { real: -Number.NaN }],
    ['zeros', 'real', { real: 0 }, { real: -0 }],
  ])('are one series: %s', (_, name, one, other) => {
    const [groups] = grouped({ labels: [label(name)] }, [[event(one), event(other, 0xff), event(one)]]);
    expect(groups!.newIds.length).toBe(1);
    expect([...groups!.values[0]!]).toEqual([3]);
  });

  it('stay one series over batches: a group is told once', () => {
    const outputs = grouped({ labels: [label('comm')] }, [
      [event({ comm: 'a' })],
      [event({ comm: 'b' }), event({ comm: 'a\0old' })],
    ]);
    expect(outputs.map((one) => [...one.newIds])).toEqual([[1], [2]]);
    expect(outputs.map((one) => [...one.ids].sort())).toEqual([[1], [1, 2]]);
    expect(outputs[0]!.epoch).toBe(outputs[1]!.epoch);
  });
});

describe('values', () => {
  it('are exact to 64 bits, and rounded beyond', () => {
    const most = 2n ** 64n - 1n;
    const sum = (values: bigint[]) =>
      grouped({ values: [['value']] }, [values.map((value) => event({ value }))])[0]!.values[0]![0];
    expect(sum([2n ** 53n, 1n])).toBe(2n ** 53n + 1n);
    expect(sum([most])).toBe(most);
    expect(sum([3n, 4n])).toBe(7);
    expect(sum([most, most])).toBe(2 ** 65);
    const signed = grouped({ values: [['delta']] }, [[event({ delta: -(2n ** 63n) }), event({ delta: 1n })]]);
    expect(signed[0]!.values[0]![0]).toBe(-(2n ** 63n) + 1n);
  });

  it('of a gauge are the last', () => {
    const [groups] = grouped({ kind: 'gauge', labels: [label('comm')], values: [['delta']] }, [
      [event({ comm: 'a', delta: 5n }), event({ comm: 'b', delta: 1n }), event({ comm: 'a', delta: -7n })],
    ]);
    expect([...groups!.values[0]!]).toEqual([-7, 1]);
  });

  it('of a histogram fall into the first bucket that is not below them', () => {
    const bounds = [0, 10, 100];
    const [groups] = grouped({ kind: 'histogram', values: [['delta']], bounds }, [
      [-5n, 0n, 1n, 10n, 11n, 100n, 101n, 2n ** 62n].map((delta) => event({ delta })),
    ]);
    expect([...groups!.buckets!]).toEqual([2, 2, 2, 2]);
    expect(BigInt(groups!.values[0]![0]!)).toBe(-5n + 0n + 1n + 10n + 11n + 100n + 101n + 2n ** 62n);
  });

  it('that are no number fall into the last bucket', () => {
    const [groups] = grouped({ kind: 'histogram', values: [['real']], bounds: [1] }, [
      [Number.NaN, Number.POSITIVE_INFINITY, 0.5].map((real) => event({ real })),
    ]);
    expect([...groups!.buckets!]).toEqual([1, 2]);
  });
});

describe('counts of a histogram that a program fills', () => {
  const u32: LayoutNode = { kind: 'int', size: 4, signed: false };
  const counted = (value: LayoutNode) =>
    compilePlan(
      planOf(entryLayout({ typeName: '', size: 4, root: u32 }, { typeName: '', size: 8, root: value }), {
        source: 'entry',
        group: { kind: 'histogram', labels: [], values: [['value']], bucket: ['key'], maxSeries: 10 },
      }),
    );

  it('are integers, whatever their bits would be as a double', () => {
    const notANumber = 0x7ff8_0000_0000_0001n;
    const entry = Buffer.alloc(16);
    entry.writeUInt32LE(5, 0);
    entry.writeBigUInt64LE(notANumber, 8);
    const { groups } = counted(u64).decode(recordSet([entry]), NO_OFFSET, 0n);
    expect(groups!.values[0]![0]).toBe(notANumber);
    expect(groups!.bucketValues![0]).toBe(5);
  });

  it('are never doubles: NaN is no count', () => {
    expect(() => counted({ kind: 'float', size: 8 })).toThrow(
      /"value" is a float: the count of a histogram that a program fills is an integer/,
    );
  });
});

describe('max_series', () => {
  it('folds the excess of a ring into one group, counted, and loses no increment', () => {
    const names = Array.from({ length: 10 }, (_, i) => `n${i}`);
    const [first, second] = grouped({ labels: [label('comm')], maxSeries: 3 }, [
      names.map((comm) => event({ comm })),
      names.map((comm) => event({ comm })),
    ]);
    for (const groups of [first!, second!]) {
      expect(groups.overflowed).toBe(7);
      const counts = new Map([...groups.ids].map((id, i) => [id, Number(groups.values[0]![i])]));
      expect(counts.get(0)).toBe(7);
      expect([...counts.values()].reduce((a, b) => a + b)).toBe(10);
    }
    expect(first!.newLabels).toEqual([['n0'], ['n1'], ['n2']]);
  });

  it('leaves the excess of a hash out, counted; deleted keys make room', () => {
    const layout = entryLayout(
      { typeName: 'u32', size: 4, root: { kind: 'int', size: 4, signed: false } },
      { typeName: 'u64', size: 8, root: u64 },
    );
    const decoder = compilePlan(
      planOf(layout, {
        source: 'entry',
        group: {
          kind: 'counter',
          labels: [{ name: 'key', path: ['key'] }],
          values: [['value']],
          maxSeries: 2,
        },
      }),
    );
    const entries = (keys: number[]) =>
      recordSet(
        keys.map((key) => {
          const bytes = Buffer.alloc(16);
          bytes.writeUInt32LE(key, 0);
          // Padding of a key is no part of it.
          bytes.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), 4);
          bytes.writeBigUInt64LE(BigInt(key) * 10n, 8);
          return bytes;
        }),
      );
    const read = (keys: number[]) => decoder.decode(entries(keys), NO_OFFSET, 0n).groups!;
    expect(read([1, 2, 3])).toMatchObject({ overflowed: 1, newLabels: [['1'], ['2']] });
    expect(read([1, 2])).toMatchObject({ overflowed: 0, newLabels: [] });
    const after = read([2, 3]);
    expect(after.overflowed).toBe(0);
    expect([...after.values[0]!].sort()).toEqual([20, 30]);
  });
});

describe('a key of many words', () => {
  const MANY = layoutOf(
    ...Array.from({ length: 40 }, (_, i): [string, number, Layout['root']] => [
      `n${i}`,
      4 * i,
      { kind: 'int', size: 4, signed: false },
    ]),
    ['text', 160, { kind: 'string', size: 100 }],
    ['last', 260, { kind: 'int', size: 4, signed: false }],
  );
  const labels = MANY.root.kind === 'struct' ? MANY.root.members.map(({ name }) => label(name)) : [];

  it.each([
    ['its first word', 0],
    ['the last that is in a variable', 31 * 4],
    ['the first that is not', 32 * 4],
    ['the last number before a long text', 39 * 4],
    ['the beginning of a long text', 160],
    ['the end of a long text', 252],
    ['the word after it', 260],
  ])('is another when %s is, however many share a slot', (_, at) => {
    const plan = planOf(MANY, { group: { kind: 'counter', labels, values: [], maxSeries: 1_000 } });
    // Bytes of text are not 0, where it would end.
    const keys = Array.from({ length: 900 }, (_, i) => {
      const bytes = Buffer.alloc(MANY.size);
      bytes.fill('x', 160, 256);
      bytes[at] = 0x20 + (i % 30);
      bytes[at + 1] = 0x20 + Math.floor(i / 30);
      return bytes;
    });
    const { groups } = compilePlan(plan).decode(recordSet([...keys, ...keys]), NO_OFFSET, 0n);
    expect(groups!.newLabels).toHaveLength(900);
    expect(groups!.values[0]!.every((count) => count === 2)).toBe(true);
  });
});

describe('a spare buffer', () => {
  const sizes = [3, 5, 1, 40, 0, 2];
  const batches = sizes.map((size, batch) =>
    Array.from({ length: size }, (_, i) =>
      event({ comm: `c${(i * 7 + batch) % 50}`, value: BigInt(i + 1), delta: BigInt(-i) }),
    ),
  );
  const flat = ({ ids, values, buckets }: GroupOutput) => ({
    ids: [...ids],
    values: values.map((column) => [...column]),
    buckets: buckets && [...buckets],
  });

  it.each<[string, Partial<DecodePlan['group']> & object]>([
    ['of a counter', { values: [['value'], ['delta']] }],
    ['of a counter of records', {}],
    ['of a histogram', { kind: 'histogram', values: [['value']], bounds: [1, 10, 20] }],
  ])('%s holds what a new one would', (_, group) => {
    const plan = { kind: 'counter' as const, labels: [label('comm')], values: [], maxSeries: 100, ...group };
    const decoder = compilePlan(planOf(EVENT, { group: plan }));
    const fresh = compilePlan(planOf(EVENT, { group: plan }));
    let groups: ArrayBuffer | undefined;
    let used = 0;
    for (const records of batches) {
      const output = decoder.decode(recordSet(records), NO_OFFSET, 0n, {
        lines: null,
        columns: null,
        groups: groups ?? null,
      }).groups!;
      expect(flat(output)).toEqual(flat(fresh.decode(recordSet(records), NO_OFFSET, 0n).groups!));
      if (output.ids.buffer === groups) used++;
      groups = output.ids.buffer as ArrayBuffer;
      new Uint8Array(groups).fill(0xff, output.ids.byteOffset + output.ids.byteLength);
    }
    expect(used).toBeGreaterThan(1);
  });
});
