import type { LayoutNode } from '../../bpf/index.js';

export type ParamValue = string | number | boolean;

/** A parameter's initial value as `--param` and a config take it; integers beyond 2^53 as text. */
export function paramValue(node: LayoutNode, bytes: Uint8Array): ParamValue | undefined {
  if ('members' in node || node.kind === 'array') return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (node.kind) {
    case 'bool':
      return bytes.some((byte) => byte !== 0);
    case 'int':
      return plain(integer(bytes, node.signed));
    case 'enum': {
      const number = integer(bytes, node.signed);
      return node.names[String(number)] ?? plain(number);
    }
    case 'pointer':
      return `0x${integer(bytes, false).toString(16)}`;
    case 'float':
      return node.size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
    case 'string': {
      const end = bytes.indexOf(0);
      return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
    }
    case 'address':
      return addressText(bytes);
  }
}

function integer(bytes: Uint8Array, signed: boolean): bigint {
  let value = 0n;
  for (let n = bytes.length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n]!);
  return signed ? BigInt.asIntN(bytes.length * 8, value) : value;
}

function plain(value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : String(value);
}

function addressText(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length === 6) return hex.join(':');
  const groups = Array.from({ length: bytes.length / 2 }, (_, n) => hex.slice(2 * n, 2 * n + 2).join(''));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
