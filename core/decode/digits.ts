import { writeAscii } from './text.js';

/** Writers of numbers, as those of text: each takes a buffer and a position and returns the position after. */

/** Unsigned, up to 2^32-1. */
export function writeUnsigned(out: Uint8Array, p: number, value: number): number {
  if (value < 10) {
    out[p] = 48 + value;
    return p + 1;
  }
  let rest = value;
  const digits =
    value < 100
      ? 2
      : value < 1000
        ? 3
        : value < 1e4
          ? 4
          : value < 1e5
            ? 5
            : value < 1e6
              ? 6
              : value < 1e7
                ? 7
                : value < 1e8
                  ? 8
                  : value < 1e9
                    ? 9
                    : 10;
  for (let q = p + digits - 1; q >= p; q--) {
    const next = (rest / 10) >>> 0;
    out[q] = 48 + rest - next * 10;
    rest = next;
  }
  return p + digits;
}

export function writeSigned(out: Uint8Array, p: number, value: number): number {
  if (value >= 0) return writeUnsigned(out, p, value);
  out[p] = 45;
  return writeUnsigned(out, p + 1, -value);
}

/** Nine digits, with leading zeros. */
export function writeNine(out: Uint8Array, p: number, value: number): number {
  let rest = value;
  for (let q = p + 8; q >= p; q--) {
    const next = (rest / 10) >>> 0;
    out[q] = 48 + rest - next * 10;
    rest = next;
  }
  return p + 9;
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
