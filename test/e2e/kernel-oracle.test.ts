import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { runNative } from '../support/c-source.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { RANDOM_TYPES, type RandomLeaf, type RandomStruct, randomStruct } from '../support/random-struct.js';

const run = promisify(execFile);
const STRUCTS = 40;
const OP = 7;
/** More of them in one program are slow to compile and to verify. */
const MAX_LEAVES = 120;
/** What is const could not be filled. */
const TYPES = `#define const\n${RANDOM_TYPES}`;

/** As RANDOM_TYPES has them. */
const ENUM_VALUES: Readonly<Record<string, string>> = {
  ...{ S_A: '-3', S_B: '0', S_C: '70000', P_A: '0', P_B: '9', P_C: '200' },
  ...{ Q_A: '0', Q_B: '5', R_A: '-2', R_B: '5' },
};

interface Filled {
  readonly done: string;
  readonly s: Record<string, unknown>;
}

/** A field, and the C statement that both programs fill it with. */
interface Assigned {
  readonly leaf: RandomLeaf;
  readonly assign: string;
}

/**
 * A BPF program fills random structs field by field, in the ring and in a map, and a C program fills the same structs
 * with the same statements and prints them. What the agent shows of the kernel's records is what C printed: clang's
 * stores, the kernel's memory, our reading of BTF and the C compiler have to agree.
 */
describe.each([21, 22])('records that the kernel filled, seed %i', (seed) => {
  const structs = fc
    .sample(randomStruct(), { seed, numRuns: 4 * STRUCTS })
    .filter((struct) => struct.leaves('').length > 0 && struct.leaves('').length <= MAX_LEAVES)
    .slice(0, STRUCTS);
  const filled = structs.map((struct, i) => fillings(struct, seed * 1000 + i));
  let agent: AgentProcess;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-oracle-'));
    const source = join(folder, 'oracle.bpf.c');
    writeFileSync(source, bpfSource(structs, filled));
    agent = await AgentProcess.start(`
probes: [{ file: ${compileProbe(source, '-Wno-everything')}, name: oracle }]
sinks: { out: { type: stdout, format: json } }
agent: { listen: "127.0.0.1:0" }
`);
  }, 120_000);
  afterAll(() => agent?.stop());

  it('are what C printed', async () => {
    const printed = runNative(nativeSource(structs, filled)).split('\n');
    await run(compileProgram(fileURLToPath(new URL('./probes/do.c', import.meta.url))), [String(OP)]);
    const records = new Map<string, Record<string, unknown>>();
    await agent.until(() => {
      for (const line of agent.stdout.split('\n').slice(0, -1)) {
        const { map, data } = exact(line) as { map: string; data: { value?: Filled } & Filled };
        // An array's entry is there, empty, before the program ran.
        const { done, s } = data.value ?? data;
        if (done === '1') records.set(map, s);
      }
      return records.size === 2 * structs.length;
    }, 20_000);
    let compared = 0;
    let line = 0;
    for (const [i, struct] of structs.entries()) {
      const wanted = filled[i]!.map(({ leaf }) => `${leaf.access} = ${meaning(leaf, printed[line++]!)}`);
      for (const map of [`print_r${i}`, `print_a${i}`]) {
        const shown = filled[i]!.map(({ leaf }) => `${leaf.access} = ${show(leaf, records.get(map)!)}`);
        expect(shown, `${map}: struct ${struct.body('')}`).toEqual(wanted);
        compared += shown.length;
      }
    }
    expect(compared).toBeGreaterThan(STRUCTS * 4);
  }, 60_000);
});

/** JSON with every number as its digits. */
function exact(line: string): unknown {
  return JSON.parse(line.replace(/([:[,])(-?\d[\d.e+-]*)(?=[,\]}])/g, '$1"$2"'));
}

function fillings(struct: RandomStruct, seed: number): Assigned[] {
  const leaves = struct.leaves('');
  const words = fc.sample(
    fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n),
    ),
    { seed, numRuns: 2 * leaves.length },
  );
  return leaves.map((leaf, i) => ({ leaf, assign: assignment(leaf, words[2 * i]!, words[2 * i + 1]!) }));
}

function assignment({ access, show: kind }: RandomLeaf, low: bigint, high: bigint): string {
  const field = `s->${access}`;
  switch (kind) {
    case 'bool':
      return `${field} = ${low & 1n};`;
    case 'pointer':
      return `${field} = (void *)${low}ull;`;
    case 'wide':
      return `${field} = ((unsigned __int128)${high}ull << 64) | ${low}ull;`;
    // Constants by their bits: BPF has no floating point.
    case 'float':
      return `{ unsigned v = ${(low & 0xffffffffn) % 0x7f800000n}u; __builtin_memcpy((char *)&${field}, &v, 4); }`;
    case 'double':
      return `{ unsigned long long v = ${low % 0x7ff0000000000000n}ull; __builtin_memcpy((char *)&${field}, &v, 8); }`;
    case 'bytes': {
      // Text, its NUL, and nothing behind it: there the old bytes stay.
      const bytes = [...Buffer.from(String(low)).subarray(0, 1 + Number(high % 7n)), 0];
      return bytes
        .map((byte, i) => `if (${i} < sizeof(${field})) ((char *)${field})[${i}] = ${byte};`)
        .join(' ');
    }
    default:
      return `${field} = (long long)${low}ull;`;
  }
}

function bpfSource(structs: readonly RandomStruct[], filled: readonly Assigned[][]): string {
  const definitions = structs.map(
    (struct, i) => `
struct s${i} ${struct.body('')};
struct f${i} { struct s${i} s; unsigned done; };
RINGBUF(print_r${i}, struct f${i}); ARRAY(print_a${i}, struct f${i});
static __always_inline void fill_${i}(struct s${i} *s) {
  for (unsigned i = 0; i < sizeof *s; i++) ((volatile char *)s)[i] = 0xa5;
  ${filled[i]!.map(({ assign }) => assign).join('\n  ')}
}
SEC("tracepoint/syscalls/sys_enter_getpgid") int run_${i}(struct sys_enter *ctx) {
  if ((int)ctx->pid != -(8192 + ${OP})) return 0;
  __u32 zero = 0;
  struct f${i} *f = bpf_map_lookup_elem(&print_a${i}, &zero);
  if (f) { fill_${i}(&f->s); f->done = 1; }
  f = bpf_ringbuf_reserve(&print_r${i}, sizeof *f, 0);
  if (!f) return 0;
  fill_${i}(&f->s); f->done = 1;
  bpf_ringbuf_submit(f, 0);
  return 0;
}`,
  );
  return `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct sys_enter { unsigned long long common; long id; unsigned long pid; };
#define RINGBUF(name, t) struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, t); } name SEC(".maps")
#define ARRAY(name, t) struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, t); } name SEC(".maps")
${TYPES}
${definitions.join('\n')}
`;
}

function nativeSource(structs: readonly RandomStruct[], filled: readonly Assigned[][]): string {
  const functions = structs.map(
    (struct, i) => `
struct s${i} ${struct.body('')};
static void run_${i}(void) {
  static struct s${i} storage, *s = &storage;
  memset(s, 0xa5, sizeof *s);
  ${filled[i]!.map(({ assign }) => assign).join('\n  ')}
  ${filled[i]!.map(({ leaf }) => print(leaf)).join('\n  ')}
}`,
  );
  return `
#include <stdio.h>
#include <string.h>
${TYPES}
static void wide(unsigned __int128 v) { char t[41], *p = t + 40; *p = 0; do { *--p = '0' + (int)(v % 10); v /= 10; } while (v); puts(p); }
static void text(const char *p, size_t n) { for (; n-- && *p; p++) printf("%02x", *(unsigned char *)p); puts(""); }
${functions.join('\n')}
int main(void) { ${structs.map((_, i) => `run_${i}();`).join(' ')} return 0; }
`;
}

function print({ access, show: kind }: RandomLeaf): string {
  const field = `s->${access}`;
  switch (kind) {
    case 'signed':
      return `printf("%lld\\n", (long long)${field});`;
    case 'unsigned':
      return `printf("%llu\\n", (unsigned long long)${field});`;
    case 'bool':
      // As a byte: C may think what it likes of a _Bool that is neither 0 nor 1.
      return `printf("%d\\n", *(unsigned char *)&${field} != 0);`;
    case 'pointer':
      return `printf("0x%lx\\n", (unsigned long)${field});`;
    case 'wide':
      return `wide(${field});`;
    case 'float':
      return `{ float v; memcpy(&v, (char *)&${field}, 4); if (v - v == 0) printf("%.17g\\n", v); else puts("null"); }`;
    case 'double':
      return `{ double v; memcpy(&v, (char *)&${field}, 8); if (v - v == 0) printf("%.17g\\n", v); else puts("null"); }`;
    case 'bytes':
      return `text((char *)${field}, sizeof ${field});`;
  }
}

/** A line of {@link print}: text, where it is text, and a number in the one spelling that JavaScript has. */
function meaning({ show: kind }: RandomLeaf, printed: string): string {
  if (kind === 'bytes')
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(printed, 'hex'));
  return (kind === 'float' || kind === 'double') && printed !== 'null' ? String(Number(printed)) : printed;
}

/** A value of the agent's event, in the same words. */
function show({ path, show: kind }: RandomLeaf, record: Record<string, unknown>): string {
  let value: unknown = record;
  for (const name of path) value = (value as Record<string, unknown>)[name];
  if (typeof value === 'boolean') return String(Number(value));
  const text = String(value);
  return kind === 'bytes' ? text : (ENUM_VALUES[text] ?? text);
}
