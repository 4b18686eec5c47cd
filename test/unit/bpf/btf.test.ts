import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { layoutOf, mapTypeName, parseBtf } from '../../../core/bpf/index.js';
import { expectBpfError } from './bpf-error.js';
import { BtfBuilder } from './btf-builder.js';

const KERNEL = '/sys/kernel/btf/vmlinux';

describe('parseBtf', () => {
  it('reads every kind from 1 to 19', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4, 1);
    const pointer = b.pointer(int);
    b.array(int, 3);
    b.struct(
      's',
      8,
      [
        ['a', int, 0],
        ['b', int, (5 << 24) + 32],
      ],
      true,
    );
    b.add(5, 'u', { vlen: 1 }, 4, [b.string('m'), int, 0]);
    b.enumeration('e', 4, { NEGATIVE: -2, ONE: 1 }, true);
    b.add(7, 'later', { flag: true }, 0);
    const typedef = b.typedef('t', int);
    for (const kind of [9, 10, 11]) b.add(kind, '', {}, typedef);
    const proto = b.add(13, '', { vlen: 2 }, int, [b.string('x'), pointer, 0, 0]);
    b.add(12, 'f', { vlen: 2 }, proto);
    const variable = b.add(14, 'v', {}, int, [1]);
    b.add(15, '.data', { vlen: 1 }, 4, [variable, 0, 4]);
    b.add(16, 'double', {}, 8);
    b.add(17, 'tag', {}, int, [-1 >>> 0]);
    b.add(18, 'user', {}, int);
    b.add(19, 'big', { vlen: 2, flag: true }, 8, [
      b.string('MIN'),
      0,
      0x80000000,
      b.string('MINUS'),
      0xffffffff,
      0xffffffff,
    ]);
    const btf = parseBtf(b.build());
    const types = Array.from({ length: btf.count }, (_, id) => btf.type(id));
    expect(types).toEqual([
      { kind: 'void', name: '' },
      { kind: 'int', name: 'int', size: 4, signed: true, char: false, bool: false, bits: 32, bitOffset: 0 },
      { kind: 'ptr', name: '', type: 1 },
      { kind: 'array', name: '', type: 1, indexType: 1, length: 3 },
      {
        kind: 'struct',
        name: 's',
        size: 8,
        memberWidths: true,
        members: [
          { name: 'a', type: 1, bitOffset: 0, width: 0 },
          { name: 'b', type: 1, bitOffset: 32, width: 5 },
        ],
      },
      {
        kind: 'union',
        name: 'u',
        size: 4,
        memberWidths: false,
        members: [{ name: 'm', type: 1, bitOffset: 0, width: 0 }],
      },
      {
        kind: 'enum',
        name: 'e',
        size: 4,
        signed: true,
        values: [
          { name: 'NEGATIVE', value: -2n },
          { name: 'ONE', value: 1n },
        ],
      },
      { kind: 'fwd', name: 'later', of: 'union' },
      { kind: 'typedef', name: 't', type: 1 },
      { kind: 'volatile', name: '', type: 8 },
      { kind: 'const', name: '', type: 8 },
      { kind: 'restrict', name: '', type: 8 },
      {
        kind: 'func_proto',
        name: '',
        returns: 1,
        params: [
          { name: 'x', type: 2 },
          { name: '', type: 0 },
        ],
      },
      { kind: 'func', name: 'f', type: 12, linkage: 'extern' },
      { kind: 'var', name: 'v', type: 1, linkage: 'global' },
      { kind: 'datasec', name: '.data', size: 4, variables: [{ type: 14, offset: 0, size: 4 }] },
      { kind: 'float', name: 'double', size: 8 },
      { kind: 'decl_tag', name: 'tag', type: 1, component: -1 },
      { kind: 'type_tag', name: 'user', type: 1 },
      {
        kind: 'enum64',
        name: 'big',
        size: 8,
        signed: true,
        values: [
          { name: 'MIN', value: -(2n ** 63n) },
          { name: 'MINUS', value: -1n },
        ],
      },
    ]);
    expect(btf.find('struct', 's')).toBe(4);
    expect(btf.find('struct', 'S')).toBeUndefined();
  });

  it('knows negative enums of compilers that did not say so, and believes those that do', () => {
    const old = new BtfBuilder();
    old.enumeration('errors', 4, { FAILED: -5 });
    old.enumeration('flags', 4, { TOP: 0x80000000 });
    old.enumeration('small', 1, { BELOW: -100 });
    const oldBtf = parseBtf(old.build());
    expect([1, 2, 3].map((id) => oldBtf.type(id))).toMatchObject([
      { signed: true },
      { signed: false },
      { signed: true },
    ]);

    const young = new BtfBuilder();
    young.enumeration('mask', 4, { ALL: 0xffffffff });
    young.enumeration('errors', 4, { FAILED: -5 }, true);
    const youngBtf = parseBtf(young.build());
    expect(youngBtf.type(1)).toMatchObject({ signed: false, values: [{ value: 0xffffffffn }] });
    expect(youngBtf.type(2)).toMatchObject({ signed: true, values: [{ value: -5n }] });
  });

  it('refuses headers that lie', () => {
    const good = new BtfBuilder();
    good.int('int', 4);
    const bytes = good.build();
    const changed = (offset: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(offset, value, true);
      return copy;
    };
    expectBpfError(() => parseBtf(new Uint8Array()), 'malformed-btf', /outside its 0 bytes/);
    expectBpfError(() => parseBtf(changed(0, 0x01001234)), 'malformed-btf', /magic/);
    expectBpfError(() => parseBtf(Uint8Array.from([0xeb, 0x9f, 1, 0])), 'big-endian', /big-endian/);
    expectBpfError(() => parseBtf(changed(0, 0x0002eb9f)), 'unsupported', /version 2/);
    expectBpfError(() => parseBtf(changed(4, 8)), 'malformed-btf', /header of 8 bytes/);
    expectBpfError(() => parseBtf(changed(8, 0xffffffff)), 'malformed-btf', /outside/);
    expectBpfError(() => parseBtf(changed(12, 1000)), 'malformed-btf', /outside/);
    expectBpfError(() => parseBtf(changed(12, 14)), 'malformed-btf', /type 1: int ends 2 bytes behind/);
    expectBpfError(() => parseBtf(changed(20, 3)), 'malformed-btf', /begin and end with NUL/);
    expectBpfError(() => parseBtf(changed(20, 0x7fffffff)), 'malformed-btf', /outside/);
    expectBpfError(() => parseBtf(changed(28, 30 << 24)), 'malformed-btf', /type 1: unknown kind 30/);
    expectBpfError(() => parseBtf(changed(24, 5000)).type(1), 'malformed-btf', /name at 5000/);
    expectBpfError(() => parseBtf(bytes).type(2), 'malformed-btf', /type 2: there are only 2/);
  });

  it.skipIf(!existsSync(KERNEL))(
    "reads the running kernel's types, all of them, and lays out every struct",
    () => {
      const btf = parseBtf(readFileSync(KERNEL));
      expect(btf.count).toBeGreaterThan(10_000);
      for (let id = 0; id < btf.count; id++) btf.type(id);
      let laidOut = 0;
      for (const kind of ['struct', 'union'] as const) {
        for (const id of btf.ids(kind)) {
          layoutOf(btf, id);
          laidOut++;
        }
      }
      expect(laidOut).toBeGreaterThan(1000);
    },
  );

  it.skipIf(!existsSync(KERNEL))("names map types as the running kernel's enum bpf_map_type does", () => {
    const btf = parseBtf(readFileSync(KERNEL));
    const type = btf.type(btf.find('enum', 'bpf_map_type')!);
    if (type.kind !== 'enum') throw new Error(type.kind);
    const named = new Map<number, string[]>();
    for (const { name, value } of type.values) {
      const number = Number(value);
      named.set(number, [...(named.get(number) ?? []), name.replace('BPF_MAP_TYPE_', '').toLowerCase()]);
    }
    for (const [number, names] of named) {
      if (names.some((name) => name.startsWith('__max'))) continue;
      const ours = mapTypeName(number);
      if (!ours.startsWith('type ')) {
        // 19 and 21 are `…_deprecated` as well.
        expect(names.map((name) => name.replace('_deprecated', ''))).toContain(ours);
      }
    }
    expect(mapTypeName(27)).toBe('ringbuf');
    expect(mapTypeName(999)).toBe('type 999');
  });
});
