import type { FloatNode, IntNode, Layout, LayoutNode } from '../bpf/index.js';
import { isStruct } from './leaves.js';

type Addend = IntNode | FloatNode;
/** Adds the numbers at `source` to those at `target`, offsets of a CPU's value. */
type Add = (view: DataView, target: number, source: number) => void;

/**
 * Turns entries of a per-CPU map (`[key][value × cpus]`, each padded to 8) into plain entries, in place at the
 * start of the same buffer: numbers are added over the CPUs, wrapping at their width; everything else is the
 * first CPU's. Of a union the largest member counts, so that no byte is added twice.
 */
export function sumPerCpu(
  record: Layout,
  keySize: number,
  valueSize: number,
  cpus: number,
): (bytes: ArrayBuffer, count: number) => ArrayBuffer {
  const key = (keySize + 7) & ~7;
  const value = (valueSize + 7) & ~7;
  const add = adderOf(entryValue(record), 0);
  return (bytes, count) => {
    const view = new DataView(bytes);
    const u8 = new Uint8Array(bytes);
    const from = key + value * cpus;
    const to = key + value;
    for (let i = 0; i < count; i++) {
      const first = i * from + key;
      for (let cpu = 1; cpu < cpus; cpu++) add?.(view, first, first + cpu * value);
      u8.copyWithin(i * to, i * from, i * from + to);
    }
    return bytes;
  };
}

function entryValue({ root }: Layout): LayoutNode {
  const member = isStruct(root) ? root.members.find(({ name }) => name === 'value') : undefined;
  if (!member) throw new Error('no layout of an entry');
  return member.node;
}

/** Undefined: there is no number in it. */
function adderOf(node: LayoutNode, at: number): Add | undefined {
  if (isStruct(node)) {
    const members = node.kind === 'union' ? largest(node.members) : node.members;
    const adders = members
      .map((member) => adderOf(member.node, at + member.offset))
      .filter((add) => add !== undefined);
    if (adders.length < 2) return adders[0];
    return (view, target, source) => {
      for (const add of adders) add(view, target, source);
    };
  }
  if (node.kind === 'array') {
    const { length, stride } = node;
    const add = adderOf(node.element, at);
    return (
      add &&
      ((view, target, source) => {
        for (let i = 0; i < length; i++) add(view, target + i * stride, source + i * stride);
      })
    );
  }
  return node.kind === 'int' || node.kind === 'float' ? adder(node, at) : undefined;
}

function largest<M extends { readonly node: LayoutNode }>(members: readonly M[]): M[] {
  const size = ({ node }: M): number => (node.kind === 'array' ? node.length * node.stride : node.size);
  const isNumber = ({ node }: M): boolean => node.kind === 'int' || node.kind === 'float';
  return members
    .toSorted((a, b) => size(b) - size(a) || Number(isNumber(b)) - Number(isNumber(a)))
    .slice(0, 1);
}

function adder(node: Addend, at: number): Add {
  if (node.kind === 'float') {
    return node.size === 4
      ? (view, a, b) =>
          view.setFloat32(a + at, view.getFloat32(a + at, true) + view.getFloat32(b + at, true), true)
      : (view, a, b) =>
          view.setFloat64(a + at, view.getFloat64(a + at, true) + view.getFloat64(b + at, true), true);
  }
  if (node.bits) return bitsAdder(node.size, node.bits.shift, node.bits.width, at);
  switch (node.size) {
    case 1:
      return (view, a, b) => view.setUint8(a + at, view.getUint8(a + at) + view.getUint8(b + at));
    case 2:
      return (view, a, b) =>
        view.setUint16(a + at, view.getUint16(a + at, true) + view.getUint16(b + at, true), true);
    case 4:
      return (view, a, b) =>
        view.setUint32(a + at, view.getUint32(a + at, true) + view.getUint32(b + at, true), true);
    case 8:
      return (view, a, b) =>
        view.setBigUint64(a + at, view.getBigUint64(a + at, true) + view.getBigUint64(b + at, true), true);
    default:
      return bitsAdder(node.size, 0, node.size * 8, at);
  }
}

/** Integers of other sizes, and bit fields, whose neighbours in the same bytes stay as they are. */
function bitsAdder(size: number, shift: number, width: number, at: number): Add {
  const mask = ((1n << BigInt(width)) - 1n) << BigInt(shift);
  const read = (view: DataView, start: number): bigint => {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(start + i));
    return value;
  };
  return (view, a, b) => {
    const old = read(view, a + at);
    let sum = (old & ~mask) | (((old & mask) + (read(view, b + at) & mask)) & mask);
    for (let i = 0; i < size; i++) {
      view.setUint8(a + at + i, Number(sum & 0xffn));
      sum >>= 8n;
    }
  };
}
