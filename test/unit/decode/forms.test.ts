import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Layout, parseObject, type ScalarNode } from '../../../core/bpf/index.js';
import { compilePlan, scalarLeaves } from '../../../core/decode/index.js';
import { EventBatch } from '../../../plugins/sdk/index.js';
import { compileBpf, PRELUDE, runNative } from '../../support/c-source.js';
import {
  RANDOM_TYPES,
  type RandomLeaf,
  type RandomStruct,
  randomStruct,
} from '../../support/random-struct.js';
import { randomBytes, randomLayout } from './random-layout.js';
import { NO_OFFSET, planOf, recordSet } from './records.js';
import { referenceJson, scalarText } from './reference.js';

const TIME = 1_700_000_000_123_456_789n;
const HEAD = '{"timestamp":"2023-11-14T22:13:20.123456789Z","probe":"p","map":"m","data":';

const layoutAndRecords = randomLayout.chain((layout) =>
  fc.record({
    layout: fc.constant(layout),
    records: fc.array(randomBytes(layout.size), { minLength: 1, maxLength: 6 }),
  }),
);

/** So many members of one kind, each in eight bytes. */
function layoutOf(node: ScalarNode, length: number): Layout {
  const members = Array.from({ length }, (_, i) => ({ name: `m${i}`, offset: 8 * i, node }));
  return { typeName: 'struct s', size: 8 * length, root: { kind: 'struct', size: 8 * length, members } };
}

/** A row's data with the digits of its bigints, as the lines have them. */
function rowText(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (Array.isArray(value)) return `[${value.map(rowText).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, field]) => `${JSON.stringify(key)}:${rowText(field)}`)
      .join(',')}}`;
  return JSON.stringify(value);
}

/** Parsed, with numbers as text, so that no digit is lost. */
const exact = (json: string): { readonly [key: string]: unknown } =>
  JSON.parse(
    json.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) => (token[0] === '"' ? token : `"${token}"`)),
  );

describe('the three forms of a record', () => {
  it('say what a slow reader of the layout says, over random layouts and bytes', () => {
    fc.assert(
      fc.property(layoutAndRecords, ({ layout, records }) => {
        const decoder = compilePlan(planOf(layout, { ndjson: true, columns: 'rendered' }));
        const output = decoder.decode(recordSet(records), NO_OFFSET, TIME);
        const expected = records.map((bytes) => referenceJson(layout.root, bytes, 0));
        const lines = Buffer.from(output.ndjson!).toString().split('\n').slice(0, -1);
        expect(lines).toEqual(expected.map((text) => `${HEAD}${text}}`));
        for (const line of lines) JSON.parse(line);
        const ends = [...output.lineEnds!];
        expect(ends.map((end, i) => end - (ends[i - 1] ?? 0))).toEqual(
          lines.map((line) => Buffer.byteLength(line) + 1),
        );
        const raw = compilePlan(planOf(layout, { columns: 'raw' }));
        for (const { columns } of [output, raw.decode(recordSet(records), NO_OFFSET, TIME)]) {
          const batch = new EventBatch(
            { probe: 'p', map: 'm', labels: {}, count: records.length, columns: columns! },
            { forms: ['rows'], sink: 'test', numbers: 'bigint' },
          );
          const rows = [...batch.rows()].map((row) => rowText(row.data));
          expect(rows.map(exact)).toEqual(expected.map(exact));
        }
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 1500) },
    );
  }, 120_000);

  it('have the same digits in a record of few numbers and in one of very many, around powers of ten and of two', () => {
    const nodes: ScalarNode[] = [{ kind: 'address', family: 'ipv4', size: 4 }];
    for (const size of [1, 2, 4, 8])
      for (const signed of [false, true]) nodes.push({ kind: 'int', size, signed });
    const powers = [...Array(20).keys()]
      .map((n) => 10n ** BigInt(n))
      .concat([...Array(65).keys()].map((n) => 2n ** BigInt(n)));
    const values = powers.flatMap((n) => [n - 1n, n, n + 1n, -n]);
    for (const node of nodes) {
      for (const members of [1, 300]) {
        const layout = layoutOf(node, members);
        const records = values.map((value) => {
          const words = new BigInt64Array(members).fill(BigInt.asIntN(64, value));
          return new Uint8Array(words.buffer);
        });
        const decoder = compilePlan(planOf(layout, { ndjson: true }));
        const lines = Buffer.from(decoder.decode(recordSet(records), NO_OFFSET, TIME).ndjson!).toString();
        const expected = records.map((bytes) => `${HEAD}${referenceJson(layout.root, bytes, 0)}}\n`);
        expect(lines).toBe(expected.join(''));
      }
    }
  });

  it('are written to the buffer of an earlier batch of as many records', () => {
    const layout = layoutOf({ kind: 'int', size: 8, signed: false }, 1);
    for (const count of [1_000, 3_000, 9_000, 20_000]) {
      const decoder = compilePlan(planOf(layout, { ndjson: true }));
      const records = recordSet(Array.from({ length: count }, () => Buffer.alloc(8, 7)));
      let { buffer } = decoder.decode(records, NO_OFFSET, TIME).ndjson!;
      const buffers: ArrayBufferLike[] = [];
      for (let batch = 0; batch < 5; batch++) {
        const spares = { lines: buffer as ArrayBuffer, columns: null, groups: null };
        ({ buffer } = decoder.decode(records, NO_OFFSET, TIME, spares).ndjson!);
        buffers.push(buffer);
      }
      expect(new Set(buffers.slice(1)).size, `${count} records`).toBe(1);
    }
  });

  it('group by what labels show: one series for all that render alike, and their counts', () => {
    fc.assert(
      fc.property(layoutAndRecords, fc.nat(2), ({ layout, records }, repeat) => {
        const leaves = scalarLeaves(layout);
        const decoder = compilePlan(
          planOf(layout, {
            group: {
              kind: 'counter',
              labels: leaves.map(({ path }, i) => ({ name: `l${i}`, path })),
              values: [],
              maxSeries: 1000,
            },
          }),
        );
        const expected = new Map<string, number>();
        const counted = new Map<string, number>();
        const labelsOf = new Map<number, string>();
        for (let round = 0; round <= repeat; round++) {
          for (const bytes of records) {
            const key = JSON.stringify(leaves.map(({ node, offset }) => scalarText(node, bytes, offset)));
            expected.set(key, (expected.get(key) ?? 0) + 1);
          }
          // What lies behind and between records must not matter: another filling each round.
          const { groups } = decoder.decode(recordSet(records, 0x11 * round), NO_OFFSET, TIME);
          groups!.newIds.forEach((id, i) => {
            expect(labelsOf.has(id)).toBe(false);
            labelsOf.set(id, JSON.stringify(groups!.newLabels[i]));
          });
          groups!.ids.forEach((id, i) => {
            const key = labelsOf.get(id)!;
            counted.set(key, (counted.get(key) ?? 0) + Number(groups!.values[0]![i]));
          });
        }
        expect(new Map([...counted].sort())).toEqual(new Map([...expected].sort()));
        expect(new Set(labelsOf.values()).size).toBe(labelsOf.size);
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 1500) },
    );
  }, 120_000);

  it('count records that are too short and leave them out; what is too long is cut', () => {
    const layout = {
      typeName: 'struct s',
      size: 4,
      root: {
        kind: 'struct' as const,
        size: 4,
        members: [{ name: 'a', offset: 0, node: { kind: 'int' as const, size: 4, signed: false } }],
      },
    };
    const decoder = compilePlan(planOf(layout, { ndjson: true }));
    const records = [[1, 0, 0, 0], [2, 0, 0], [], [3, 0, 0, 0, 9, 9, 9, 9, 9]];
    const output = decoder.decode(recordSet(records.map((one) => Uint8Array.from(one))), NO_OFFSET, TIME);
    expect(output).toMatchObject({ events: 2, malformed: 2, filtered: 0 });
    expect(Buffer.from(output.ndjson!).toString()).toBe(`${HEAD}{"a":1}}\n${HEAD}{"a":3}}\n`);
  });
});

describe('records whose values C printed', () => {
  it.each([11, 12, 13, 14])('are decoded to what C saw in each field, seed %i', (seed) => {
    const structs = fc.sample(randomStruct(), { seed, numRuns: 60 });
    const spec = parseObject(
      compileBpf(
        PRELUDE +
          RANDOM_TYPES +
          structs
            .map(
              (struct, i) =>
                `struct s${i} ${struct.body('')};\nstruct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct s${i}); } map_${i} SEC(".maps");`,
            )
            .join('\n'),
      ),
    );
    const lines = runNative(nativeSource(structs, seed)).trimEnd().split('\n');
    let compared = 0;
    for (const [i, struct] of structs.entries()) {
      const layout = spec.maps.find((map) => map.name === `map_${i}`)!.value!;
      const bytes = Uint8Array.from(Buffer.from(lines.shift() ?? '', 'hex'));
      const decoder = compilePlan(planOf(layout, { ndjson: true }));
      const { ndjson } = decoder.decode(recordSet([bytes]), NO_OFFSET, TIME);
      const { data } = exact(Buffer.from(ndjson!).toString());
      for (const leaf of struct.leaves('')) {
        const expected = lines.shift();
        if (leaf.show === 'bytes' || leaf.show === 'float' || leaf.show === 'double') continue;
        let value: unknown = data;
        for (const name of leaf.path) value = (value as Record<string, unknown>)[name];
        // C sees a number in a _Bool of one bit.
        if (leaf.show === 'unsigned' && typeof value === 'boolean') value = Number(value);
        // Names of enums are compared by value elsewhere.
        if (typeof value === 'string' && /^[SPQR]_/.test(value)) continue;
        expect(`${leaf.access} = ${value}`, `struct ${struct.body('')}`).toBe(`${leaf.access} = ${expected}`);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });
});

function nativeSource(structs: readonly RandomStruct[], seed: number): string {
  return `
#include <stdio.h>
#include <string.h>
#include <math.h>
${RANDOM_TYPES}
static unsigned long state = ${seed};
static void fill(void *p, size_t n) { for (unsigned char *c = p; n--; c++) { state = state * 6364136223846793005ul + 1; *c = state >> 56; } }
static void wide(unsigned __int128 v) { char t[41], *p = t + 40; *p = 0; do { *--p = '0' + (int)(v % 10); v /= 10; } while (v); puts(p); }
${structs
  .map(
    (struct, i) => `struct s${i} ${struct.body('')};
static void run_${i}(void) {
  static struct s${i} s; fill(&s, sizeof s);
  for (size_t i = 0; i < sizeof s; i++) printf("%02x", ((unsigned char *)&s)[i]); puts("");
  ${struct.leaves('').map(print).join('\n  ')}
}`,
  )
  .join('\n')}
int main(void) { ${structs.map((_, i) => `run_${i}();`).join(' ')} return 0; }
`;
}

/** As JSON has it; floats are checked by the layout's own oracle, bit by bit. */
function print({ access, show }: RandomLeaf): string {
  const field = `s.${access}`;
  switch (show) {
    case 'signed':
      return `printf("%lld\\n", (long long)${field});`;
    case 'unsigned':
      return `printf("%llu\\n", (unsigned long long)${field});`;
    case 'bool':
      return `printf("%s\\n", *(unsigned char *)&${field} ? "true" : "false");`;
    case 'pointer':
      return `printf("0x%lx\\n", (unsigned long)${field});`;
    case 'wide':
      return `wide(${field});`;
    default:
      return 'puts("");';
  }
}
