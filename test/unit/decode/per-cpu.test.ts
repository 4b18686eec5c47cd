import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LayoutNode } from '../../../core/bpf/index.js';
import { entryLayout } from '../../../core/decode/index.js';
import { sumPerCpu } from '../../../core/decode/per-cpu.js';
import { randomBytes, randomLayout } from './random-layout.js';

const int = (size: number, signed = false): LayoutNode => ({ kind: 'int', size, signed });

/** One entry of a u32 key, and the values of each CPU. */
function summed(node: LayoutNode, size: number, values: readonly Uint8Array[]): Uint8Array {
  const padded = (size + 7) & ~7;
  const memory = new Uint8Array(8 + padded * values.length);
  values.forEach((value, cpu) => {
    memory.set(value, 8 + cpu * padded);
  });
  const layout = entryLayout({ typeName: 'u32', size: 4, root: int(4) }, { typeName: 'v', size, root: node });
  return new Uint8Array(sumPerCpu(layout, 4, size, values.length)(memory.buffer, 1)).subarray(8, 8 + size);
}

function little(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function big(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

describe('values of a per-CPU map', () => {
  it('are added over the CPUs, whatever their size, wrapping at it', () => {
    const numbers = fc.integer({ min: 1, max: 16 }).chain((size) =>
      fc.record({
        size: fc.constant(size),
        values: fc.array(fc.bigInt({ min: 0n, max: 2n ** BigInt(8 * size) - 1n }), {
          minLength: 1,
          maxLength: 4,
        }),
      }),
    );
    fc.assert(
      fc.property(numbers, ({ size, values }) => {
        const sum = values.reduce((a, b) => a + b);
        const result = summed(
          int(size),
          size,
          values.map((value) => little(value, size)),
        );
        expect(big(result)).toBe(BigInt.asUintN(8 * size, sum));
      }),
    );
  });

  it('add bit fields, and leave their neighbours alone', () => {
    const node: LayoutNode = {
      kind: 'struct',
      size: 2,
      members: [
        { name: 'a', offset: 0, node: { kind: 'int', size: 1, signed: false, bits: { shift: 0, width: 4 } } },
        { name: 'b', offset: 0, node: { kind: 'int', size: 2, signed: false, bits: { shift: 4, width: 9 } } },
      ],
    };
    const value = (a: number, b: number) => little(BigInt(a | (b << 4)), 2);
    expect(big(summed(node, 2, [value(15, 300), value(2, 300)]))).toBe(BigInt(1 | ((600 & 511) << 4)));
  });

  it('of a union count once', () => {
    const node: LayoutNode = {
      kind: 'union',
      size: 8,
      members: [
        { name: 'low', offset: 0, node: int(4) },
        { name: 'all', offset: 0, node: int(8) },
      ],
    };
    expect(big(summed(node, 8, [little(2n ** 32n - 1n, 8), little(1n, 8)]))).toBe(2n ** 32n);
  });

  it('of 5,000 bytes are added one by one', () => {
    const node: LayoutNode = { kind: 'array', length: 5000, stride: 1, element: int(1) };
    const result = summed(node, 5000, [new Uint8Array(5000).fill(200), new Uint8Array(5000).fill(57)]);
    expect(result.every((byte) => byte === 1)).toBe(true);
  });

  it('that are text or an enum are those of the first CPU', () => {
    const node: LayoutNode = {
      kind: 'struct',
      size: 8,
      members: [
        { name: 'comm', offset: 0, node: { kind: 'string', size: 4 } },
        { name: 'mode', offset: 4, node: { kind: 'enum', size: 4, signed: false, names: {} } },
      ],
    };
    const first = Uint8Array.of(97, 98, 0, 1, 3, 0, 0, 0);
    expect([...summed(node, 8, [first, Uint8Array.of(99, 99, 99, 99, 9, 9, 9, 9)])]).toEqual([...first]);
  });

  it('never fail, whatever the type', () => {
    fc.assert(
      fc.property(
        randomLayout.chain((layout) =>
          fc.record({
            layout: fc.constant(layout),
            values: fc.array(randomBytes(layout.size), { minLength: 1, maxLength: 3 }),
          }),
        ),
        ({ layout, values }) => {
          const result = summed(layout.root, layout.size, values);
          expect(result.length).toBe(layout.size);
          if (values.length === 1) expect(Buffer.compare(result, values[0]!)).toBe(0);
        },
      ),
    );
  });
});
