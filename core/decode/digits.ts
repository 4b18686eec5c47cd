import { writeAscii } from './text.js';

/** Writers of numbers, as those of text: each takes a buffer and a position and returns the position after. */

/** The two digits of each number below 100. */
const PAIRS = Uint8Array.from(
  { length: 200 },
  (_, i) => 48 + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10),
);

/** Unsigned, up to 2^32-1. Four digits a division: an integer multiplication does for what is below 10,000. */
export function writeUnsigned(out: Uint8Array, p: number, value: number): number {
  if (value < 1e4) return writeShort(out, p, value);
  const top = (value / 1e4) >>> 0;
  const low = value - top * 1e4;
  if (top < 1e4) return writeFour(out, writeShort(out, p, top), low);
  const first = (top / 1e4) >>> 0;
  return writeFour(out, writeFour(out, writeShort(out, p, first), top - first * 1e4), low);
}

/** Below 10,000. */
function writeShort(out: Uint8Array, p: number, value: number): number {
  if (value < 10) {
    out[p] = 48 + value;
    return p + 1;
  }
  if (value < 100) return writePair(out, p, value);
  const hundreds = (value * 5243) >>> 19;
  const rest = value - hundreds * 100;
  if (hundreds >= 10) return writePair(out, writePair(out, p, hundreds), rest);
  out[p] = 48 + hundreds;
  return writePair(out, p + 1, rest);
}

/** Below 10,000, with leading zeros. 5243 / 2^19 is 1/100, near enough below 43,699. */
function writeFour(out: Uint8Array, p: number, value: number): number {
  const hundreds = (value * 5243) >>> 19;
  return writePair(out, writePair(out, p, hundreds), value - hundreds * 100);
}

function writePair(out: Uint8Array, p: number, value: number): number {
  out[p] = PAIRS[2 * value]!;
  out[p + 1] = PAIRS[2 * value + 1]!;
  return p + 2;
}

export function writeSigned(out: Uint8Array, p: number, value: number): number {
  if (value >= 0) return writeUnsigned(out, p, value);
  out[p] = 45;
  return writeUnsigned(out, p + 1, -value);
}

/** Nine digits, with leading zeros. */
export function writeNine(out: Uint8Array, p: number, value: number): number {
  const top = (value / 1e4) >>> 0;
  const first = (top / 1e4) >>> 0;
  out[p] = 48 + first;
  return writeFour(out, writeFour(out, p + 1, top - first * 1e4), value - top * 1e4);
}

/** Unsigned 64 bits, exact. */
export function writeUnsigned64(out: Uint8Array, p: number, lo: number, hi: number): number {
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
function writeLong(out: Uint8Array, p: number, lo: number, hi: number): number {
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

export function writeSigned64(out: Uint8Array, p: number, lo: number, hi: number): number {
  if (hi < 0x80000000) return writeUnsigned64(out, p, lo, hi);
  out[p] = 45;
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
