import type { LayoutNode } from '../../../core/bpf/index.js';

/**
 * The scalar at a path, by the layout alone, written as the C oracle writes it. Slow and obvious on purpose:
 * it reads bit by bit and shares nothing with the decoder.
 */
export function readLeaf(
  node: LayoutNode,
  bytes: Uint8Array,
  offset: number,
  path: readonly string[],
): string {
  const [head, ...rest] = path;
  if ('members' in node) {
    const member = node.members.find(({ name }) => name === head);
    if (!member) throw new Error(`no member ${head}`);
    return readLeaf(member.node, bytes, offset + member.offset, rest);
  }
  if (node.kind === 'array') return readLeaf(node.element, bytes, offset + Number(head) * node.stride, rest);
  const bits = 'bits' in node ? node.bits : undefined;
  const raw = readBits(bytes, offset * 8 + (bits?.shift ?? 0), bits?.width ?? node.size * 8);
  const width = bits?.width ?? node.size * 8;
  switch (node.kind) {
    case 'bool':
      return raw === 0n ? '0' : '1';
    case 'int':
    case 'enum':
      return String(node.signed ? BigInt.asIntN(width, raw) : raw);
    case 'string':
      return Buffer.from(bytes.subarray(offset, offset + node.size)).toString('hex');
    case 'pointer':
    case 'float':
    case 'address':
      return String(raw);
  }
}

function readBits(bytes: Uint8Array, firstBit: number, width: number): bigint {
  let value = 0n;
  for (let i = 0; i < width; i++) {
    const bit = firstBit + i;
    if ((bytes[bit >> 3]! >> (bit & 7)) & 1) value |= 1n << BigInt(i);
  }
  return value;
}
