import type { Layout } from '../bpf/index.js';
import { DecodeError } from './error.js';
import { leafAt, scalarLeaves } from './leaves.js';

/**
 * Turns entries of a per-CPU map (`[key][value × cpus]`, each padded to 8) into plain entries, in place at the
 * start of the same buffer: numbers are added over the CPUs, wrapping at their width; everything else is the
 * first CPU's.
 */
export function sumPerCpu(
  record: Layout,
  keySize: number,
  valueSize: number,
  cpus: number,
): (bytes: ArrayBuffer, count: number) => ArrayBuffer {
  const key = (keySize + 7) & ~7;
  const value = (valueSize + 7) & ~7;
  const numbers = scalarLeaves(record).filter(
    (leaf) => leaf.path[0] === 'value' && (leaf.node.kind === 'int' || leaf.node.kind === 'float'),
  );
  for (const { path } of numbers) leafAt(record, path);
  const adders = numbers.map(({ node, offset }) => adder(node as Addend, offset - key));
  return (bytes, count) => {
    const view = new DataView(bytes);
    const u8 = new Uint8Array(bytes);
    const from = key + value * cpus;
    const to = key + value;
    for (let i = 0; i < count; i++) {
      const first = i * from + key;
      for (let cpu = 1; cpu < cpus; cpu++) for (const add of adders) add(view, first, first + cpu * value);
      u8.copyWithin(i * to, i * from, i * from + to);
    }
    return bytes;
  };
}

type Addend = { readonly kind: 'int' | 'float'; readonly size: number; readonly bits?: unknown };
type Add = (view: DataView, target: number, source: number) => void;

function adder(node: Addend, at: number): Add {
  if (node.kind === 'float') {
    return node.size === 4
      ? (view, a, b) =>
          view.setFloat32(a + at, view.getFloat32(a + at, true) + view.getFloat32(b + at, true), true)
      : (view, a, b) =>
          view.setFloat64(a + at, view.getFloat64(a + at, true) + view.getFloat64(b + at, true), true);
  }
  if (node.bits) return () => {};
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
    case 16:
      return () => {};
    default:
      throw new DecodeError('LAYOUT', `integers of ${node.size} bytes cannot be added over CPUs`);
  }
}
