import type { LayoutNode, ScalarNode } from '../../../core/bpf/index.js';

/**
 * What the decoder should say of a record, read bit by bit, slowly and obviously. Shares nothing with it but the
 * meaning of a Layout.
 */
export function referenceJson(node: LayoutNode, bytes: Uint8Array, offset: number): string {
  if ('members' in node) {
    const fields = node.members
      .filter(says)
      .map(
        (member) =>
          `${JSON.stringify(member.name)}:${referenceJson(member.node, bytes, offset + member.offset)}`,
      );
    return `{${fields.join(',')}}`;
  }
  if (node.kind === 'array') {
    const elements = Array.from({ length: node.length }, (_, i) =>
      referenceJson(node.element, bytes, offset + i * node.stride),
    );
    return `[${elements.join(',')}]`;
  }
  return scalarJson(node, bytes, offset);
}

/** Whether a member has any value: a struct of padding has none, and no column. */
function says({ node }: { readonly node: LayoutNode }): boolean {
  if ('members' in node) return node.members.some(says);
  return node.kind !== 'array' || says({ node: node.element });
}

function scalarJson(node: ScalarNode, bytes: Uint8Array, offset: number): string {
  switch (node.kind) {
    case 'bool':
    case 'int':
      return scalarText(node, bytes, offset, false);
    case 'float': {
      const value = floatOf(node.size, bytes, offset);
      return Number.isFinite(value) ? String(value) : 'null';
    }
    case 'enum': {
      const value = integer(node, bytes, offset);
      const name = Object.hasOwn(node.names, String(value)) ? node.names[String(value)] : undefined;
      return name === undefined ? String(value) : JSON.stringify(name);
    }
    default:
      return JSON.stringify(scalarText(node, bytes, offset, false));
  }
}

/** As a metric label shows it. */
export function scalarText(node: ScalarNode, bytes: Uint8Array, offset: number, forPeople = true): string {
  switch (node.kind) {
    case 'bool':
      return String(integer({ ...node, signed: false }, bytes, offset) !== 0n);
    case 'int': {
      const value = integer(node, bytes, offset);
      if (forPeople && node.format === 'char' && /^[!-~]$/.test(String.fromCharCode(Number(value) & 0xffff)))
        return String.fromCharCode(Number(value));
      return forPeople && node.format === 'duration' ? goDuration(value) : String(value);
    }
    case 'enum': {
      const value = String(integer(node, bytes, offset));
      return Object.hasOwn(node.names, value) ? node.names[value]! : value;
    }
    case 'float':
      return String(floatOf(node.size, bytes, offset));
    case 'pointer':
      return `0x${integer({ ...node, signed: false }, bytes, offset).toString(16)}`;
    case 'string': {
      const field = bytes.subarray(offset, offset + node.size);
      const end = field.indexOf(0);
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(end < 0 ? field : field.subarray(0, end));
    }
    case 'address':
      return addressText(node.family, bytes.subarray(offset, offset + node.size));
  }
}

function integer(
  node: { readonly size: number; readonly signed: boolean; readonly bits?: { shift: number; width: number } },
  bytes: Uint8Array,
  offset: number,
): bigint {
  const { shift, width } = node.bits ?? { shift: 0, width: node.size * 8 };
  let value = 0n;
  for (let i = 0; i < width; i++) {
    const bit = offset * 8 + shift + i;
    if ((bytes[bit >> 3]! >> (bit & 7)) & 1) value |= 1n << BigInt(i);
  }
  return node.signed ? BigInt.asIntN(width, value) : value;
}

function floatOf(size: 4 | 8, bytes: Uint8Array, offset: number): number {
  const buffer = Buffer.from(bytes);
  return size === 4 ? buffer.readFloatLE(offset) : buffer.readDoubleLE(offset);
}

function addressText(family: 'ipv4' | 'ipv6' | 'mac', bytes: Uint8Array): string {
  if (family === 'ipv4') return bytes.join('.');
  if (family === 'mac')
    return Buffer.from(bytes)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:');
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g)!;
  if (groups.slice(0, 6).join('') === '00000000000000000000ffff')
    return `::ffff:${bytes.slice(12).join('.')}`;
  // The URL standard serialises an address as RFC 5952 asks.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** time.Duration.String() of Go, by its documentation. */
export function goDuration(ns: bigint): string {
  if (ns < 0n) return `-${goDuration(-ns)}`;
  if (ns === 0n) return '0s';
  const unit = (divisor: bigint, suffix: string): string =>
    `${String(ns / divisor)}${fraction(ns % divisor, divisor)}${suffix}`;
  if (ns < 1000n) return `${ns}ns`;
  if (ns < 1000_000n) return unit(1000n, 'µs');
  if (ns < 1000_000_000n) return unit(1000_000n, 'ms');
  const second = 1000_000_000n;
  const whole = ns / second;
  const seconds = `${whole % 60n}${fraction(ns % second, second)}s`;
  if (whole < 60n) return seconds;
  const minutes = `${(whole / 60n) % 60n}m`;
  return whole < 3600n ? minutes + seconds : `${whole / 3600n}h${minutes}${seconds}`;
}

function fraction(rest: bigint, divisor: bigint): string {
  if (rest === 0n) return '';
  const digits = String(divisor).length - 1;
  return `.${String(rest).padStart(digits, '0').replace(/0+$/, '')}`;
}
