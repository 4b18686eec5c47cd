/**
 * Numbers as decimal ASCII, written at `at` of `out`; each function returns where its text ends. They write up to
 * 4 bytes beyond that end, which the next text overwrites: `out` needs {@link SLACK} bytes behind every text.
 */
export const SLACK = 16;

/** 0 to 999 without leading zeros, first digit in the low byte, and the number of digits in the high byte. */
export const SHORT = new Uint32Array(1000);
/** 0 to 999 as three digits. */
const THREE = new Uint32Array(1000);
for (let n = 0; n < 1000; n++) {
  const pack = (text: string) => [...text].reduce((word, c, i) => word | (c.charCodeAt(0) << (8 * i)), 0);
  const short = String(n);
  SHORT[n] = (pack(short) | (short.length << 24)) >>> 0;
  THREE[n] = pack(short.padStart(3, '0'));
}

/** `value` is 0 to 2^32-1. */
export function writeUint32(out: DataView, at: number, value: number): number {
  if (value < 1000) return writeShort(out, at, value);
  if (value < 1e6) {
    const thousands = (value / 1000) | 0;
    const next = writeShort(out, at, thousands);
    out.setUint32(next, THREE[value - thousands * 1000]!, true);
    return next + 3;
  }
  if (value < 1e9) {
    const millions = (value / 1e6) | 0;
    const rest = value - millions * 1e6;
    const thousands = (rest / 1000) | 0;
    const next = writeShort(out, at, millions);
    out.setUint32(next, THREE[thousands]!, true);
    out.setUint32(next + 3, THREE[rest - thousands * 1000]!, true);
    return next + 6;
  }
  const billions = (value / 1e9) | 0;
  return writeNine(out, writeShort(out, at, billions), value - billions * 1e9);
}

export function writeInt32(out: DataView, at: number, value: number): number {
  if (value >= 0) return writeUint32(out, at, value);
  out.setUint8(at, MINUS);
  return writeUint32(out, at + 1, -value);
}

/** hi × 2^32 + lo, both unsigned. */
export function writeUint64(out: DataView, at: number, hi: number, lo: number): number {
  if (hi === 0) return writeUint32(out, at, lo);
  // The quotient of the rounded double is off by one at the most, which the exact remainder (mod 2^32) tells.
  let billions = Math.floor((hi * 4294967296 + lo) / 1e9);
  let rest = (lo - Math.imul(billions, 1e9)) | 0;
  if (rest < 0) {
    billions--;
    rest += 1e9;
  } else if (rest >= 1e9) {
    billions++;
    rest -= 1e9;
  }
  if (billions < 4294967296) return writeNine(out, writeUint32(out, at, billions), rest);
  const top = Math.floor(billions / 1e9);
  return writeNine(out, writeNine(out, writeShort(out, at, top), billions - top * 1e9), rest);
}

/** hi × 2^32 + lo, `hi` signed, `lo` unsigned. */
export function writeInt64(out: DataView, at: number, hi: number, lo: number): number {
  if (hi >= 0) return writeUint64(out, at, hi, lo);
  out.setUint8(at, MINUS);
  return writeUint64(out, at + 1, (~hi + (lo === 0 ? 1 : 0)) >>> 0, -lo >>> 0);
}

/** 0 to 999999999, with leading zeros. */
export function writeNine(out: DataView, at: number, value: number): number {
  const millions = (value / 1e6) | 0;
  const rest = value - millions * 1e6;
  const thousands = (rest / 1000) | 0;
  out.setUint32(at, THREE[millions]!, true);
  out.setUint32(at + 3, THREE[thousands]!, true);
  out.setUint32(at + 6, THREE[rest - thousands * 1000]!, true);
  return at + 9;
}

/** A double as JSON: the shortest digits that give it back, as JavaScript prints them; NaN and infinities are `null`. */
export function writeDouble(out: DataView, at: number, value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 53) {
    const hi = Math.floor(value / 4294967296);
    return writeInt64(out, at, hi, value - hi * 4294967296);
  }
  return writeAscii(out, at, Number.isFinite(value) ? String(value) : 'null');
}

export function writeBigint(out: DataView, at: number, value: bigint): number {
  return writeAscii(out, at, value.toString());
}

export function writeAscii(out: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) out.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}

const MINUS = 0x2d;

/** 0 to 999. */
function writeShort(out: DataView, at: number, value: number): number {
  const packed = SHORT[value]!;
  out.setUint32(at, packed, true);
  return at + (packed >>> 24);
}
