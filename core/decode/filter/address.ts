import { isIPv4, isIPv6 } from 'node:net';
import type { AddressNode } from '../../bpf/index.js';

/** An address's bytes, and how many of its first bits count. */
export interface Network {
  readonly bytes: readonly number[];
  readonly prefix: number;
}

/**
 * `10.0.0.1`, `fe80::1`, `aa:bb:cc:dd:ee:ff`, and networks `10.0.0.0/8`, for a field of this family; undefined when
 * the text is none. An IPv4 address for an IPv6 field is the one mapped into IPv6.
 */
export function parseAddress(text: string, family: AddressNode['family']): Network | undefined {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const isMapped = family === 'ipv6' && isIPv4(address);
  const bytes = isMapped ? [...new Array(10).fill(0), 255, 255, ...ipv4(address)] : parse(address, family);
  if (!bytes) return undefined;
  const bits = (isMapped ? 4 : bytes.length) * 8;
  const prefix = length === undefined ? bits : Number(length);
  return prefix > bits ? undefined : { bytes, prefix: prefix + (bytes.length * 8 - bits) };
}

function parse(text: string, family: AddressNode['family']): number[] | undefined {
  if (family === 'ipv4') return isIPv4(text) ? ipv4(text) : undefined;
  if (family === 'ipv6') return isIPv6(text) && !text.includes('%') ? ipv6(text) : undefined;
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}

function ipv4(text: string): number[] {
  return text.split('.').map(Number);
}

function ipv6(text: string): number[] {
  const plain = text.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4(dotted);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16)));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  return [...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 255]);
}
