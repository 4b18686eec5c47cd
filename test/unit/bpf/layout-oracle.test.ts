import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE, runNative } from '../../support/c-source.js';
import {
  RANDOM_TYPES,
  type RandomLeaf,
  type RandomStruct,
  randomStruct,
} from '../../support/random-struct.js';
import { readLeaf } from './read-leaf.js';

const STRUCTS = 120;

/**
 * The same random structs, once for BPF by clang, whose BTF we read, and once for this machine by cc, which fills
 * them with random bytes and prints what it sees in each field. Neither knows how we understand BTF.
 */
describe.each([1, 2, 3])('random C structs, seed %i', (seed) => {
  const structs = fc.sample(randomStruct(), { seed, numRuns: STRUCTS });

  it('are read as C reads them', () => {
    const spec = parseObject(compileBpf(bpfSource(structs)));
    const maps = new Map(spec.maps.map((map) => [map.name, map]));
    const lines = runNative(nativeSource(structs, seed)).trimEnd().split('\n');
    let compared = 0;
    for (const [i, struct] of structs.entries()) {
      const layout = maps.get(`map_${i}`)!.value!;
      const bytes = Uint8Array.from(Buffer.from(lines.shift() ?? '', 'hex'));
      const source = `struct s${i} ${struct.body('')}`;
      expect(layout.size, source).toBe(bytes.length);
      for (const leaf of struct.leaves('')) {
        const expected = lines.shift();
        expect(`${leaf.access} = ${readLeaf(layout.root, bytes, 0, leaf.path)}`, source).toBe(
          `${leaf.access} = ${expected}`,
        );
        compared++;
      }
    }
    expect(lines).toEqual([]);
    expect(compared).toBeGreaterThan(STRUCTS);
  });
});

function bpfSource(structs: readonly RandomStruct[]): string {
  const definitions = structs.map(
    (struct, i) => `
struct s${i} ${struct.body('')};
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct s${i}); } map_${i} SEC(".maps");`,
  );
  return PRELUDE + RANDOM_TYPES + definitions.join('');
}

function nativeSource(structs: readonly RandomStruct[], seed: number): string {
  const functions = structs.map(
    (struct, i) => `
struct s${i} ${struct.body('')};
static void run_${i}(void) {
  static struct s${i} s;
  fill(&s, sizeof s);
  hex(&s, sizeof s); puts("");
  ${struct.leaves('').map(print).join('\n  ')}
}`,
  );
  return `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
${RANDOM_TYPES}
static unsigned long state = ${seed};
static void fill(void *p, size_t n) { for (unsigned char *c = p; n--; c++) { state = state * 6364136223846793005ul + 1; *c = state >> 56; } }
static void hex(const void *p, size_t n) { for (const unsigned char *c = p; n--; c++) printf("%02x", *c); }
static void wide(unsigned __int128 v) { char t[41], *p = t + 40; *p = 0; do { *--p = '0' + (int)(v % 10); v /= 10; } while (v); puts(p); }
${functions.join('\n')}
int main(void) { ${structs.map((_, i) => `run_${i}();`).join(' ')} return 0; }
`;
}

function print({ access, show }: RandomLeaf): string {
  const field = `s.${access}`;
  switch (show) {
    case 'signed':
      return `printf("%lld\\n", (long long)${field});`;
    case 'unsigned':
      return `printf("%llu\\n", (unsigned long long)${field});`;
    case 'bool':
      // As a byte: C may think what it likes of a _Bool that is neither 0 nor 1.
      return `printf("%d\\n", *(unsigned char *)&${field} != 0);`;
    case 'pointer':
      return `printf("%lu\\n", (unsigned long)${field});`;
    case 'wide':
      return `wide(${field});`;
    case 'float':
      return `{ unsigned v; memcpy(&v, (char *)&${field}, 4); printf("%u\\n", v); }`;
    case 'double':
      return `{ unsigned long v; memcpy(&v, (char *)&${field}, 8); printf("%lu\\n", v); }`;
    case 'bytes':
      return `hex((char *)${field}, sizeof ${field}); puts("");`;
  }
}
