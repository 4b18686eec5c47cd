import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Layout, LayoutNode } from '../../../core/bpf/index.js';
import { compilePlan, DecodeError, parseFilter } from '../../../core/decode/index.js';
import { NO_OFFSET, planOf, recordSet } from './records.js';

const int = (size: number, signed: boolean): LayoutNode => ({ kind: 'int', size, signed });
const FIELDS: Record<string, LayoutNode> = {
  u8: int(1, false),
  s16: int(2, true),
  u32: int(4, false),
  s32: int(4, true),
  u64: int(8, false),
  s64: int(8, true),
  wide: int(16, false),
  took: { kind: 'int', size: 8, signed: false, format: 'duration' },
  five: { kind: 'int', size: 2, signed: true, bits: { shift: 6, width: 5 } },
  f64: { kind: 'float', size: 8 },
  ok: { kind: 'bool', size: 1 },
  comm: { kind: 'string', size: 8 },
  mode: {
    kind: 'enum',
    size: 4,
    signed: true,
    names: { '0': 'OFF', '1': 'ON', '-1': 'BAD', '8': 'TWIN', '9': 'TWIN' },
  },
  big: {
    kind: 'enum',
    size: 8,
    signed: false,
    names: { '9007199254740992': 'BIG', '18446744073709551615': 'ALL' },
  },
  cut: { kind: 'enum', size: 8, signed: false, names: {} },
  mac: { kind: 'address', family: 'mac', size: 6 },
  addr: { kind: 'address', family: 'ipv4', size: 4 },
  six: { kind: 'address', family: 'ipv6', size: 16 },
  ptr: { kind: 'pointer', size: 8 },
  list: { kind: 'array', length: 3, stride: 2, element: int(2, false) },
  in: { kind: 'struct', size: 4, members: [{ name: 'port', offset: 0, node: int(4, false) }] },
};
const OFFSETS = Object.fromEntries(Object.keys(FIELDS).map((name, i) => [name, i * 16]));
const LAYOUT: Layout = {
  typeName: 'struct s',
  size: Object.keys(FIELDS).length * 16,
  root: {
    kind: 'struct',
    size: Object.keys(FIELDS).length * 16,
    members: Object.entries(FIELDS).map(([name, node]) => ({ name, offset: OFFSETS[name]!, node })),
  },
};

interface Values {
  u8?: number;
  s16?: number;
  u32?: number;
  s32?: number;
  u64?: bigint;
  s64?: bigint;
  took?: bigint;
  five?: number;
  f64?: number;
  ok?: number;
  comm?: string;
  mode?: number;
  wide?: bigint;
  big?: bigint;
  cut?: bigint;
  mac?: number[];
  addr?: number[];
  six?: number[];
  ptr?: bigint;
  list?: number[];
  port?: number;
}

function record(values: Values): Uint8Array {
  const bytes = Buffer.alloc(LAYOUT.size);
  const at = (name: string): number => OFFSETS[name]!;
  bytes.writeUInt8(values.u8 ?? 0, at('u8'));
  bytes.writeInt16LE(values.s16 ?? 0, at('s16'));
  bytes.writeUInt32LE(values.u32 ?? 0, at('u32'));
  bytes.writeInt32LE(values.s32 ?? 0, at('s32'));
  bytes.writeBigUInt64LE(values.u64 ?? 0n, at('u64'));
  bytes.writeBigInt64LE(values.s64 ?? 0n, at('s64'));
  bytes.writeBigUInt64LE(values.took ?? 0n, at('took'));
  bytes.writeUInt16LE(((values.five ?? 0) & 31) << 6, at('five'));
  bytes.writeDoubleLE(values.f64 ?? 0, at('f64'));
  bytes.writeUInt8(values.ok ?? 0, at('ok'));
  bytes.write(values.comm ?? '', at('comm'), 8);
  bytes.writeInt32LE(values.mode ?? 0, at('mode'));
  bytes.writeBigUInt64LE(BigInt.asUintN(64, values.wide ?? 0n), at('wide'));
  bytes.writeBigUInt64LE((values.wide ?? 0n) >> 64n, at('wide') + 8);
  bytes.writeBigUInt64LE(values.big ?? 0n, at('big'));
  bytes.writeBigUInt64LE(values.cut ?? 0n, at('cut'));
  bytes.set(values.mac ?? [], at('mac'));
  bytes.set(values.addr ?? [], at('addr'));
  bytes.set(values.six ?? [], at('six'));
  bytes.writeBigUInt64LE(values.ptr ?? 0n, at('ptr'));
  (values.list ?? []).forEach((value, i) => {
    bytes.writeUInt16LE(value, at('list') + 2 * i);
  });
  bytes.writeUInt32LE(values.port ?? 0, at('in'));
  return bytes;
}

function passes(filter: string, values: Values, source: 'ring' | 'entry' = 'ring'): boolean {
  const output = compilePlan(planOf(LAYOUT, { filter, source })).decode(
    recordSet([record(values)]),
    NO_OFFSET,
    0n,
  );
  expect(output.events + output.filtered).toBe(1);
  return output.events === 1;
}

describe('a filter', () => {
  it.each<[string, Values, boolean]>([
    ['u8 == 255', { u8: 255 }, true],
    ['u8 != 255', { u8: 255 }, false],
    ['s16 < 0', { s16: -1 }, true],
    ['s16 >= -32768', { s16: -32768 }, true],
    ['u32 == 4294967295', { u32: 4294967295 }, true],
    ['u32 > 2147483647', { u32: 2147483648 }, true],
    ['s32 == -1', { s32: -1 }, true],
    ['u32 == 0xFFffFFff', { u32: 4294967295 }, true],
    ['u64 == 18446744073709551615', { u64: 2n ** 64n - 1n }, true],
    ['u64 == 9007199254740993', { u64: 9007199254740993n }, true],
    ['u64 == 9007199254740993', { u64: 9007199254740992n }, false],
    ['u64 > 9007199254740992', { u64: 9007199254740993n }, true],
    ['u64 <= 4294967296', { u64: 4294967296n }, true],
    ['u64 < 18446744073709551616', { u64: 2n ** 64n - 1n }, true],
    ['u64 == 18446744073709551616', { u64: 0n }, false],
    ['u64 > -1', { u64: 0n }, true],
    ['s64 < -9223372036854775807', { s64: -(2n ** 63n) }, true],
    ['s64 >= -9223372036854775808', { s64: -(2n ** 63n) }, true],
    ['s64 < 0', { s64: -1n }, true],
    ['s64 > 4294967295', { s64: 4294967296n }, true],
    ['took >= 1.5ms', { took: 1_500_000n }, true],
    ['took > 1500us', { took: 1_500_000n }, false],
    ['took == 2s', { took: 2_000_000_000n }, true],
    ['five == -3', { five: -3 }, true],
    ['five < 0', { five: 3 }, false],
    ['f64 > 0.25', { f64: 0.5 }, true],
    ['f64 == 1e3', { f64: 1000 }, true],
    ['ok', { ok: 2 }, true],
    ['!ok', { ok: 0 }, true],
    ['ok == true', { ok: 2 }, true],
    ['ok != true', { ok: 0 }, true],
    ['comm == "sh"', { comm: 'sh' }, true],
    ['comm == "sh"', { comm: 'shx' }, false],
    ['comm == "sh"', { comm: 'sh\0old' }, true],
    ['comm == "12345678"', { comm: '12345678' }, true],
    ['comm == "123456789"', { comm: '12345678' }, false],
    ["comm != 'sh'", { comm: 'bash' }, true],
    ['comm == ""', { comm: '' }, true],
    ['comm startsWith "ba"', { comm: 'bash' }, true],
    ['comm startsWith "ash"', { comm: 'bash' }, false],
    ['comm endsWith "ash"', { comm: 'bash\0x' }, true],
    ['comm endsWith "ash"', { comm: 'ashb' }, false],
    ['comm contains "as"', { comm: 'bash' }, true],
    ['comm contains "old"', { comm: 'sh\0old' }, false],
    ['comm == "a\\"b\\\\c\\n"', { comm: 'a"b\\c\n' }, true],
    ['comm == "é"', { comm: 'é' }, true],
    ['mode == "ON"', { mode: 1 }, true],
    ['mode != "BAD"', { mode: -1 }, false],
    ['mode == 7', { mode: 7 }, true],
    ['mode < 0', { mode: -1 }, true],
    ['addr == "10.0.0.1"', { addr: [10, 0, 0, 1] }, true],
    ['addr != "10.0.0.1"', { addr: [10, 0, 0, 2] }, true],
    ['six == "::1"', { six: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] }, true],
    ['six == "0:0:0:0:0:0:0:1"', { six: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] }, true],
    ['six == "2001:DB8::10.0.0.1"', { six: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1] }, true],
    ['six != "::2"', { six: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] }, true],
    ['mac == "0:A:b:c:D:1f"', { mac: [0, 10, 11, 12, 13, 31] }, true],
    ['mac == "00-0a-0b-0c-0d-1e"', { mac: [0, 10, 11, 12, 13, 31] }, false],
    ['u64 == 1e3', { u64: 1000n }, true],
    ['u64 == 1.5e3', { u64: 1500n }, true],
    ['took == 0x10ms', { took: 16_000_000n }, true],
    ['took == 0x10ms', { took: 16n }, false],
    ['took == 1e3us', { took: 1_000_000n }, true],
    ['took == 0.000000001s', { took: 1n }, true],
    ['u8 == -0x0', { u8: 0 }, true],
    ['wide == 18446744073709551616', { wide: 2n ** 64n }, true],
    ['wide > 340282366920938463463374607431768211454', { wide: 2n ** 128n - 1n }, true],
    ['wide == 1', { wide: 2n ** 64n + 1n }, false],
    ['big == "BIG"', { big: 2n ** 53n }, true],
    ['big == "BIG"', { big: 2n ** 53n + 1n }, false],
    ['big == "ALL"', { big: 2n ** 64n - 1n }, true],
    ['cut == 1099511627776', { cut: 1n << 40n }, true],
    ['mode == "TWIN"', { mode: 9 }, true],
    ['mode != "TWIN"', { mode: 8 }, false],
    ['comm == "\\x41\\t"', { comm: 'A\t' }, true],
    ['ptr != 0', { ptr: 0xffff888000000000n }, true],
    ['ptr == 0xffff888000000000', { ptr: 0xffff888000000000n }, true],
    ['list[1] == 7', { list: [0, 7, 0] }, true],
    ['list.2 == 9', { list: [0, 0, 9] }, true],
    ['in.port == 443', { port: 443 }, true],
    ['u8 == 1 || u8 == 2 && s16 == 5', { u8: 1, s16: 0 }, true],
    ['(u8 == 1 || u8 == 2) && s16 == 5', { u8: 1, s16: 0 }, false],
    ['!(u8 == 1) && !(s16 == 5)', { u8: 2, s16: 4 }, true],
    ['!ok || u8 == 3', { ok: 1, u8: 3 }, true],
    ['  u8==1&&s16==-2  ', { u8: 1, s16: -2 }, true],
  ])('reads %s', (filter, values, expected) => {
    expect(passes(filter, values)).toBe(expected);
  });

  it('compares numbers as numbers are compared, whatever the field, operator and constant', () => {
    const edges = [
      0n,
      1n,
      -1n,
      127n,
      255n,
      32767n,
      65535n,
      2n ** 31n,
      2n ** 32n,
      2n ** 53n,
      2n ** 63n,
      2n ** 64n,
    ];
    const number = fc.oneof(
      fc.constantFrom(...edges.flatMap((edge) => [edge - 1n, edge, edge + 1n, -edge, -edge - 1n])),
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 65n }),
    );
    const fields = [
      ['u8', 8, false],
      ['s16', 16, true],
      ['u32', 32, false],
      ['s32', 32, true],
      ['u64', 64, false],
      ['s64', 64, true],
      ['five', 5, true],
    ] as const;
    const operators = {
      '==': (a: bigint, b: bigint) => a === b,
      '!=': (a: bigint, b: bigint) => a !== b,
      '<': (a: bigint, b: bigint) => a < b,
      '<=': (a: bigint, b: bigint) => a <= b,
      '>': (a: bigint, b: bigint) => a > b,
      '>=': (a: bigint, b: bigint) => a >= b,
    } as const;
    fc.assert(
      fc.property(
        fc.constantFrom(...fields),
        number,
        number,
        fc.constantFrom(...(Object.keys(operators) as (keyof typeof operators)[])),
        ([name, bits, signed], raw, constant, operator) => {
          const value = signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
          const field = bits === 64 ? value : Number(value);
          expect(passes(`${name} ${operator} ${constant}`, { [name]: field })).toBe(
            operators[operator](value, constant),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('follows logic, whatever is nested in what', () => {
    interface Node {
      readonly text: string;
      readonly value: boolean;
    }
    const fields = { u8: 1, s16: 2, ok: 1 };
    const leaf = fc.constantFrom<Node>(
      { text: 'u8 == 1', value: true },
      { text: 'u8 == 0', value: false },
      { text: 's16 > 1', value: true },
      { text: 'ok', value: true },
      { text: '!ok', value: false },
    );
    const { tree } = fc.letrec<{ tree: Node }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        leaf,
        tie('tree').map(({ text, value }) => ({ text: `!(${text})`, value: !value })),
        fc
          .tuple(tie('tree'), tie('tree'))
          .map(([a, b]) => ({ text: `(${a.text}) && (${b.text})`, value: a.value && b.value })),
        fc
          .tuple(tie('tree'), tie('tree'))
          .map(([a, b]) => ({ text: `((${a.text})||(${b.text}))`, value: a.value || b.value })),
      ),
    }));
    fc.assert(
      fc.property(tree, ({ text, value }) => {
        expect(passes(text, fields)).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, number, RegExp]>([
    ['', 1, /expected a field, found the end/],
    ['   ', 4, /expected a field/],
    ['u8 ==', 6, /expected a number.*found the end/],
    ['u8 = 1', 4, /cannot read "= 1"/],
    ['u8 == 1 &&', 11, /expected a field/],
    ['u8 == 1 & ok', 9, /cannot read/],
    ['(u8 == 1', 9, /expected "\)"/],
    ['u8 == 1)', 8, /expected "&&", "\|\|" or the end/],
    ['u8 == 1 ok', 9, /expected "&&", "\|\|" or the end/],
    ['== 1', 1, /expected a field/],
    ['u8 == sh', 7, /text needs quotes/],
    ['comm == "sh', 9, /no closing "/],
    ['comm == "a\\x00b"', 9, /a NUL never matches/],
    ['comm == "a\\qb"', 11, /unknown escape \\q/],
    ['comm == "\\xff"', 10, /unknown escape \\xff/],
    ['u64 == 5e400ms', 8, /beyond what a field can hold/],
    ['took == 1.5ns', 9, /no whole number of nanoseconds/],
    ['six == "rubbish"', 8, /an IPv6 address in quotes/],
    ['six == "fe80::1%eth0"', 8, /an IPv6 address/],
    ['addr == "10.0.0"', 9, /an IPv4 address/],
    ['addr == "::1"', 9, /an IPv4 address/],
    ['mac == "1:2:3"', 8, /a MAC address/],
    ['com == "sh"', 1, /no field "com"\. Did you mean "comm"\?/],
    ['in == 1', 1, /"in" is a struct.*in\.port/],
    ['list == 1', 1, /"list" is an array.*list\[0\]/],
    ['five == 1.5', 9, /whole number/],
    ['f64 == 1e399', 8, /beyond what a field can hold/],
    ['nope == 1', 1, /there is no field "nope".*u8/],
    ['in.prt == 1', 1, /there is no field "in.prt"/],
    ['list[3] == 1', 1, /there is no field/],
    ['u8', 1, /"u8" is no bool: compare it with something/],
    ['u8 == "x"', 7, /compared with a number/],
    ['comm == 1', 9, /compared with "text"/],
    ['comm < "a"', 1, /text has no order/],
    ['u8 contains "a"', 1, /no text/],
    ['mode == "ONN"', 9, /no "ONN"\. Did you mean "ON"\?.*OFF, ON/],
    ['mode < "TWIN"', 8, /several values/],
    ['cut == "BIG"', 8, /does not say the names.*compare with a number/],
    ['addr == 5', 9, /address in quotes/],
    ['addr < "10.0.0.1"', 1, /== and !=/],
    ['ok == 2', 7, /true or false/],
    ['u8 == true', 7, /not with true/],
    ['u64 == 1.5', 8, /whole number/],
    ['u8 == 1; process.exit()', 8, /cannot read/],
    [`${'('.repeat(80)}ok${')'.repeat(80)}`, 65, /deeper than 64/],
    [`ok${' '.repeat(5000)}`, 4096, /longer than 4096/],
  ])('with a mistake says where: %s', (filter, column, message) => {
    try {
      compilePlan(planOf(LAYOUT, { filter }));
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
      expect((error as DecodeError).message).toMatch(message);
      expect((error as DecodeError).column).toBe(column);
      return;
    }
    throw new Error('the filter was accepted');
  });

  it('is an error or a filter, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        try {
          parseFilter(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('works for counters, and counts what it kept out', () => {
    const decoder = compilePlan(
      planOf(LAYOUT, {
        filter: 'comm != "b"',
        group: { kind: 'counter', labels: [{ name: 'comm', path: ['comm'] }], values: [], maxSeries: 10 },
      }),
    );
    const { groups, filtered } = decoder.decode(
      recordSet(['a', 'b', 'a'].map((comm) => record({ comm }))),
      NO_OFFSET,
      0n,
    );
    expect(filtered).toBe(1);
    expect(groups!.newLabels).toEqual([['a']]);
    expect([...groups!.values[0]!]).toEqual([2]);
  });
});
