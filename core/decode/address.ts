import { isIPv4, isIPv6 } from 'node:net';

export type AddressFamily = 'ipv4' | 'ipv6' | 'mac';

/** As people write it; the bytes are in network order. */
export function address(family: AddressFamily, bytes: Uint8Array, start: number): string {
  if (family === 'ipv4') return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
  if (family === 'mac') {
    return Array.from(bytes.subarray(start, start + 6), (byte) => byte.toString(16).padStart(2, '0')).join(
      ':',
    );
  }
  return ipv6(bytes, start);
}

/** Each octet's digits and a dot, the first in the lowest byte, and how many bytes they are. */
export const OCTETS = new Int32Array(256);
export const OCTET_LENGTHS = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) {
  const text = Buffer.from(`${octet}.`);
  OCTET_LENGTHS[octet] = text.length;
  for (const [i, byte] of text.entries()) OCTETS[octet]! |= byte << (8 * i);
}

/** `192.0.2.1`; room needed: 17, since an octet is stored as four bytes, whatever its digits. */
export function writeIpv4(out: DataView, p: number, bytes: Uint8Array, start: number): number {
  let q = p;
  for (let i = start; i < start + 4; i++) {
    const octet = bytes[i]!;
    out.setInt32(q, OCTETS[octet]!, true);
    q += OCTET_LENGTHS[octet]!;
  }
  return q - 1;
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

/** The bytes of an address in any of its spellings; undefined when it is none. */
export function parseAddress(family: AddressFamily, text: string): Uint8Array | undefined {
  if (family === 'mac') {
    if (!/^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
    return Uint8Array.from(text.split(/[:-]/), (byte) => Number.parseInt(byte, 16));
  }
  if (family === 'ipv4') return isIPv4(text) ? Uint8Array.from(text.split('.'), Number) : undefined;
  return isIPv6(text) && !text.includes('%') ? parseIpv6(text) : undefined;
}

function parseIpv6(text: string): Uint8Array {
  const [head = [], tail] = text.split('::').map(groupsOf);
  const bytes = new Uint8Array(16);
  bytes.set(head);
  if (tail) bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Bytes of `a:b:1.2.3.4`, one side of a `::`. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
