import { writeAscii } from './text.js';

/**
 * Writers of numbers: each takes memory and a position and returns the position after. Digits are stored four at a
 * time, so up to four bytes beyond what is written may be overwritten: room is needed for these too.
 */

/** The digits of each number below 10,000 as a little-endian word: from the first byte on, and with leading zeros. */
export const SHORT = new Uint32Array(10_000);
export const FOUR = new Uint32Array(10_000);
export const LENGTHS = new Uint8Array(10_000);
for (let value = 0; value < 10_000; value++) {
  // By arithmetic: with strings this would be a tenth of the time that an agent takes to start.
  const high = (value / 100) | 0;
  const low = value - high * 100;
  const tens = (high / 10) | 0;
  const lowTens = (low / 10) | 0;
  const four = 0x30303030 + tens + ((high - tens * 10) << 8) + (lowTens << 16) + ((low - lowTens * 10) << 24);
  const length = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4;
  FOUR[value] = four;
  SHORT[value] = four >>> (8 * (4 - length));
  LENGTHS[value] = length;
}

/** Unsigned, up to 2^32-1. */
export function writeUnsigned(out: DataView, p: number, value: number): number {
  if (value < 1e4) return writeShort(out, p, value);
  const top = (value / 1e4) >>> 0;
  const low = value - top * 1e4;
  if (top < 1e4) return writeFour(out, writeShort(out, p, top), low);
  const first = (top / 1e4) >>> 0;
  return writeFour(out, writeFour(out, writeShort(out, p, first), top - first * 1e4), low);
}

/** Below 10,000. */
function writeShort(out: DataView, p: number, value: number): number {
  out.setUint32(p, SHORT[value]!, true);
  return p + LENGTHS[value]!;
}

/** Below 10,000, with leading zeros. */
function writeFour(out: DataView, p: number, value: number): number {
  out.setUint32(p, FOUR[value]!, true);
  return p + 4;
}

export function writeSigned(out: DataView, p: number, value: number): number {
  if (value >= 0) return writeUnsigned(out, p, value);
  out.setUint8(p, 45);
  return writeUnsigned(out, p + 1, -value);
}

/** Nine digits, with leading zeros. */
export function writeNine(out: DataView, p: number, value: number): number {
  const top = (value / 1e4) >>> 0;
  const first = (top / 1e4) >>> 0;
  out.setUint8(p, 48 + first);
  return writeFour(out, writeFour(out, p + 1, top - first * 1e4), value - top * 1e4);
}

/** Unsigned 64 bits, exact. */
export function writeUnsigned64(out: DataView, p: number, lo: number, hi: number): number {
  if (hi === 0) return writeUnsigned(out, p, lo);
  if (hi < 0x200000) {
    const value = hi * 4294967296 + lo;
    let top = Math.floor(value / 1e9);
    let rest = value - top * 1e9;
    // The quotient may have been rounded up to the next integer.
    if (rest < 0) {
      top--;
      rest += 1e9;
    }
    return writeNine(out, writeUnsigned(out, p, top), rest);
  }
  return writeLong(out, p, lo, hi);
}

/** Long division by 1e9, 16 bits at a time, so that each step is exact: for what no double holds. */
function writeLong(out: DataView, p: number, lo: number, hi: number): number {
  let rest = (hi % 1e9) * 65536 + (lo >>> 16);
  const middle = Math.floor(rest / 1e9);
  rest = (rest - middle * 1e9) * 65536 + (lo & 0xffff);
  const low = Math.floor(rest / 1e9);
  rest -= low * 1e9;
  const top = (Math.floor(hi / 1e9) * 65536 + middle) * 65536 + low;
  const billions = Math.floor(top / 1e9);
  let q = p;
  if (billions > 0) q = writeNine(out, writeUnsigned(out, q, billions), top - billions * 1e9);
  else q = writeUnsigned(out, q, top);
  return writeNine(out, q, rest);
}

export function writeSigned64(out: DataView, p: number, lo: number, hi: number): number {
  if (hi < 0x80000000) return writeUnsigned64(out, p, lo, hi);
  out.setUint8(p, 45);
  const low = -lo >>> 0;
  const high = (~hi + (low === 0 ? 1 : 0)) >>> 0;
  return writeUnsigned64(out, p + 1, low, high);
}

/** JSON has no NaN and no infinity: null. */
export function writeFloat(out: Uint8Array, p: number, value: number): number {
  return writeAscii(out, p, Number.isFinite(value) ? String(Object.is(value, -0) ? 0 : value) : 'null');
}

export function hex64(lo: number, hi: number): string {
  return hi === 0 ? `0x${lo.toString(16)}` : `0x${hi.toString(16)}${lo.toString(16).padStart(8, '0')}`;
}

/** Two words as one integer. */
export function wide(lo: number, hi: number, signed: boolean): bigint {
  const value = (BigInt(hi) << 32n) | BigInt(lo);
  return signed ? BigInt.asIntN(64, value) : value;
}

/** An integer of any number of bytes. */
export function bigInteger(bytes: Uint8Array, start: number, size: number, signed: boolean): bigint {
  let value = 0n;
  for (let i = start + size - 1; i >= start; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return signed ? BigInt.asIntN(size * 8, value) : value;
}
