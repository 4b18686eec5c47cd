import type { Column, ColumnSet, NumberColumn, TextColumn } from '../../../plugins/sdk/index.js';
import type { ScalarNode } from '../../bpf/index.js';
import { boolAt, float, floatAt, halvesAt, huge, hugeAt, isSigned, smallAt, widthOf } from '../access.js';
import { ADDRESS_TEXT, writeIpv4, writeIpv6, writeMac } from '../address.js';
import { SLACK, writeBigint } from '../digits.js';
import { type ColumnLeaf, columnLeaves } from '../leaves.js';
import { BASES, Place, VIEWS } from '../place.js';
import type { DecodePlan } from '../plan.js';
import { PLAIN_EXPANSION, writePlainText } from '../text.js';
import { type Halves, timeCode } from '../time.js';
import { LineBuffer } from './line-buffer.js';

/** Columns of the records at `starts[0 … count-1]`, each in memory of its own. */
export type ColumnsForm = (
  memory: ArrayBufferLike,
  starts: Uint32Array,
  count: number,
  base: Halves,
) => ColumnSet;

type ColumnForm = (memory: ArrayBufferLike, starts: Uint32Array, count: number) => Column;
type NumberArray = NumberColumn['values'];

const HELPERS = { writePlainText, writeIpv4, writeIpv6, writeMac, writeBigint, huge, float };
const HELPER_NAMES = Object.keys(HELPERS).join(', ');

/** Generates a function a column: each is one tight loop over the records. */
export function columnsForm(plan: DecodePlan): ColumnsForm {
  const buffer = new LineBuffer();
  const columns = columnLeaves(plan.record).map((leaf) => columnForm(leaf, buffer));
  const stamp = timestampForm(plan);
  return (memory, starts, count, base) => {
    const timestamps = new BigInt64Array(count);
    stamp(memory, starts, count, base, new Int32Array(timestamps.buffer));
    return { rows: count, timestamps, columns: columns.map((column) => column(memory, starts, count)) };
  };
}

function timestampForm(
  plan: DecodePlan,
): (...args: [...Parameters<ColumnsForm>, halves: Int32Array]) => void {
  return new Function(`'use strict';
return function timestamps(memory, starts, count, base, out) {
  ${VIEWS}
  for (let r = 0; r < count; r++) {
    const o = starts[r];
    ${BASES}
    ${timeCode(plan.record, plan.timestamp)}
    out[2 * r] = tl; out[2 * r + 1] = th;
  }
};`)();
}

function columnForm(leaf: ColumnLeaf, buffer: LineBuffer): ColumnForm {
  const { node } = leaf;
  if (node.kind === 'string' || node.kind === 'address') return textForm(leaf, buffer);
  if (node.kind === 'int' && widthOf(node) > 64) return textForm(leaf, buffer);
  return numberForm(leaf, node);
}

function numberForm(leaf: ColumnLeaf, node: Exclude<ScalarNode, { kind: 'string' | 'address' }>): ColumnForm {
  const { path, dims } = leaf;
  const values = valuesPerRecord(dims);
  const { type: ArrayType, isWide } = arrayOf(node);
  const fill: (memory: ArrayBufferLike, starts: Uint32Array, count: number, out: unknown) => void =
    new Function(
      'helpers',
      `'use strict';
const { ${HELPER_NAMES} } = helpers;
return function fill(memory, starts, count, out) {
  ${loop(leaf, (place) => storeCode(node, place, isWide))}
};`,
    )(HELPERS);
  const format = formatOf(node);
  return (memory, starts, count) => {
    const array = new ArrayType(count * values);
    fill(memory, starts, count, isWide ? new Int32Array(array.buffer) : array);
    return {
      kind: 'number',
      path,
      dims,
      values: array,
      ...(format === undefined ? {} : { format }),
      ...(node.kind === 'enum' ? { names: node.names } : {}),
    };
  };
}

function textForm(leaf: ColumnLeaf, buffer: LineBuffer): ColumnForm {
  const { path, dims, node } = leaf;
  const values = valuesPerRecord(dims);
  const room = (node.kind === 'string' ? node.size * PLAIN_EXPANSION : ADDRESS_TEXT) + SLACK;
  const fill: (
    memory: ArrayBufferLike,
    starts: Uint32Array,
    count: number,
    ends: Uint32Array,
    buffer: LineBuffer,
  ) => number = new Function(
    'helpers',
    `'use strict';
const { ${HELPER_NAMES} } = helpers;
return function fill(memory, starts, count, ends, buffer) {
  let out = buffer.out, end = out.byteLength, p = 0;
  ${loop(
    leaf,
    (place) => `if (p + ${room} > end) { out = buffer.grow(p, ${room}); end = out.byteLength; }
    p = ${textCode(node, place)};
    ends[++n] = p;`,
  )}
  return p;
};`,
  )(HELPERS);
  const format: TextColumn['format'] | undefined =
    node.kind === 'int' ? 'int' : node.kind === 'address' ? 'address' : undefined;
  return (memory, starts, count) => {
    const offsets = new Uint32Array(count * values + 1);
    const size = fill(memory, starts, count, offsets, buffer);
    const bytes = buffer.take(size);
    return { kind: 'text', path, dims, offsets, bytes, ...(format === undefined ? {} : { format }) };
  };
}

/** Over all records and, inside, over the arrays around the leaf; `n` counts values. */
function loop({ offset, dims, strides }: ColumnLeaf, body: (place: Place) => string): string {
  const place = dims.reduce((inner, _, i) => inner.element(`i${i}`, strides[i]!), new Place(offset));
  const open = dims.map((length, i) => `for (let i${i} = 0; i${i} < ${length}; i${i}++) {`).join(' ');
  return `${VIEWS}
  let n = 0;
  for (let r = 0; r < count; r++) {
    const o = starts[r];
    ${BASES}
    ${open}
    ${body(place)}
    ${'}'.repeat(dims.length)}
  }`;
}

function storeCode(
  node: Exclude<ScalarNode, { kind: 'string' | 'address' }>,
  place: Place,
  isWide: boolean,
): string {
  if (node.kind === 'float') return `out[n++] = ${floatAt(node, place)};`;
  if (node.kind === 'bool') return `out[n++] = ${boolAt(node, place)} ? 1 : 0;`;
  if (!isWide) return `out[n++] = ${smallAt(node, place)};`;
  const { lo, hi } = halvesAt(node, place);
  return `out[n] = ${lo}; out[n + 1] = ${hi}; n += 2;`;
}

function textCode(node: ScalarNode, place: Place): string {
  const at = place.index(1);
  if (node.kind === 'string') return `writePlainText(out, p, u8, ${at}, ${node.size})`;
  if (node.kind === 'int') return `writeBigint(out, p, ${hugeAt(node, place)})`;
  if (node.kind !== 'address') throw new TypeError(`${node.kind} is no text`);
  return `${{ ipv4: 'writeIpv4', ipv6: 'writeIpv6', mac: 'writeMac' }[node.family]}(out, p, u8, ${at})`;
}

function arrayOf(node: Exclude<ScalarNode, { kind: 'string' | 'address' }>): {
  type: new (length: number) => NumberArray;
  isWide: boolean;
} {
  if (node.kind === 'float') return { type: node.size === 4 ? Float32Array : Float64Array, isWide: false };
  if (node.kind === 'bool') return { type: Uint8Array, isWide: false };
  const width = widthOf(node);
  const signed = isSigned(node);
  if (width > 32) return { type: signed ? BigInt64Array : BigUint64Array, isWide: true };
  if (width > 16) return { type: signed ? Int32Array : Uint32Array, isWide: false };
  if (width > 8) return { type: signed ? Int16Array : Uint16Array, isWide: false };
  return { type: signed ? Int8Array : Uint8Array, isWide: false };
}

function formatOf(node: ScalarNode): NumberColumn['format'] | undefined {
  if (node.kind === 'int') return node.format;
  return node.kind === 'bool' || node.kind === 'pointer' || node.kind === 'enum' ? node.kind : undefined;
}

function valuesPerRecord(dims: readonly number[]): number {
  return dims.reduce((product, length) => product * length, 1);
}
