import type { BitField, BoolNode, EnumNode, IntNode, ScalarNode } from '../bpf/index.js';

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

/** An integer of more than 64 bits, which travels as text or bigint. */
export function isHuge(node: ScalarNode): node is IntNode {
  return node.kind === 'int' && !node.bits && node.size > 8;
}

/** Whether a node's value is a number that fits a JavaScript number exactly. */
export function isNarrow(node: ScalarNode): boolean {
  if (node.kind === 'int' || node.kind === 'enum') return node.bits ? node.bits.width <= 32 : node.size <= 4;
  return node.kind === 'float';
}

export function isSigned(node: ScalarNode): boolean {
  return (node.kind === 'int' || node.kind === 'enum') && node.signed;
}

/** Integers whose size no load has (3, 5, 6, 7 bytes) are read as bit fields of that width. */
function bitsOf({ bits, size }: IntNode | EnumNode): BitField | undefined {
  if (bits || size === 1 || size === 2 || size === 4 || size === 8) return bits;
  return { shift: 0, width: size * 8 };
}

function at(o: string, offset: number): string {
  return offset === 0 ? o : `${o}+${offset}`;
}

/** Source of an expression for the unsigned 32 bits at `o + offset` (`o` a multiple of 8 unless `loose`). */
export function readWord(o: string, offset: number, loose: boolean): string {
  if (!loose && offset % 4 === 0) return `u32[(${at(o, offset)})>>>2]`;
  return `view.getUint32(${at(o, offset)},true)`;
}

/** Source of a boolean expression: any bit set. */
export function readBool(node: BoolNode, o: string, offset: number): string {
  const first = node.bits?.shift ?? 0;
  const end = first + (node.bits?.width ?? node.size * 8);
  const parts: string[] = [];
  for (let byte = 0; byte * 8 < end; byte++) {
    const low = byte === 0 ? first : 0;
    const high = Math.min(8, end - byte * 8);
    const mask = ((1 << high) - 1) & ~((1 << low) - 1);
    parts.push(`u8[${at(o, offset + byte)}]${mask === 0xff ? '' : `&${mask}`}`);
  }
  return `((${parts.join('|')})!==0)`;
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
  if (node.kind !== 'int' && node.kind !== 'enum') throw new Error(`no number: ${node.kind}`);
  const bits = bitsOf(node);
  if (bits) return readBits(bits, node.signed, o, offset);
  switch (node.size) {
    case 1:
      return `${node.signed ? 'i8' : 'u8'}[${at(o, offset)}]`;
    case 2:
      if (!loose && offset % 2 === 0) return `${node.signed ? 'i16' : 'u16'}[(${at(o, offset)})>>>1]`;
      return `view.${node.signed ? 'getInt16' : 'getUint16'}(${at(o, offset)},true)`;
    case 4:
      if (!loose && offset % 4 === 0) return `${node.signed ? 'i32' : 'u32'}[(${at(o, offset)})>>>2]`;
      return `view.${node.signed ? 'getInt32' : 'getUint32'}(${at(o, offset)},true)`;
    default:
      throw new Error(`no narrow integer of ${node.size} bytes`);
  }
}

/** Bits of up to 5 bytes, as a number of at most 32 bits. */
function readBits({ shift, width }: BitField, signed: boolean, o: string, offset: number): string {
  const bytes = Math.ceil((shift + width) / 8);
  const parts: string[] = [];
  for (let i = 0; i < Math.min(bytes, 4); i++)
    parts.push(i === 0 ? `u8[${at(o, offset)}]` : `u8[${at(o, offset + i)}]<<${8 * i}`);
  let value = `(${parts.join('|')})>>>${shift}`;
  if (bytes > 4) value = `(${value}|u8[${at(o, offset + 4)}]<<${32 - shift})>>>0`;
  const left = 32 - width;
  if (signed) return `((${value})<<${left}>>${left})`;
  return left === 0 ? `((${value})>>>0)` : `((${value})<<${left}>>>${left})`;
}

/** Source of statements that set `lo` and `hi` (both unsigned 32 bits) to a 64-bit value, sign-extended if signed. */
export function readWide(node: ScalarNode, o: string, offset: number, loose = false): string {
  if (node.kind === 'pointer')
    return `lo=${readWord(o, offset, loose)};hi=${readWord(o, offset + 4, loose)};`;
  if (node.kind !== 'int' && node.kind !== 'enum') throw new Error(`no 64-bit value: ${node.kind}`);
  const bits = bitsOf(node);
  if (!bits) return `lo=${readWord(o, offset, loose)};hi=${readWord(o, offset + 4, loose)};`;
  const { shift, width } = bits;
  const bytes = Math.ceil((shift + width) / 8);
  const byte = (i: number): string => (i < bytes ? `u8[${at(o, offset + i)}]` : '0');
  const low = `(${byte(0)}|${byte(1)}<<8|${byte(2)}<<16|${byte(3)}<<24)>>>0`;
  const high = `(${byte(4)}|${byte(5)}<<8|${byte(6)}<<16|${byte(7)}<<24)>>>0`;
  let source = `lo=${low};hi=${high};`;
  if (shift > 0)
    source += `lo=((lo>>>${shift})|(hi<<${32 - shift}))>>>0;hi=((hi>>>${shift})|(${byte(8)}<<${32 - shift}))>>>0;`;
  const left = 64 - width;
  if (left > 0) source += node.signed ? `hi=(hi<<${left}>>${left})>>>0;` : `hi=(hi<<${left}>>>${left})>>>0;`;
  return source;
}

/** {@link readWide} as the head of a comma expression. */
export function readWideFirst(node: ScalarNode, o: string, offset: number): string {
  return readWide(node, o, offset).replace(/;$/, '').replaceAll(';', ',');
}

/** Source of an expression for any number of up to 64 bits, or a bool, as a number: beyond 2^53 the nearest. */
export function readNumber(node: ScalarNode, o: string, offset: number): string {
  if (node.kind === 'bool') return `(${readBool(node, o, offset)}?1:0)`;
  if (isNarrow(node)) return readNarrow(node, o, offset);
  return `(${readWideFirst(node, o, offset)},${isSigned(node) ? '(hi|0)' : 'hi'}*4294967296+lo)`;
}

/** An integer byte by byte: slow, plain and of any size. */
export function readInteger(node: IntNode | EnumNode | BoolNode, u8: Uint8Array, at: number): bigint {
  let value = 0n;
  for (let i = node.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(u8[at + i]!);
  const width = node.bits ? node.bits.width : node.size * 8;
  if (node.bits) value >>= BigInt(node.bits.shift);
  return isSigned(node) ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value);
}
