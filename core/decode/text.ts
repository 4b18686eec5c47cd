import type { EnumNode } from '../bpf/index.js';

/** Writers of bytes: each takes a buffer and a position and returns the position after what it wrote. */

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** End of a C string: its NUL, or its field's end. */
export function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === 0) return i;
  return end;
}

/** A `char[]` up to its NUL, invalid UTF-8 replaced by U+FFFD. */
export function readText(bytes: Uint8Array, start: number, size: number): string {
  const end = stringEnd(bytes, start, start + size);
  return decoder.decode(bytes.subarray(start, end));
}

/** The inside of a JSON string. Room needed: 6 bytes a byte. */
export function writeText(
  out: Uint8Array,
  p: number,
  bytes: Uint8Array,
  start: number,
  size: number,
): number {
  const end = start + size;
  let q = p;
  for (let i = start; i < end; i++) {
    const c = bytes[i]!;
    if (c === 0) return q;
    if (c < 0x20 || c > 0x7e || c === 0x22 || c === 0x5c)
      return writeEscaped(out, p, readText(bytes, start, size));
    out[q++] = c;
  }
  return q;
}

/** Text as the inside of a JSON string. */
function writeEscaped(out: Uint8Array, p: number, text: string): number {
  const json = Buffer.from(JSON.stringify(text));
  out.set(json.subarray(1, -1), p);
  return p + json.length - 2;
}

export function writeAscii(out: Uint8Array, p: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[p + i] = text.charCodeAt(i);
  return p + text.length;
}

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
  return writeAscii(out, p, ((BigInt(hi) << 32n) | BigInt(lo)).toString());
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

export function decimal64(lo: number, hi: number, signed: boolean): string {
  const value = (BigInt(hi) << 32n) | BigInt(lo);
  return (signed ? BigInt.asIntN(64, value) : value).toString();
}

/** 128 bits, decimal. */
export function decimal128(bytes: Uint8Array, start: number, signed: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, 16);
  const value = (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
  return (signed ? BigInt.asIntN(128, value) : value).toString();
}

export function address(family: 'ipv4' | 'ipv6' | 'mac', bytes: Uint8Array, start: number): string {
  if (family === 'ipv4') return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
  if (family === 'mac') {
    return Array.from(bytes.subarray(start, start + 6), (byte) => byte.toString(16).padStart(2, '0')).join(
      ':',
    );
  }
  return ipv6(bytes, start);
}

/** `192.0.2.1`; room needed: 15. */
export function writeIpv4(out: Uint8Array, p: number, bytes: Uint8Array, start: number): number {
  let q = writeOctet(out, p, bytes[start]!);
  out[q] = 46;
  q = writeOctet(out, q + 1, bytes[start + 1]!);
  out[q] = 46;
  q = writeOctet(out, q + 1, bytes[start + 2]!);
  out[q] = 46;
  return writeOctet(out, q + 1, bytes[start + 3]!);
}

function writeOctet(out: Uint8Array, p: number, value: number): number {
  if (value < 10) {
    out[p] = 48 + value;
    return p + 1;
  }
  const tens = (value * 205) >>> 11;
  if (value < 100) {
    out[p] = 48 + tens;
    out[p + 1] = 48 + value - tens * 10;
    return p + 2;
  }
  const hundreds = value < 200 ? 1 : 2;
  const rest = value - hundreds * 100;
  const ten = (rest * 205) >>> 11;
  out[p] = 48 + hundreds;
  out[p + 1] = 48 + ten;
  out[p + 2] = 48 + rest - ten * 10;
  return p + 3;
}

/** RFC 5952: lower case, the longest run of two or more zero groups as `::`, IPv4-mapped with dots. */
function ipv6(bytes: Uint8Array, start: number): string {
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[start + 2 * i]! << 8) | bytes[start + 2 * i + 1]!,
  );
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${address('ipv4', bytes, start + 12)}`;
  }
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  return best < 0 ? text(groups) : `${text(groups.slice(0, best))}::${text(groups.slice(best + bestLength))}`;
}

/** As Go prints a time.Duration, which is how BumbleBee shows one: `1.5ms`. */
export function humanDuration(lo: number, hi: number, signed: boolean): string {
  const value = (BigInt(hi) << 32n) | BigInt(lo);
  const ns = signed ? BigInt.asIntN(64, value) : value;
  if (ns < 0n) return `-${positiveDuration(-ns)}`;
  return positiveDuration(ns);
}

function positiveDuration(ns: bigint): string {
  if (ns === 0n) return '0s';
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${decimals(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${decimals(ns, 1_000_000n)}ms`;
  const minutes = ns / 60_000_000_000n;
  const seconds = `${decimals(ns % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimals(value: bigint, unit: bigint): string {
  const rest = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, '0')
    .replace(/0+$/, '');
  return rest ? `${value / unit}.${rest}` : `${value / unit}`;
}

/** An enum's names as JSON, by value; undefined for a value without a name. */
export function enumTable(node: EnumNode): Map<number, Uint8Array> {
  return new Map(
    Object.entries(node.names).map(([value, name]) => [Number(value), Buffer.from(JSON.stringify(name))]),
  );
}
