import { describe, expect, it } from 'vitest';
import { exportKindOf, type ObjectSpec, parseObject } from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE } from '../../support/c-source.js';
import { expectBpfError } from './bpf-error.js';
import { execs, legacy } from './fixtures.js';

const EXEC_EVENT = {
  typeName: 'struct exec_event',
  size: 32,
  root: {
    kind: 'struct',
    size: 32,
    members: [
      { name: 'pid', offset: 0, node: { kind: 'int', size: 4, signed: false } },
      { name: 'uid', offset: 4, node: { kind: 'int', size: 4, signed: false } },
      { name: 'comm', offset: 8, node: { kind: 'string', size: 16 } },
      { name: 'since_boot', offset: 24, node: { kind: 'int', size: 8, signed: false, format: 'duration' } },
    ],
  },
};
const COMM_KEY = {
  typeName: 'struct comm_key',
  size: 16,
  root: {
    kind: 'struct',
    size: 16,
    members: [{ name: 'comm', offset: 0, node: { kind: 'string', size: 16 } }],
  },
};
const COUNT = { typeName: '__u64', size: 8, root: { kind: 'int', size: 8, signed: false } };

/** What both of BumbleBee's images say, but for names and sections. */
function expected(names: readonly string[], sections: readonly string[]): ObjectSpec {
  const ring = { type: 'ringbuf', maxEntries: 65536, flags: 0, keySize: 0, valueSize: 0 };
  const hash = { type: 'hash', maxEntries: 1024, flags: 0, keySize: 16, valueSize: 8 };
  const place = (index: number) => ({ name: names[index], section: sections[index], index });
  return {
    license: 'Dual MIT/GPL',
    programs: [{ name: 'on_exec', section: 'tracepoint/sched/sched_process_exec' }],
    maps: [
      { ...ring, ...place(0), value: EXEC_EVENT, kind: 'print' },
      { ...ring, ...place(1), value: COMM_KEY, kind: 'counter' },
      { ...hash, ...place(2), key: COMM_KEY, value: COUNT, kind: 'counter' },
    ],
    params: [],
  } as unknown as ObjectSpec;
}

describe('parseObject', () => {
  it("reads BumbleBee's images, kinds in names or in sections", () => {
    const names = ['print_execs', 'counter_exec_events', 'counter_execs'];
    expect(parseObject(execs)).toEqual(expected(names, ['.maps', '.maps', '.maps']));
    const sections = ['.maps.print', '.maps.counter', '.maps.counter'];
    expect(parseObject(legacy)).toEqual(expected(['events', 'exec_events', 'execs'], sections));
  });

  it('lists programs in order, without functions that they call', () => {
    const spec = parseObject(
      compileBpf(`${PRELUDE}
      __noinline int shared(int x) { return x * x; }
      static __noinline int hidden(int x) { return x + 3; }
      SEC("xdp") int second(struct xdp_md *c) { return shared(hidden(c->data)); }
      SEC("tp_btf/sched_switch") int first(void *c) { return shared(1); }
      SEC("xdp") int third(struct xdp_md *c) { return 0; }
      SEC("?raw_tp/sys_enter") int optional(void *c) { return 0; }`),
    );
    expect(spec.programs).toEqual([
      { name: 'second', section: 'xdp' },
      { name: 'third', section: 'xdp' },
      { name: 'first', section: 'tp_btf/sched_switch' },
      { name: 'optional', section: '?raw_tp/sys_enter' },
    ]);
    expect(spec.maps).toEqual([]);
  });

  it('reads sizes, flags, inner maps and programs of map definitions', () => {
    const { maps } = parseObject(
      compileBpf(`${PRELUDE}
      struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, int); };
      struct inner one SEC(".maps");
      struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 2); __type(key, u64); __array(values, struct inner); } outer SEC(".maps") = { .values = { (void *)&one } };
      struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 3); __uint(key_size, 4); __uint(value_size, 4); __array(values, int(void *)); } calls SEC(".maps");
      struct { __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH); __uint(max_entries, 9); __uint(map_flags, BPF_F_NO_COMMON_LRU); __uint(key_size, 12); __type(value, u16[3]); __uint(pinning, LIBBPF_PIN_BY_NAME); } gauge_lru SEC(".maps");
      struct { __uint(type, 77); __type(key, const u8); } future SEC(".maps");`),
    );
    const byName = new Map(maps.map((map) => [map.name, map]));
    expect(byName.get('outer')).toMatchObject({
      type: 'hash_of_maps',
      keySize: 8,
      valueSize: 4,
      kind: 'none',
    });
    expect(byName.get('calls')).toMatchObject({ type: 'prog_array', keySize: 4, valueSize: 4 });
    const lru = byName.get('gauge_lru');
    expect(lru).toMatchObject({
      type: 'lru_percpu_hash',
      maxEntries: 9,
      flags: 2,
      keySize: 12,
      valueSize: 6,
      kind: 'gauge',
    });
    expect(lru?.key).toBeUndefined();
    expect(lru?.value).toMatchObject({ typeName: 'u16[3]', root: { kind: 'array', length: 3, stride: 2 } });
    expect(byName.get('future')).toMatchObject({ type: 'type 77', maxEntries: 0, keySize: 1, valueSize: 0 });
    expect(maps.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
  });

  // Why bee.h counts losses by the ring's name and not by its place.
  it('has maps in the order in which clang placed them: definition with an initialiser, first use without', () => {
    const ring = 'struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); }';
    const use = (name: string) =>
      `{ void *e = bpf_ringbuf_reserve(&${name}, 8, 0); if (e) bpf_ringbuf_discard(e, 0); }`;
    const order = (suffix: string) =>
      parseObject(
        compileBpf(`${PRELUDE}
        ${['one', 'two', 'three'].map((name) => `${ring} ${name} SEC(".maps")${suffix};`).join('\n')}
        SEC("xdp") int f(void *c) { ${['three', 'one', 'two'].map(use).join(' ')} return 0; }`),
      ).maps.map(({ name }) => name);
    expect(order(' = {}')).toEqual(['one', 'two', 'three']);
    expect(order('')).toEqual(['three', 'one', 'two']);
  });

  it('finds parameters: const volatile globals, their types and initial values', () => {
    const { params } = parseObject(
      compileBpf(`${PRELUDE}
      enum mode { OFF, ON };
      const volatile u32 min_us = 1000; const volatile char comm[8] = "sh"; const volatile enum mode mode = ON;
      static const volatile s64 hidden = -2; const volatile u32 special SEC(".rodata.special") = 5;
      const volatile u64 zero; const int folded = 3; volatile int variable = 4; int plain;
      SEC("xdp") int f(void *c) { return min_us + comm[0] + mode + hidden + special + zero + variable + plain + *(volatile int *)&folded; }`),
    );
    const shown = params.map(({ name, section, layout, initial }) => [
      name,
      section,
      layout.typeName,
      [...initial],
    ]);
    expect(shown.sort()).toEqual([
      ['comm', '.rodata', 'char[8]', [115, 104, 0, 0, 0, 0, 0, 0]],
      ['hidden', '.rodata', 's64', [254, 255, 255, 255, 255, 255, 255, 255]],
      ['min_us', '.rodata', 'u32', [232, 3, 0, 0]],
      ['mode', '.rodata', 'enum mode', [1, 0, 0, 0]],
      ['special', '.rodata.special', 'u32', [5, 0, 0, 0]],
      ['zero', '.rodata', 'u64', [0, 0, 0, 0, 0, 0, 0, 0]],
    ]);
    const offsets = params.filter(({ section }) => section === '.rodata').map(({ offset }) => offset);
    expect(new Set(offsets).size).toBe(5);
  });

  it('keeps nothing of the bytes', () => {
    const bytes = compileBpf(`${PRELUDE}const volatile u32 p = 7; SEC("xdp") int f(void *c) { return p; }`);
    const spec = parseObject(Buffer.from(bytes.buffer));
    expect(spec.params[0]?.initial.buffer.byteLength).toBe(4);
  });

  it('lets a map be that nobody could decode, and says why', () => {
    const fields = Array.from({ length: 5000 }, (_, i) => `int f${i};`).join(' ');
    const { maps } = parseObject(
      compileBpf(`${PRELUDE}struct wide { ${fields} };
      struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, struct wide); } scratch SEC(".maps");`),
    );
    expect(maps[0]).toMatchObject({
      name: 'scratch',
      keySize: 4,
      valueSize: 20000,
      undecodable: expect.stringMatching(/4096/),
    });
    expect(maps[0]?.value).toBeUndefined();
  });

  it('refuses map definitions as libbpf does', () => {
    const map = (fields: string) => () =>
      parseObject(compileBpf(`${PRELUDE}struct later; struct { ${fields} } m SEC(".maps");`));
    expectBpfError(map('__uint(max_entries, 1);'), 'bad-map', /map m: no type/);
    expectBpfError(
      map('__uint(type, 1); __uint(key_size, 4); __type(key, u64);'),
      'bad-map',
      /given as 4, its type has 8/,
    );
    expectBpfError(
      map('__uint(type, 1); __type(value, struct later);'),
      'bad-map',
      /struct later is declared/,
    );
    expectBpfError(map('int type;'), 'bad-map', /map m, type: a int, not a __uint/);
    expectBpfError(
      () => parseObject(compileBpf(`${PRELUDE}int m SEC(".maps");`)),
      'bad-map',
      /its definition is a \w+, not a struct/,
    );
    expectBpfError(
      () => parseObject(compileBpf(`${PRELUDE}struct { int type; } m SEC("maps") = { 1 };`)),
      'unsupported',
      /section maps: maps without BTF/,
    );
  });

  it('needs BTF for maps, and for nothing else', () => {
    const ring = 'struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } m SEC(".maps");';
    expectBpfError(
      () => parseObject(compileBpf(PRELUDE + ring, ['-g0'])),
      'no-btf',
      /section \.maps.*build with -g/,
    );
    const spec = parseObject(compileBpf(`${PRELUDE}SEC("xdp") int f(void *c) { return 0; }`, ['-g0']));
    expect(spec).toEqual({ license: 'GPL', programs: [{ name: 'f', section: 'xdp' }], maps: [], params: [] });
  });
});

describe('exportKindOf', () => {
  it.each([
    ['print_x', '.maps', 'print'],
    ['counter_x', '.maps', 'counter'],
    ['gauge_x', '.maps', 'gauge'],
    ['hist_x', '.maps', 'hist'],
    ['printer', '.maps', 'none'],
    ['events', '.maps.print', 'print'],
    ['print_x', '.maps.counter', 'counter'],
    ['x', '.maps.gauge', 'gauge'],
    ['gauge_x', '.maps.other', 'gauge'],
    // BumbleBee 0.0.14 looked for the words anywhere in the name of the section.
    ['x', '.maps.counter.tcp', 'counter'],
    ['x', '.maps/gauge', 'gauge'],
    ['x', '.maps.print_counter', 'counter'],
    ['print_x', '.mapscounter', 'counter'],
  ])('%s in %s is %s', (name, section, kind) => {
    expect(exportKindOf(name, section)).toBe(kind);
  });
});
