import type { ScalarNode } from '../bpf/index.js';
import type { Place } from './place.js';

/**
 * Source text that reads scalars. Byte reads where a field is not aligned, views otherwise; every expression is
 * made of numbers and the names of `place.ts` only.
 */

/** Numbers: integers, enums, pointers, floats and booleans. */
export type NumericNode = Extract<ScalarNode, { kind: 'int' | 'enum' | 'pointer' | 'float' | 'bool' }>;
export type IntegerNode = Extract<ScalarNode, { kind: 'int' | 'enum' | 'pointer' }>;

export function isInteger(node: ScalarNode): node is IntegerNode {
  return node.kind === 'int' || node.kind === 'enum' || node.kind === 'pointer';
}

/** Significant bits. */
export function widthOf(node: IntegerNode): number {
  return node.kind !== 'pointer' && node.bits ? node.bits.width : node.size * 8;
}

export function isSigned(node: IntegerNode): boolean {
  return node.kind !== 'pointer' && node.signed;
}

/** Low `count` bytes (1 to 4) as an int32; upper bits are 0 where there are fewer than 4. */
export function wordAt(place: Place, count: number): string {
  if (count === 4 && place.isAligned(4)) return `i32[${place.index(4)}]`;
  if (count === 2 && place.isAligned(2)) return `u16[${place.index(2)}]`;
  const bytes = Array.from(
    { length: count },
    (_, i) => `u8[${place.plus(i).index(1)}]${i ? ` << ${i * 8}` : ''}`,
  );
  return bytes.length === 1 ? bytes[0]! : `(${bytes.join(' | ')})`;
}

/** An integer of up to 32 bits as a number. */
export function smallAt(node: IntegerNode, place: Place): string {
  const width = widthOf(node);
  const signed = isSigned(node);
  const shift = node.kind !== 'pointer' && node.bits ? node.bits.shift : 0;
  if (shift === 0 && width === node.size * 8) {
    if (width === 8) return `${signed ? 'i8' : 'u8'}[${place.index(1)}]`;
    if (width === 16 && place.isAligned(2)) return `${signed ? 'i16' : 'u16'}[${place.index(2)}]`;
    if (width === 32 && place.isAligned(4)) return `${signed ? 'i32' : 'u32'}[${place.index(4)}]`;
  }
  return extend(fieldBits(place, shift, width), width, signed);
}

/** An integer of 33 to 64 bits: value = hi × 2^32 + lo, `lo` unsigned, `hi` signed as the integer is. */
export function halvesAt(node: IntegerNode, place: Place): { lo: string; hi: string } {
  const width = widthOf(node);
  const signed = isSigned(node);
  const shift = node.kind !== 'pointer' && node.bits ? node.bits.shift : 0;
  if (shift === 0 && width === 64 && place.isAligned(4)) {
    const hi = place.plus(4).index(4);
    return { lo: `u32[${place.index(4)}]`, hi: `${signed ? 'i32' : 'u32'}[${hi}]` };
  }
  return {
    lo: `(${fieldBits(place, shift, 32)} >>> 0)`,
    hi: extend(fieldBits(place.plus(4), shift, width - 32), width - 32, signed),
  };
}

/** Any integer of up to 64 bits as the halves of its value. */
export function anyHalvesAt(node: IntegerNode, place: Place): { lo: string; hi: string } {
  if (widthOf(node) > 32) return halvesAt(node, place);
  const small = smallAt(node, place);
  return { lo: `(${small} >>> 0)`, hi: isSigned(node) ? `(${small} >> 31)` : '0' };
}

/** An integer wider than 64 bits as a bigint. Needs the helper `huge`. */
export function hugeAt(node: IntegerNode, place: Place): string {
  return `huge(u8, ${place.index(1)}, ${node.size}, ${isSigned(node)})`;
}

export function boolAt(node: Extract<ScalarNode, { kind: 'bool' }>, place: Place): string {
  if (node.bits) {
    const { shift, width } = node.bits;
    const low = fieldBits(place, shift, Math.min(width, 32));
    return `((${width > 32 ? `${low} | ${fieldBits(place.plus(4), shift, width - 32)}` : low}) !== 0)`;
  }
  const bytes = Array.from({ length: node.size }, (_, i) => `u8[${place.plus(i).index(1)}]`);
  return `((${bytes.join(' | ')}) !== 0)`;
}

export function floatAt(node: Extract<ScalarNode, { kind: 'float' }>, place: Place): string {
  if (place.isAligned(node.size)) return `f${node.size * 8}[${place.index(node.size)}]`;
  return `float(u8, ${place.index(1)}, ${node.size})`;
}

/** A number as a double: exact up to 2^53, rounded beyond. */
export function doubleAt(node: NumericNode, place: Place): string {
  if (node.kind === 'float') return floatAt(node, place);
  if (node.kind === 'bool') return `(${boolAt(node, place)} ? 1 : 0)`;
  const width = widthOf(node);
  if (width <= 32) return smallAt(node, place);
  if (width > 64) return `Number(${hugeAt(node, place)})`;
  const { lo, hi } = halvesAt(node, place);
  return `(${hi} * 4294967296 + ${lo})`;
}

/** `width` (1 to 32) bits, `shift` (0 to 7) above bit 0 of the byte at `place`, as an int32 without extension. */
function fieldBits(place: Place, shift: number, width: number): string {
  const bytes = Math.ceil((shift + width) / 8);
  let word = wordAt(place, Math.min(bytes, 4));
  if (shift > 0) word = `(${word} >>> ${shift})`;
  if (bytes > 4) word = `(${word} | u8[${place.plus(4).index(1)}] << ${32 - shift})`;
  const isWhole = width === 32 || (shift === 0 && width === bytes * 8);
  return isWhole ? word : `(${word} & ${2 ** width - 1})`;
}

function extend(word: string, width: number, signed: boolean): string {
  if (width === 32) return signed ? `(${word} | 0)` : `(${word} >>> 0)`;
  return signed ? `(${word} << ${32 - width} >> ${32 - width})` : word;
}

/** Behind `huge` in generated code. */
export function huge(bytes: Uint8Array, at: number, size: number, signed: boolean): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
  return signed ? BigInt.asIntN(size * 8, value) : value;
}

const scratch = new DataView(new ArrayBuffer(8));

/** Behind `float` in generated code: a float that is not aligned. */
export function float(bytes: Uint8Array, at: number, size: number): number {
  for (let i = 0; i < size; i++) scratch.setUint8(i, bytes[at + i]!);
  return size === 4 ? scratch.getFloat32(0, true) : scratch.getFloat64(0, true);
}
