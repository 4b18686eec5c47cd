import { describe, expect, it } from 'vitest';
import {
  encodeParam,
  type LayoutNode,
  type ParamInput,
  type ParamSpec,
  parseObject,
} from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE } from '../../support/c-source.js';
import { expectBpfError } from './bpf-error.js';

const { params } = parseObject(
  compileBpf(`${PRELUDE}
  typedef u64 duration; typedef u32 ipv4_addr; typedef u8 ipv6_addr[16]; typedef u8 mac_addr[6];
  enum mode { OFF, ON, STRANGE = -7 }; enum { BIG = 0x1234567890ull } ;
  const volatile u8 u8_ = 0; const volatile s8 s8_ = 0; const volatile u32 u32_ = 0; const volatile u64 u64_ = 0;
  const volatile s64 s64_ = 0; const volatile unsigned __int128 u128_ = 0; const volatile duration d_ = 0;
  const volatile _Bool bool_ = 0; const volatile enum mode mode_ = 0; const volatile char comm_[8] = "";
  const volatile double f64_ = 0; const volatile float f32_ = 0; const volatile ipv4_addr v4_ = 0;
  const volatile ipv6_addr v6_ = {}; const volatile mac_addr mac_ = {}; const volatile struct { int a; } struct_ = {};
  const volatile int list_[3] = {}; void *const volatile pointer_ = 0; const volatile char letter_ = 'a';`),
);

function param(name: string): ParamSpec {
  const found = params.find((p) => p.name === `${name}_`);
  if (!found) throw new Error(name);
  return found;
}

describe('encodeParam', () => {
  it.each<[string, ParamInput, string]>([
    ['u8', 255, 'ff'],
    ['u8', '0x1F', '1f'],
    ['u8', true, '01'],
    ['s8', -128, '80'],
    ['letter', 98, '62'],
    ['u32', 1000, 'e8030000'],
    ['u32', ' 1000 ', 'e8030000'],
    ['u64', 2n ** 64n - 1n, 'ffffffffffffffff'],
    ['u64', '18446744073709551615', 'ffffffffffffffff'],
    ['s64', -2, 'feffffffffffffff'],
    ['s64', '-0x2', 'feffffffffffffff'],
    ['u128', 2n ** 127n, '00000000000000000000000000000080'],
    ['d', '1.5ms', '60e3160000000000'],
    ['d', '250ns', 'fa00000000000000'],
    ['d', 7, '0700000000000000'],
    ['bool', true, '01'],
    ['bool', 'false', '00'],
    ['bool', 1, '01'],
    ['mode', 'ON', '01000000'],
    ['mode', 'STRANGE', 'f9ffffff'],
    ['mode', 42, '2a000000'],
    ['comm', 'bash', '6261736800000000'],
    ['comm', 'é', 'c3a9000000000000'],
    ['comm', 1234567, '3132333435363700'],
    ['f64', 0.5, '000000000000e03f'],
    ['f64', '-1e3', '0000000000408fc0'],
    ['f32', 2, '00000040'],
    ['v4', '10.0.0.255', '0a0000ff'],
    ['v6', '2001:db8::1', '20010db8000000000000000000000001'],
    ['v6', '::', '00000000000000000000000000000000'],
    ['v6', '::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['v6', '1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['mac', '02:42:AC:11:00:02', '0242ac110002'],
    ['pointer', '0xffff888100000000', '000000008188ffff'],
  ])('%s = %s is %s', (name, value, hex) => {
    expect(Buffer.from(encodeParam(param(name), value)).toString('hex')).toBe(hex);
  });

  it.each<[string, ParamInput, RegExp]>([
    ['u8', 256, /parameter u8_: 256 is out of range: 0 to 255/],
    ['u8', -1, /out of range/],
    ['s8', 128, /out of range: -128 to 127/],
    ['u64', 2n ** 64n, /out of range/],
    ['u32', 1.5, /1.5 is no integer/],
    ['u32', Number.NaN, /no integer/],
    ['u32', '10ms', /"10ms" is no integer/],
    ['u32', '', /no integer/],
    ['u32', '010x', /no integer/],
    ['d', '10 parsecs', /no integer/],
    ['bool', 2, /neither true nor false/],
    ['mode', 'ONN', /"ONN" is none of OFF, ON, STRANGE/],
    ['mode', 2 ** 31, /out of range/],
    ['comm', '12345678', /has 8 bytes; char\[8\] takes 7 and a NUL/],
    ['comm', 'a\0b', /holds a NUL/],
    ['f64', 'much', /no number/],
    ['v4', '10.0.0.256', /no ipv4 address/],
    ['v4', '10.0.0', /no ipv4 address/],
    ['v4', '010.0.0.1', /no ipv4 address/],
    ['v4', 7, /no ipv4 address/],
    ['v6', '1:2:3:4:5:6:7', /no ipv6 address/],
    ['v6', '1::2::3', /no ipv6 address/],
    ['v6', '1:2:3:4:5:6:7:8::', /no ipv6 address/],
    ['v6', '1.2.3.4::', /no ipv6 address/],
    ['v6', ':1:2:3:4:5:6:7', /no ipv6 address/],
    ['mac', '02:42', /no mac address/],
    ['struct', 1, /cannot be given to a parameter of type struct/],
    ['list', 1, /parameter of type int\[3\]/],
  ])('refuses %s = %s', (name, value, message) => {
    expectBpfError(() => encodeParam(param(name), value), 'bad-value', message);
  });

  it('takes the bounds of every integer, and nothing beyond', () => {
    for (const size of [1, 2, 4, 8, 16]) {
      for (const signed of [false, true]) {
        const root: LayoutNode = { kind: 'int', size, signed };
        const spec: ParamSpec = { ...param('u8'), layout: { typeName: 't', size, root } };
        const least = signed ? -(2n ** BigInt(size * 8 - 1)) : 0n;
        const most = 2n ** BigInt(size * 8 - (signed ? 1 : 0)) - 1n;
        for (const value of [least, most]) {
          const hex = Buffer.from(encodeParam(spec, value).reverse()).toString('hex');
          expect(BigInt.asUintN(size * 8, value)).toBe(BigInt(`0x${hex}`));
        }
        for (const value of [least - 1n, most + 1n]) {
          expectBpfError(() => encodeParam(spec, value), 'bad-value', /out of range/);
        }
      }
    }
  });
});
