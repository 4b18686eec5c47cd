import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Layout, LayoutNode } from '../../../core/bpf/index.js';
import { fieldsOf } from '../../../core/cli/summary/fields.js';
import { encodeRecord, readRecord, summarise } from '../../../core/cli/summary/index.js';
import { paramValue } from '../../../core/cli/summary/param-value.js';
import { ImageStore, parseReference, readProbe } from '../../../core/oci/index.js';

const store = fileURLToPath(new URL('../../fixtures/bumblebee/store', import.meta.url));
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe('the record of an object', () => {
  it('is read back as it was written', async () => {
    const probe = await readProbe(new ImageStore(store), parseReference('localhost:5000/fixtures/execs:v1'));
    const summary = summarise(probe!.program);
    expect(summary.maps).toHaveLength(3);
    expect(readRecord(bytesOf(encodeRecord(summary)))).toEqual(summary);
  });

  it.each([
    ['{} of BumbleBee', {}],
    ['of a later format', { formatVersion: 2, programs: [] }],
    ['with a part missing', { formatVersion: 1, license: '', programs: [], maps: [], params: [] }],
    ['with a hostile part', { formatVersion: 1, license: { toString: 1 } }],
    ['a list', []],
    ['null', null],
  ])('is none when the config is %s', (_name, value) => {
    expect(readRecord(bytesOf(value))).toBeUndefined();
  });

  it('is none when the config is no JSON, or no text', () => {
    expect(readRecord(new TextEncoder().encode('{"formatVersion":1'))).toBeUndefined();
    expect(readRecord(new Uint8Array([0xff, 0xfe, 0x7b]))).toBeUndefined();
  });

  it('is left out when it would be too long', () => {
    const maps = Array.from({ length: 10_000 }, (_, n) => ({
      name: `map_${n}_${'x'.repeat(50)}`,
      kind: 'none' as const,
      type: 'hash',
      maxEntries: 1,
    }));
    expect(encodeRecord({ license: '', programs: [], maps, params: [], requirements: [] })).toEqual({});
  });
});

const layout = (root: LayoutNode): Layout => ({ typeName: 'struct t', size: 0, root });
const u32: LayoutNode = { kind: 'int', size: 4, signed: false };

describe('fields', () => {
  it('are named by their path, arrays of values kept together', () => {
    const inner: LayoutNode = { kind: 'struct', size: 8, members: [{ name: 'port', offset: 0, node: u32 }] };
    const members: [string, LayoutNode][] = [
      ['comm', { kind: 'string', size: 16 }],
      ['addr', inner],
      [
        'slots',
        {
          kind: 'array',
          length: 3,
          stride: 8,
          element: { kind: 'array', length: 2, stride: 4, element: u32 },
        },
      ],
      ['list', { kind: 'array', length: 4, stride: 8, element: inner }],
      ['took', { kind: 'int', size: 8, signed: false, format: 'duration' }],
      ['flags', { kind: 'int', size: 1, signed: false, bits: { shift: 1, width: 3 } }],
      ['from', { kind: 'address', family: 'ipv6', size: 16 }],
    ];
    const node: LayoutNode = {
      kind: 'struct',
      size: 0,
      members: members.map(([name, one]) => ({ name, offset: 0, node: one })),
    };
    expect(fieldsOf(layout(node)).map(({ name, type }) => `${name} ${type}`)).toEqual([
      'comm char[16]',
      'addr.port u32',
      'slots u32[3][2]',
      'list[].port u32',
      'took duration',
      'flags u8:3',
      'from ipv6_addr',
    ]);
  });
});

describe("a parameter's default", () => {
  it.each<[string, LayoutNode, number[], unknown]>([
    ['unsigned', u32, [0xff, 0xff, 0xff, 0xff], 4_294_967_295],
    ['signed', { kind: 'int', size: 4, signed: true }, [0xfe, 0xff, 0xff, 0xff], -2],
    ['beyond 2^53', { kind: 'int', size: 8, signed: false }, Array(8).fill(0xff), '18446744073709551615'],
    ['bool', { kind: 'bool', size: 1 }, [2], true],
    ['text', { kind: 'string', size: 4 }, [0x61, 0, 0x62, 0], 'a'],
    ['enum', { kind: 'enum', size: 4, signed: false, names: { '1': 'ONE' } }, [1, 0, 0, 0], 'ONE'],
    ['unknown enum', { kind: 'enum', size: 4, signed: false, names: { '1': 'ONE' } }, [2, 0, 0, 0], 2],
    ['IPv4', { kind: 'address', family: 'ipv4', size: 4 }, [10, 0, 0, 1], '10.0.0.1'],
    ['IPv6', { kind: 'address', family: 'ipv6', size: 16 }, [...Array(15).fill(0), 1], '::1'],
    ['MAC', { kind: 'address', family: 'mac', size: 6 }, [2, 0, 0, 0, 0, 255], '02:00:00:00:00:ff'],
    ['float', { kind: 'float', size: 4 }, [0, 0, 0xc0, 0x3f], 1.5],
    ['array', { kind: 'array', length: 1, stride: 4, element: u32 }, [1, 0, 0, 0], undefined],
  ])('of %s', (_name, node, bytes, expected) => {
    expect(paramValue(node, new Uint8Array(bytes))).toBe(expected);
  });
});

describe('bytes that are no object', () => {
  it('are refused', () => {
    expect(() => summarise(readFileSync(fileURLToPath(import.meta.url)))).toThrow('not an ELF file');
  });
});
