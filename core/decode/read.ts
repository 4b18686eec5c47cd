import type { ScalarNode } from '../bpf/index.js';

/**
 * Views on one memory, and scratch for 64-bit reads. Generated code refers to its members as `m.u8` and so on.
 * Records begin at multiples of 8, so a field that is aligned in its record is aligned in memory.
 */
export class Memory {
  u8: Uint8Array = new Uint8Array(0);
  i8: Int8Array = new Int8Array(0);
  u16: Uint16Array = new Uint16Array(0);
  i16: Int16Array = new Int16Array(0);
  u32: Uint32Array = new Uint32Array(0);
  i32: Int32Array = new Int32Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  private memory: ArrayBufferLike | undefined;

  use(memory: ArrayBufferLike): void {
    if (this.memory === memory && this.u8.byteLength === memory.byteLength) return;
    const even = memory.byteLength & ~7;
    this.memory = memory;
    this.u8 = new Uint8Array(memory);
    this.i8 = new Int8Array(memory);
    this.u16 = new Uint16Array(memory, 0, even >> 1);
    this.i16 = new Int16Array(memory, 0, even >> 1);
    this.u32 = new Uint32Array(memory, 0, even >> 2);
    this.i32 = new Int32Array(memory, 0, even >> 2);
    this.view = new DataView(memory);
  }
}

/** Whether a node's value fits a JavaScript number exactly. */
export function isNarrow(node: ScalarNode): boolean {
  if (node.kind === 'int' || node.kind === 'enum' || node.kind === 'bool') {
    return node.bits ? node.bits.width <= 32 : node.size <= 4;
  }
  return node.kind === 'float';
}

/** `o + offset`, or the array index expression of a view of `size`-byte elements. */
function at(o: string, offset: number): string {
  return offset === 0 ? o : `${o}+${offset}`;
}

/** Source of an expression for the unsigned 32 bits at `o + offset` (`o` a multiple of 8 unless `loose`). */
function word(o: string, offset: number, loose: boolean): string {
  if (!loose && offset % 4 === 0) return `u32[(${at(o, offset)})>>>2]`;
  return `view.getUint32(${at(o, offset)},true)`;
}

/**
 * Source of an expression for a narrow value (see {@link isNarrow}) as a number. `loose`: `o` may be any
 * address, as inside an array whose stride is no multiple of 8.
 */
export function readNarrow(node: ScalarNode, o: string, offset: number, loose = false): string {
  if (node.kind === 'float') {
    return node.size === 4
      ? `view.getFloat32(${at(o, offset)},true)`
      : `view.getFloat64(${at(o, offset)},true)`;
  }
  if (node.kind !== 'int' && node.kind !== 'enum' && node.kind !== 'bool')
    throw new Error(`no number: ${node.kind}`);
  const signed = node.kind !== 'bool' && node.signed;
  if (node.bits) return readBits(node.bits.shift, node.bits.width, node.size, signed, o, offset);
  switch (node.size) {
    case 1:
      return `${signed ? 'i8' : 'u8'}[${at(o, offset)}]`;
    case 2:
      if (!loose && offset % 2 === 0) return `${signed ? 'i16' : 'u16'}[(${at(o, offset)})>>>1]`;
      return `view.${signed ? 'getInt16' : 'getUint16'}(${at(o, offset)},true)`;
    case 4:
      if (!loose && offset % 4 === 0) return `${signed ? 'i32' : 'u32'}[(${at(o, offset)})>>>2]`;
      return `view.${signed ? 'getInt32' : 'getUint32'}(${at(o, offset)},true)`;
    default:
      throw new Error(`no narrow integer of ${node.size} bytes`);
  }
}

/** Bits `shift`… of up to 5 bytes, as a number of at most 32 bits. */
function readBits(
  shift: number,
  width: number,
  size: number,
  signed: boolean,
  o: string,
  offset: number,
): string {
  const bytes = Math.ceil((shift + width) / 8);
  const parts: string[] = [];
  for (let i = 0; i < Math.min(bytes, 4, size); i++)
    parts.push(i === 0 ? `u8[${at(o, offset)}]` : `u8[${at(o, offset + i)}]<<${8 * i}`);
  let value = `(${parts.join('|')})>>>${shift}`;
  if (bytes > 4) value = `(${value}|u8[${at(o, offset + 4)}]<<${32 - shift})>>>0`;
  const left = 32 - width;
  if (signed) return `((${value})<<${left}>>${left})`;
  return left === 0 ? `((${value})>>>0)` : `((${value})<<${left}>>>${left})`;
}

/** Source of statements that set `lo` and `hi` (both unsigned 32 bits) to a 64-bit value, sign-extended if signed. */
export function readWide(node: ScalarNode, o: string, offset: number, loose = false): string {
  if (node.kind === 'pointer') return `lo=${word(o, offset, loose)};hi=${word(o, offset + 4, loose)};`;
  if (node.kind !== 'int' && node.kind !== 'enum') throw new Error(`no 64-bit value: ${node.kind}`);
  if (!node.bits) return `lo=${word(o, offset, loose)};hi=${word(o, offset + 4, loose)};`;
  const { shift, width } = node.bits;
  const byte = (i: number): string => (i < node.size ? `u8[${at(o, offset + i)}]` : '0');
  const low = `(${byte(0)}|${byte(1)}<<8|${byte(2)}<<16|${byte(3)}<<24)>>>0`;
  const high = `(${byte(4)}|${byte(5)}<<8|${byte(6)}<<16|${byte(7)}<<24)>>>0`;
  let source = `lo=${low};hi=${high};`;
  if (shift > 0)
    source += `lo=((lo>>>${shift})|(hi<<${32 - shift}))>>>0;hi=((hi>>>${shift})|(${byte(8)}<<${32 - shift}))>>>0;`;
  const left = 64 - width;
  if (left > 0) source += node.signed ? `hi=(hi<<${left}>>${left})>>>0;` : `hi=(hi<<${left}>>>${left})>>>0;`;
  return source;
}

export function isSigned(node: ScalarNode): boolean {
  return (node.kind === 'int' || node.kind === 'enum') && node.signed;
}
