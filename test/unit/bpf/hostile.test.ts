import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftOf, writeElf } from '../../../core/bpf/elf-writer.js';
import {
  BpfError,
  checkSoundness,
  parseBtf,
  parseElf,
  parseObject,
  recordLayout,
  rewriteLegacySections,
} from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE, stripDebug } from '../../support/c-source.js';
import { expectBpfError } from './bpf-error.js';
import { BtfBuilder } from './btf-builder.js';
import { execs, legacy } from './fixtures.js';

const rich = stripDebug(
  compileBpf(`${PRELUDE}
  typedef u64 duration; enum e { A = -1, B };
  struct in { u8 a : 3; enum e b; char s[3][4]; };
  struct T { struct in x[2]; union { duration d; void *p; }; _Bool f; };
  struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, struct T); };
  struct inner one SEC(".maps.gauge");
  struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 2); __type(key, u64); __array(values, struct inner); } outer SEC(".maps") = { .values = { (void *)&one } };
  struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct T); } print_r SEC(".maps");
  const volatile struct in param = {}; const volatile u32 p = 3; const volatile char name[16] = "x";
  SEC("xdp") int f(void *c) { void *e = bpf_ringbuf_reserve(&print_r, 8, 0); if (e) bpf_ringbuf_submit(e, 0); return p + name[0] + param.b; }`),
);
const SEEDS = { execs, legacy, rich };

/** Whatever the bytes say: a result or a BpfError, and soon. */
function survive(bytes: Uint8Array): void {
  const byName = (b: Uint8Array) => recordLayout(b, 'struct T');
  for (const work of [parseObject, rewriteLegacySections, checkSoundness, byName]) {
    const start = performance.now();
    try {
      work(bytes);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
    }
    const elapsed = performance.now() - start;
    if (elapsed > 5000) throw new Error(`took ${elapsed} ms`);
  }
}

describe.each(Object.entries(SEEDS))('damaged %s', { timeout: 180_000 }, (_, seed) => {
  it('parses undamaged', () => {
    expect(parseObject(seed).maps.length).toBeGreaterThan(0);
    expect(parseObject(rewriteLegacySections(seed)).maps.length).toBe(parseObject(seed).maps.length);
  });

  it('cut off at every length', () => {
    for (let length = 0; length < seed.length; length++) survive(seed.slice(0, length));
  });

  it('with any single byte set to 0, 1, 255, or its bits turned', () => {
    for (let offset = 0; offset < seed.length; offset++) {
      for (const value of [0, 1, 255, seed[offset]! ^ 255]) {
        if (value === seed[offset]) continue;
        const bytes = seed.slice();
        bytes[offset] = value;
        survive(bytes);
      }
    }
  });

  it('with many random bytes and words', () => {
    const words = fc.constantFrom(
      0,
      1,
      2,
      0x7fffffff,
      0x80000000,
      0xffffffff,
      0xfffffff0,
      seed.length,
      seed.length - 1,
    );
    const edit = fc.record({
      offset: fc.nat(seed.length - 4),
      value: fc.oneof(fc.nat(255), words, fc.nat(64), fc.integer({ min: 0, max: 0xffffffff })),
      wide: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
        const bytes = seed.slice();
        const view = new DataView(bytes.buffer);
        for (const { offset, value, wide } of edits) {
          if (wide) view.setUint32(offset & ~3, value, true);
          else bytes[offset] = value;
        }
        survive(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  it('with every word of section headers and BTF lying', () => {
    const view = new DataView(seed.buffer, seed.byteOffset);
    const table = Number(view.getBigUint64(40, true));
    for (let offset = table; offset + 4 <= seed.length; offset += 4) {
      for (const value of [0, 0xffffffff, 0x7fffffff, seed.length, view.getUint32(offset, true) + 8]) {
        const bytes = seed.slice();
        new DataView(bytes.buffer).setUint32(offset, value, true);
        survive(bytes);
      }
    }
  });
});

describe('bytes that were never an object', () => {
  it('are refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), survive), { numRuns: 2000 });
    const header = execs.slice(0, 64);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (tail) =>
        survive(Uint8Array.from([...header, ...tail])),
      ),
      { numRuns: 2000 },
    );
  });

  it('and random BTF', () => {
    const btfHeader = Uint8Array.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0]);
    const word = fc.oneof(
      fc.nat(40),
      fc.nat(19).map((kind) => kind * 2 ** 24 + 1),
      fc.integer({ min: 0, max: 0xffffffff }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 100 }), (words) => {
        const types = new Uint8Array(Uint32Array.from(words).buffer);
        const lengths = new Uint8Array(Uint32Array.of(types.length, types.length, 2).buffer);
        try {
          const btf = parseBtf(Uint8Array.from([...btfHeader, ...lengths, ...types, 0, 0]));
          for (let id = 0; id < btf.count; id++) btf.type(id);
        } catch (error) {
          if (!(error instanceof BpfError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

/** `execs` with other BTF and room for `maps` maps of 16 bytes each. */
function withBtf(btf: Uint8Array, maps: number): Uint8Array {
  const elf = parseElf(execs);
  const drafts = elf.sections.map(draftOf).map((draft) => {
    if (draft.name === '.BTF') return { ...draft, data: btf };
    if (draft.name === '.maps') return { ...draft, data: new Uint8Array(maps * 16) };
    return draft;
  });
  return writeElf(elf, drafts, elf.namesIndex);
}

/** `count` maps, each of the value type that `value` makes for it. */
function manyMaps(count: number, value: (b: BtfBuilder, i: number) => number): Uint8Array {
  const b = new BtfBuilder();
  const one = b.pointer(b.array(b.int('int', 4), 2));
  const secinfos: number[] = [];
  for (let i = 0; i < count; i++) {
    const map = b.struct('', 16, [
      ['type', one, 0],
      ['value', b.pointer(value(b, i)), 64],
    ]);
    secinfos.push(b.add(14, `m${i}`, {}, map, [1]), i * 16, 16);
  }
  b.add(15, '.maps', { vlen: count }, count * 16, secinfos);
  return withBtf(b.build(), count);
}

describe('objects whose types multiply', () => {
  it('cost no more than their bytes: structs that double, anew for each map', () => {
    const bytes = manyMaps(1000, (b, i) => {
      let id = b.typedef(`t${i}`, 1);
      for (let size = 4; size < 4 * 2 ** 20; size *= 2)
        id = b.struct('s', size * 2, [
          ['a', id, 0],
          ['b', id, size * 8],
        ]);
      return id;
    });
    const spec = parseObject(bytes);
    expect(spec.maps.length).toBe(1000);
    expect(
      spec.maps.every(({ value, undecodable }) => value === undefined && undecodable !== undefined),
    ).toBe(true);
    survive(bytes);
  });

  it('share layouts and the names of enums', () => {
    let big = 0;
    const names = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`N${i}`, i]));
    const bytes = manyMaps(1000, (b) => {
      big ||= b.enumeration('big', 4, names);
      return b.struct('s', 4, [['e', big, 0]]);
    });
    const spec = parseObject(bytes);
    expect(spec.maps[999]?.value?.root).toMatchObject({ members: [{ node: { kind: 'enum' } }] });
    survive(bytes);
  });

  it('are refused with more maps than any kernel would take', () => {
    const bytes = manyMaps(5000, () => 1);
    expectBpfError(() => parseObject(bytes), 'limit', /more than 1024 maps/);
  });
});
