import { address } from './address.js';
import { hex64 } from './digits.js';
import { humanDuration } from './duration.js';
import type { Leaf } from './leaves.js';
import { type Memory, readInteger } from './read.js';
import { readText } from './text.js';

/** A label's value, as text for people: durations as `1.5ms`. */
export function renderLabel({ node, offset }: Leaf, memory: Memory, o: number): string {
  const at = o + offset;
  switch (node.kind) {
    case 'string':
      return readText(memory.u8, at, node.size);
    case 'address':
      return address(node.family, memory.u8, at);
    case 'float':
      return String(node.size === 4 ? memory.view.getFloat32(at, true) : memory.view.getFloat64(at, true));
    case 'bool':
      return String(readInteger(node, memory.u8, at) !== 0n);
    case 'pointer':
      return hex64(memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true));
    case 'enum': {
      const value = readInteger(node, memory.u8, at).toString();
      return node.names[value] ?? value;
    }
    case 'int': {
      const value = readInteger(node, memory.u8, at);
      if (node.format === 'duration') return humanDuration(value);
      return node.format === 'char' ? characterOr(value) : value.toString();
    }
  }
}

/** A `char` is a letter to BumbleBee (`op="r"`), and a small number to who counts in one. */
function characterOr(value: bigint): string {
  return value > 0x20n && value < 0x7fn ? String.fromCharCode(Number(value)) : value.toString();
}
