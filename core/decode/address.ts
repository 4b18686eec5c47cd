import type { AddressNode } from '../bpf/index.js';
import { SHORT, writeAscii } from './digits.js';

/** Most bytes of an address's text. */
export const ADDRESS_TEXT = 45;

const DOT = 0x2e;

/** `10.0.0.1`, written at `at` of `out` (with slack); returns its end. */
export function writeIpv4(out: DataView, at: number, bytes: Uint8Array, start: number): number {
  let p = at;
  for (let i = 0; i < 4; i++) {
    const packed = SHORT[bytes[start + i]!]!;
    out.setUint32(p, packed, true);
    p += packed >>> 24;
    out.setUint8(p++, DOT);
  }
  return p - 1;
}

export function writeIpv6(out: DataView, at: number, bytes: Uint8Array, start: number): number {
  return writeAscii(out, at, ipv6(bytes, start));
}

export function writeMac(out: DataView, at: number, bytes: Uint8Array, start: number): number {
  return writeAscii(out, at, mac(bytes, start));
}

/** The address as a string. */
export function readAddress(family: AddressNode['family'], bytes: Uint8Array, start: number): string {
  if (family === 'ipv4') return bytes.slice(start, start + 4).join('.');
  return family === 'ipv6' ? ipv6(bytes, start) : mac(bytes, start);
}

/** RFC 5952: the longest run of two or more zero groups becomes `::`; an IPv4-mapped address ends in its dotted form. */
function ipv6(bytes: Uint8Array, start: number): string {
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[start + 2 * i]! << 8) | bytes[start + 2 * i + 1]!,
  );
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0))
    return `::ffff:${bytes.slice(start + 12, start + 16).join('.')}`;
  let best = 0;
  let bestLength = 1;
  for (let i = 0, length = 0; i < 8; i++) {
    length = groups[i] === 0 ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      best = i - length + 1;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestLength === 1) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}

function mac(bytes: Uint8Array, start: number): string {
  return Array.from(bytes.subarray(start, start + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
