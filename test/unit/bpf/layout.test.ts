import { describe, expect, it } from 'vitest';
import {
  type Layout,
  layoutByName,
  layoutOf,
  parseBtf,
  parseObject,
  recordLayout,
} from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE } from '../../support/c-source.js';
import { expectBpfError } from './bpf-error.js';
import { BtfBuilder } from './btf-builder.js';

/** Layout of `struct T` in this C. */
function layoutOfC(source: string): Layout {
  const map = '{ __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct T); }';
  const bytes = compileBpf(`${PRELUDE}${source}\nstruct ${map} m SEC(".maps");`);
  const layout = parseObject(bytes).maps[0]?.value;
  expect(layout).toEqual(recordLayout(bytes, 'struct T'));
  return layout!;
}

describe('layout of C types', () => {
  it('folds anonymous members into their parent', () => {
    const layout = layoutOfC(
      'struct T { u32 a; union { u32 b; struct { u16 c; struct { u8 d; u8 e; }; }; }; u32 f; };',
    );
    expect(layout).toMatchObject({ typeName: 'struct T', size: 12 });
    expect(members(layout)).toEqual({ a: 0, b: 4, c: 4, d: 6, e: 7, f: 8 });
  });

  it('tells strings from arrays of small numbers by what C calls the element', () => {
    const layout = layoutOfC(`typedef char letter; typedef const letter name_t[6];
      struct T { char s[4]; name_t n; u8 b[4]; signed char i[2]; char rows[2][8]; char one; char last[]; };`);
    const i8 = { kind: 'int', size: 1, signed: true };
    expect(nodes(layout)).toEqual({
      s: { kind: 'string', size: 4 },
      n: { kind: 'string', size: 6 },
      b: { kind: 'array', length: 4, stride: 1, element: { kind: 'int', size: 1, signed: false } },
      i: { kind: 'array', length: 2, stride: 1, element: i8 },
      rows: { kind: 'array', length: 2, stride: 8, element: { kind: 'string', size: 8 } },
      one: { ...i8, format: 'char' },
      last: { kind: 'string', size: 0 },
    });
  });

  it('formats by the names of typedefs, wherever in the chain they stand', () => {
    const layout = layoutOfC(`
      typedef u64 duration; typedef duration latency; typedef u64 ktime; typedef const volatile u64 boottime;
      typedef u32 ipv4_addr; typedef u8 ipv6_addr[16]; typedef u8 mac_addr[6]; typedef u8 eth_addr[6]; typedef ipv4_addr host;
      struct T { latency l; ktime k; boottime b; host h; ipv6_addr v6; mac_addr mac; eth_addr eth; ipv4_addr hops[2]; };`);
    const u64 = { kind: 'int', size: 8, signed: false };
    const ipv4 = { kind: 'address', family: 'ipv4', size: 4 };
    expect(nodes(layout)).toEqual({
      l: { ...u64, format: 'duration' },
      k: { ...u64, format: 'ktime' },
      b: { ...u64, format: 'boottime' },
      h: ipv4,
      v6: { kind: 'address', family: 'ipv6', size: 16 },
      mac: { kind: 'address', family: 'mac', size: 6 },
      eth: { kind: 'address', family: 'mac', size: 6 },
      hops: { kind: 'array', length: 2, stride: 4, element: ipv4 },
    });
  });

  it("takes an address as a struct, and BumbleBee's own u32 for IPv6, but not a size that it never has", () => {
    const layout = layoutOfC(`typedef struct { u8 bytes[16]; } ipv6_addr; typedef u64 mac_addr;
      struct T { ipv6_addr a; mac_addr m; };`);
    expect(nodes(layout)).toEqual({
      a: { kind: 'address', family: 'ipv6', size: 16 },
      m: { kind: 'int', size: 8, signed: false },
    });
    expect(nodes(layoutOfC('typedef u32 ipv6_addr; struct T { ipv6_addr a; };'))).toEqual({
      a: { kind: 'address', family: 'ipv4', size: 4 },
    });
  });

  it('keeps names and signs of enums, wide integers, bit fields, bools, floats and pointers', () => {
    const layout = layoutOfC(`enum color { RED, GREEN = 7, ALSO_GREEN = 7 };
      struct T { enum color c; __int128 w; u32 x : 3, y : 29; s64 z : 40; enum color f : 4; _Bool b; _Bool g : 1;
        float r; double d; void *p; int (*fn)(void); };`);
    const names = { 0: 'RED', 7: 'GREEN' };
    expect(nodes(layout)).toEqual({
      c: { kind: 'enum', size: 4, signed: false, names },
      w: { kind: 'int', size: 16, signed: true },
      x: { kind: 'int', size: 1, signed: false, bits: { shift: 0, width: 3 } },
      y: { kind: 'int', size: 4, signed: false, bits: { shift: 3, width: 29 } },
      z: { kind: 'int', size: 5, signed: true, bits: { shift: 0, width: 40 } },
      f: { kind: 'enum', size: 1, signed: false, names, bits: { shift: 0, width: 4 } },
      b: { kind: 'bool', size: 1 },
      g: { kind: 'bool', size: 1, bits: { shift: 0, width: 1 } },
      r: { kind: 'float', size: 4 },
      d: { kind: 'float', size: 8 },
      p: { kind: 'pointer', size: 8 },
      fn: { kind: 'pointer', size: 8 },
    });
  });

  it('says which type is not there', () => {
    const bytes = compileBpf(`${PRELUDE}struct T { int a; }; struct T global;`);
    expect(recordLayout(bytes, ' struct  T ').size).toBe(4);
    expectBpfError(
      () => recordLayout(bytes, 'struct U'),
      'unknown-type',
      /^unknown-type: struct U: no such type/,
    );
    expectBpfError(() => recordLayout(bytes, 'T'), 'unknown-type', /^unknown-type: T:/);
    const bare = compileBpf(`${PRELUDE}int x;`, ['-g0']);
    expectBpfError(() => recordLayout(bare, 'struct T'), 'no-btf', /build it with -g/);
  });
});

describe('layout of types that no compiler makes', () => {
  const build = (make: (b: BtfBuilder) => number): Layout => {
    const b = new BtfBuilder();
    const id = make(b);
    return layoutOf(parseBtf(b.build()), id);
  };

  it('reads bit fields of compilers before kind_flag', () => {
    const layout = build((b) => {
      const three = b.int('int', 4, 1, 3, 0);
      const shifted = b.int('unsigned', 4, 0, 5, 7);
      return b.struct('s', 8, [
        ['x', three, 9],
        ['y', shifted, 32],
      ]);
    });
    expect(layout.root).toEqual({
      kind: 'struct',
      size: 8,
      members: [
        { name: 'x', offset: 1, node: { kind: 'int', size: 1, signed: true, bits: { shift: 1, width: 3 } } },
        { name: 'y', offset: 4, node: { kind: 'int', size: 2, signed: false, bits: { shift: 7, width: 5 } } },
      ],
    });
  });

  it('gives no names of 64-bit enums whose values were cut to 32 bits, and all of those that were not', () => {
    const cut = build((b) => b.enumeration('big', 8, { SMALL: 5, BIG: 0 }));
    expect(cut.root).toEqual({ kind: 'enum', size: 8, signed: false, names: {} });
    // enum64: value, low, high.
    const whole = build((b) => b.add(19, 'big', { vlen: 1 }, 8, [b.string('BIG'), 1, 256]));
    expect(whole.root).toEqual({ kind: 'enum', size: 8, signed: false, names: { '1099511627777': 'BIG' } });
  });

  it("never shows a 64-bit enum of this machine's clang by a wrong name", () => {
    const { x } = nodes(layoutOfC('enum big { SMALL = 5, BIG = 1ULL << 40 }; struct T { enum big x; };'));
    expect([{}, { '5': 'SMALL', '1099511627776': 'BIG' }]).toContainEqual((x as { names: unknown }).names);
  });

  it.each<
    [string, 'cyclic-type' | 'malformed-btf' | 'limit' | 'unsupported', RegExp, (b: BtfBuilder) => number]
  >([
    ['a struct in itself', 'cyclic-type', /contains itself/, (b) => b.struct('s', 8, [['a', 1, 0]])],
    ['an anonymous struct in itself', 'cyclic-type', /contains itself/, (b) => b.struct('', 8, [['', 1, 0]])],
    [
      'two structs in each other',
      'cyclic-type',
      /contains itself/,
      (b) => {
        b.struct('a', 8, [['x', 2, 0]]);
        return b.struct('b', 8, [['y', 1, 0]]);
      },
    ],
    [
      'a struct in an array in itself',
      'cyclic-type',
      /contains itself/,
      (b) => {
        b.array(2, 1);
        return b.struct('s', 8, [['a', 1, 0]]);
      },
    ],
    ['a typedef of itself', 'cyclic-type', /stands for itself/, (b) => b.typedef('t', 1)],
    [
      'a loop of typedefs behind a typedef',
      'cyclic-type',
      /after 64 steps/,
      (b) => {
        b.typedef('a', 2);
        b.typedef('b', 1);
        return b.typedef('c', 1);
      },
    ],
    ['an array of itself', 'cyclic-type', /nested more than 64/, (b) => b.array(1, 1)],
    ['an array of itself, empty', 'cyclic-type', /nested more than 64/, (b) => b.array(1, 0)],
    ['2^32 elements', 'limit', /bytes, more than/, (b) => b.array(b.int('int', 4), 0xffffffff)],
    [
      'an array whose size overflows',
      'limit',
      /bytes, more than/,
      (b) => b.array(b.array(b.int('int', 4), 65536), 65536),
    ],
    ['a struct of 4 GB', 'limit', /bytes, more than/, (b) => b.struct('s', 0xffffffff, [])],
    [
      'structs that double at every level',
      'limit',
      /more than 4096 fields/,
      (b) => {
        let id = b.int('unsigned char', 1);
        for (let size = 1; size < 2 ** 24; size *= 2)
          id = b.struct(`s${size}`, size * 2, [
            ['a', id, 0],
            ['b', id, 0],
          ]);
        return id;
      },
    ],
    [
      'structs nested without end',
      'limit',
      /nested more than 64 deep/,
      (b) => {
        let id = b.int('int', 4);
        for (let i = 0; i < 100; i++) id = b.struct(`s${i}`, 4, [['a', id, 0]]);
        return id;
      },
    ],
    [
      'a member behind its struct',
      'malformed-btf',
      /ends at byte 6 of 4/,
      (b) => b.struct('s', 4, [['a', b.int('int', 4), 16]]),
    ],
    [
      'a member at an odd bit',
      'malformed-btf',
      /begins at bit 3/,
      (b) => b.struct('s', 8, [['a', b.int('int', 4), 3]]),
    ],
    [
      'a bit field behind its struct',
      'malformed-btf',
      /ends at bit 39 of 4 bytes/,
      (b) => b.struct('s', 4, [['a', b.int('int', 4), (8 << 24) + 31]], true),
    ],
    [
      'a bit field wider than its type',
      'malformed-btf',
      /9 bits of a type of 1 bytes/,
      (b) => b.struct('s', 4, [['a', b.int('u8', 1), 9 << 24]], true),
    ],
    [
      'a bit field of a pointer',
      'malformed-btf',
      /a bit field of a ptr/,
      (b) => b.struct('s', 8, [['a', b.pointer(0), 8 << 24]], true),
    ],
    [
      'two members of one name',
      'malformed-btf',
      /two members named a/,
      (b) => {
        const int = b.int('int', 4);
        return b.struct('s', 8, [
          ['a', int, 0],
          ['a', int, 32],
        ]);
      },
    ],
    ['a struct of void', 'malformed-btf', /has no size/, (b) => b.struct('s', 8, [['a', 0, 0]])],
    [
      'a member of a type that is not there',
      'malformed-btf',
      /there are only/,
      (b) => b.struct('s', 8, [['a', 77, 0]]),
    ],
    ['a float of 16 bytes', 'unsupported', /float of 16 bytes/, (b) => b.add(16, 'long double', {}, 16)],
    ['an integer of 32 bytes', 'unsupported', /integer of 32 bytes/, (b) => b.int('_BitInt', 32, 0, 255)],
    ['an enum of 3 bytes', 'malformed-btf', /enum of 3 bytes/, (b) => b.enumeration('e', 3, { A: 1 })],
    ['a function', 'malformed-btf', /is no value/, (b) => b.add(12, 'f', {}, 0)],
  ])('refuses %s', (_, code, message, make) => {
    expectBpfError(() => build(make), code, message);
  });

  it('shows an array of things without bytes as empty, however long it says it is', () => {
    const layout = build((b) => b.array(b.struct('nothing', 0, []), 0xffffffff));
    expect(layout).toMatchObject({ size: 0, root: { kind: 'array', length: 0, stride: 0 } });
  });

  it('takes a forward declaration by name only where it is completed', () => {
    const b = new BtfBuilder();
    b.add(7, 'late', {}, 0);
    const btf = parseBtf(b.build());
    expectBpfError(() => layoutOf(btf, 1), 'malformed-btf', /is no value/);
    expectBpfError(() => layoutByName(btf, 'struct late'), 'unknown-type', /struct late/);
  });
});

function members({ root }: Layout): Record<string, number> {
  if (!('members' in root)) throw new Error(root.kind);
  return Object.fromEntries(root.members.map(({ name, offset }) => [name, offset]));
}

function nodes({ root }: Layout): Record<string, unknown> {
  if (!('members' in root)) throw new Error(root.kind);
  return Object.fromEntries(root.members.map(({ name, node }) => [name, node]));
}
