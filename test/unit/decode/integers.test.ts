import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IntNode, Layout, LayoutNode, ScalarNode } from '../../../core/bpf/index.js';
import { compilePlan, type GroupPlan } from '../../../core/decode/index.js';
import type { Column } from '../../../plugins/sdk/index.js';
import { NO_OFFSET, planOf, recordSet } from './records.js';

const FC = { numRuns: Number(process.env.FC_RUNS ?? 600) };

/** A field with other bytes on both sides, where it may lie at any offset. */
function around(node: ScalarNode, offset: number): Layout {
  const size = offset + node.size + 3;
  return {
    typeName: 'struct s',
    size,
    root: { kind: 'struct', size, members: [{ name: 'x', offset, node }] },
  };
}

function bytesOf(value: bigint, { size, bits }: IntNode, offset: number, noise: number): Uint8Array {
  const bytes = new Uint8Array(offset + size + 3).fill(noise);
  const { shift, width } = bits ?? { shift: 0, width: size * 8 };
  for (let i = 0; i < width; i++) {
    const bit = offset * 8 + shift + i;
    const mask = 1 << (bit & 7);
    bytes[bit >> 3] = (value >> BigInt(i)) & 1n ? bytes[bit >> 3]! | mask : bytes[bit >> 3]! & ~mask;
  }
  return bytes;
}

const node: fc.Arbitrary<IntNode> = fc.oneof(
  fc.record({
    kind: fc.constant('int' as const),
    size: fc.integer({ min: 1, max: 16 }),
    signed: fc.boolean(),
  }),
  fc
    .record({
      shift: fc.integer({ min: 0, max: 7 }),
      width: fc.integer({ min: 1, max: 64 }),
      signed: fc.boolean(),
    })
    .map(({ shift, width, signed }) => ({
      kind: 'int' as const,
      size: Math.ceil((shift + width) / 8),
      signed,
      bits: { shift, width },
    })),
);

/** Values at and around the powers of two, where halves and doubles go wrong, as the field can hold them. */
function anyOf({ size, signed, bits }: IntNode): fc.Arbitrary<bigint> {
  const width = bits?.width ?? size * 8;
  return fc
    .oneof(
      fc
        .tuple(fc.integer({ min: 0, max: width }), fc.integer({ min: -2, max: 2 }), fc.boolean())
        .map(([power, more, negative]) => (negative ? -1n : 1n) * (1n << BigInt(power)) + BigInt(more)),
      fc.bigInt({ min: -(1n << BigInt(width)), max: 1n << BigInt(width) }),
    )
    .map((value) => (signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value)));
}

const field = fc
  .record({ node, offset: fc.integer({ min: 0, max: 9 }), noise: fc.constantFrom(0, 0xff, 0xa5) })
  .chain((one) =>
    fc.record({
      ...Object.fromEntries(Object.entries(one).map(([name, value]) => [name, fc.constant(value)])),
      values: fc.array(anyOf(one.node), { minLength: 1, maxLength: 6 }),
    }),
  ) as fc.Arbitrary<{ node: IntNode; offset: number; noise: number; values: bigint[] }>;

function groupsOf(
  one: { node: IntNode; offset: number; noise: number; values: bigint[] },
  group: Partial<GroupPlan>,
) {
  const plan = { kind: 'counter' as const, labels: [], values: [], maxSeries: 100, ...group };
  const decoder = compilePlan(planOf(around(one.node, one.offset), { group: plan }));
  const records = one.values.map((value) => bytesOf(value, one.node, one.offset, one.noise));
  return decoder.decode(recordSet(records), NO_OFFSET, 0n).groups!;
}

/** A sum that 64 bits hold is exact, if its parts are such; beyond, it has a double's precision. */
function expectSum(actual: number | bigint, values: readonly bigint[], signed: boolean): void {
  const [least, most] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  const fits = (value: bigint): boolean => value >= least && value <= most;
  const sum = values.reduce((a, b) => a + b);
  if (values.every(fits) && fits(sum)) {
    expect(BigInt(actual)).toBe(sum);
    return;
  }
  const size = values.reduce((a, b) => a + (b < 0n ? -b : b), 1n);
  expect(Math.abs(Number(BigInt(actual) - sum)) / Number(size)).toBeLessThan(2 ** -50);
}

describe('integers of every size, at every offset, and bit fields', () => {
  it('keep their value in a line and in a row', () => {
    fc.assert(
      fc.property(field, (one) => {
        const decoder = compilePlan(
          planOf(around(one.node, one.offset), { ndjson: true, columns: 'rendered' }),
        );
        const records = one.values.map((value) => bytesOf(value, one.node, one.offset, one.noise));
        const { ndjson, columns } = decoder.decode(recordSet(records), NO_OFFSET, 0n);
        const lines = Buffer.from(ndjson!).toString().trimEnd().split('\n');
        expect(lines.map((line) => /"x":(-?\d+)/.exec(line)?.[1])).toEqual(one.values.map(String));
        const [column] = columns!.columns as readonly Column[];
        const shown =
          column!.kind === 'number'
            ? Array.from(column!.values, String)
            : one.values.map((_, i) =>
                Buffer.from(column!.bytes.subarray(column!.offsets[i], column!.offsets[i + 1])).toString(),
              );
        expect(shown).toEqual(one.values.map(String));
      }),
      FC,
    );
  });

  it('add up', () => {
    fc.assert(
      fc.property(field, (one) => {
        const groups = groupsOf(one, { values: [['x']] });
        expectSum(groups.values[0]![0]!, one.values, one.node.signed);
      }),
      FC,
    );
  });

  it('are a label, one series a value', () => {
    fc.assert(
      fc.property(field, (one) => {
        const groups = groupsOf(one, { labels: [{ name: 'x', path: ['x'] }] });
        expect(groups.newLabels.flat()).toEqual([...new Set(one.values.map(String))]);
      }),
      FC,
    );
  });

  it('fall into the bucket that holds them, exactly', () => {
    const bounds = [-1, 0, 1, 255, 2 ** 31, 2 ** 32 + 0.5, 2 ** 53, 2 ** 63, 2 ** 64, 2 ** 100];
    fc.assert(
      fc.property(field, (one) => {
        const groups = groupsOf(one, { kind: 'histogram', values: [['x']], bounds });
        const expected = new Array(bounds.length + 1).fill(0);
        for (const value of one.values) {
          // floor(bound) as an integer: x <= bound is x <= floor(bound).
          const at = bounds.findIndex((bound) => value <= BigInt(Math.floor(bound)));
          expected[at < 0 ? bounds.length : at]++;
        }
        expect([...groups.buckets!]).toEqual(expected);
        expectSum(groups.values[0]![0]!, one.values, one.node.signed);
      }),
      FC,
    );
  });

  it('compare in a filter as numbers do', () => {
    const operators = {
      '==': (a: bigint, b: bigint) => a === b,
      '!=': (a: bigint, b: bigint) => a !== b,
      '<': (a: bigint, b: bigint) => a < b,
      '<=': (a: bigint, b: bigint) => a <= b,
      '>': (a: bigint, b: bigint) => a > b,
      '>=': (a: bigint, b: bigint) => a >= b,
    };
    const operator = fc.constantFrom(...(Object.keys(operators) as (keyof typeof operators)[]));
    fc.assert(
      fc.property(field, operator, fc.nat(), fc.integer({ min: -1, max: 1 }), (one, name, pick, more) => {
        const constant = one.values[pick % one.values.length]! + BigInt(more);
        const decoder = compilePlan(
          planOf(around(one.node, one.offset), { filter: `x ${name} ${constant}` }),
        );
        const records = one.values.map((value) => bytesOf(value, one.node, one.offset, one.noise));
        const passed = decoder.passed(recordSet(records));
        const expected = one.values.flatMap((value, i) => (operators[name](value, constant) ? [i] : []));
        expect([...passed]).toEqual(expected);
      }),
      FC,
    );
  });
});

describe('enums', () => {
  const names = {
    '9007199254740992': 'BIG',
    '18446744073709551615': 'ALL',
    '-1': 'MINUS',
    '-9223372036854775808': 'LEAST',
    '5': 'FIVE',
  };
  const shown = (value: bigint, signed: boolean): string => {
    const layout = around({ kind: 'enum', size: 8, signed, names } as const, 0);
    const bytes = bytesOf(value, { kind: 'int', size: 8, signed }, 0, 0xff);
    const { ndjson } = compilePlan(planOf(layout, { ndjson: true })).decode(
      recordSet([bytes]),
      NO_OFFSET,
      0n,
    );
    return /"x":([^}]*)/.exec(Buffer.from(ndjson!).toString())![1]!;
  };

  it.each<[bigint, boolean, string]>([
    [2n ** 53n, false, '"BIG"'],
    [2n ** 53n + 1n, false, '9007199254740993'],
    [2n ** 64n - 1n, false, '"ALL"'],
    [2n ** 64n - 2n, false, '18446744073709551614'],
    [-1n, true, '"MINUS"'],
    [-2n, true, '-2'],
    [-(2n ** 63n), true, '"LEAST"'],
    [5n, true, '"FIVE"'],
    [5n, false, '"FIVE"'],
  ])('of 64 bits have the name of just their value: %s, signed %s', (value, signed, text) => {
    expect(shown(value, signed)).toBe(text);
  });

  it('that many fields share cost once', () => {
    const shared = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [String(i), `N${i}`]));
    const members = Array.from({ length: 60 }, (_, i) => ({
      name: `f${i}`,
      offset: 4 * i,
      node: { kind: 'enum' as const, size: 4, signed: false, names: shared },
    }));
    const before = process.memoryUsage();
    compilePlan(
      planOf({ typeName: 's', size: 240, root: { kind: 'struct', size: 240, members } }, { ndjson: true }),
    );
    const after = process.memoryUsage();
    // A table a field took 800 MB.
    expect((after.heapUsed + after.external - before.heapUsed - before.external) / 2 ** 20).toBeLessThan(150);
  });
});

describe('plans that cannot work are refused when they are made', () => {
  const struct = (name: string, inner: LayoutNode, size: number): Layout => ({
    typeName: 'struct s',
    size,
    root: { kind: 'struct', size, members: [{ name, offset: 0, node: inner }] },
  });
  const bytes = (length: number): LayoutNode => ({
    kind: 'array',
    length,
    stride: 1,
    element: { kind: 'int', size: 1, signed: false },
  });

  it('a record of 256 MiB', () => {
    expect(() => compilePlan(planOf(struct('v', bytes(2 ** 28), 2 ** 28), { ndjson: true }))).toThrow(
      /a record of m \(struct s\) has 268435456 bytes/,
    );
  });

  it('a line of 300 MB', () => {
    expect(() => compilePlan(planOf(struct('v', bytes(2 ** 24), 2 ** 24), { ndjson: true }))).toThrow(
      /bytes of JSON/,
    );
  });

  it.each<[string, LayoutNode, RegExp]>([
    ['text', { kind: 'string', size: 8 }, /"x" is text: the value of a counter is a number/],
    ['an address', { kind: 'address', family: 'ipv4', size: 4 }, /"x" is an address/],
  ])('a counter of %s', (_, inner, message) => {
    const group = { kind: 'counter' as const, labels: [], values: [['x']], maxSeries: 10 };
    expect(() => compilePlan(planOf(struct('x', inner, 8), { group }))).toThrow(message);
  });

  it('labels of 256 KiB', () => {
    const group = {
      kind: 'counter' as const,
      labels: [{ name: 'x', path: ['x'] }],
      values: [],
      maxSeries: 10,
    };
    expect(() =>
      compilePlan(planOf(struct('x', { kind: 'string', size: 2 ** 18 }, 2 ** 18), { group })),
    ).toThrow(/choose labels without "x" \(262144 bytes\)/);
  });
});
