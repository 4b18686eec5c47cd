import { describe, expect, it } from 'vitest';
import { parseElf, parseObject, rewriteLegacySections } from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE, runNative } from '../../support/c-source.js';
import { execs, legacy } from './fixtures.js';

const mixed = compileBpf(`${PRELUDE}
  struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, int); };
  struct inner one SEC(".maps.gauge");
  struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, u32); __array(values, struct inner); } outer SEC(".maps.gauge") = { .values = { [1] = (void *)&one } };
  struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 7); __type(key, u32); __type(value, u64); } plain SEC(".maps");
  struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } odd SEC(".maps.counter");
  const volatile u32 p = 3; int global = 4; static int hidden;
  static __noinline int sub(int x) { hidden += x; return hidden + global; }
  SEC("xdp") int f(void *c) {
    u32 k = 0; u64 *a = bpf_map_lookup_elem(&odd, &k), *b = bpf_map_lookup_elem(&plain, &k);
    void *m = bpf_map_lookup_elem(&outer, &k); int *i = m ? bpf_map_lookup_elem(m, &k) : 0, *j = bpf_map_lookup_elem(&one, &k);
    return sub(p + (a ? *a : 0) + (b ? *b : 0) + (i ? *i : 0) + (j ? *j : 0)); }`);

/** What libbpf itself makes of an object: its maps by name, one a line, and whether the kernel loads it. */
function libbpf(bytes: Uint8Array, load: boolean): string[] {
  const output = runNative(
    `#include <bpf/libbpf.h>
    #include <stdio.h>
    static int quiet(enum libbpf_print_level l, const char *f, va_list a) { return 0; }
    int main(void) {
      libbpf_set_print(quiet);
      struct bpf_object *o = bpf_object__open_file("object.o", 0);
      struct bpf_map *m;
      if (!o) { puts("not opened"); return 0; }
      bpf_object__for_each_map(m, o) {
        if (bpf_map__is_internal(m)) continue;
        printf("%s type %d entries %u key %u value %u\\n", bpf_map__name(m), bpf_map__type(m), bpf_map__max_entries(m), bpf_map__key_size(m), bpf_map__value_size(m));
        if (bpf_map__type(m) == BPF_MAP_TYPE_RINGBUF) bpf_map__set_value_size(m, 0);
      }
      if (${load ? 1 : 0}) printf("loaded: %d\\n", bpf_object__load(o));
      return 0;
    }`,
    { libraries: ['bpf'], files: { 'object.o': bytes } },
  );
  return output.trimEnd().split('\n');
}

const canLoad = process.getuid?.() === 0;

describe('rewriteLegacySections', () => {
  it('leaves other objects as they are', () => {
    expect(rewriteLegacySections(execs)).toBe(execs);
  });

  it("makes libbpf see the maps of BumbleBee 0.0.14's images, which it does not open", () => {
    expect(libbpf(legacy, false)).toEqual(['not opened']);
    expect(libbpf(rewriteLegacySections(legacy), false)).toEqual([
      'events type 27 entries 65536 key 0 value 32',
      'exec_events type 27 entries 65536 key 0 value 16',
      'execs type 1 entries 1024 key 16 value 8',
    ]);
  });

  it('keeps everything but sections and kinds', () => {
    for (const bytes of [legacy, mixed]) {
      const before = parseObject(bytes);
      const after = parseObject(rewriteLegacySections(bytes));
      const moved = before.maps.map((map) => ({ ...map, section: '.maps', kind: 'none' }));
      expect(after).toEqual({ ...before, maps: moved });
      expect(rewriteLegacySections(rewriteLegacySections(bytes))).toEqual(rewriteLegacySections(bytes));
    }
  });

  it('leaves one section of maps, and one of its relocations', () => {
    const { sections } = parseElf(rewriteLegacySections(mixed));
    const names = sections.map(({ name }) => name).filter((name) => name.includes('maps'));
    expect(names).toEqual(['.maps', '.rel.maps']);
  });

  it.skipIf(!canLoad)(
    'gives objects that the kernel loads: calls, inner maps, globals and relocations right',
    () => {
      expect(libbpf(rewriteLegacySections(legacy), true)).toContain('loaded: 0');
      expect(libbpf(rewriteLegacySections(mixed), true)).toEqual([
        ...parseObject(mixed).maps.map((map) => expect.stringMatching(new RegExp(`^${map.name} type `))),
        'loaded: 0',
      ]);
    },
  );
});
