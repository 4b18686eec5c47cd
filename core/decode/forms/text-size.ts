import type { EnumNode, LayoutNode } from '../../bpf/index.js';
import { ADDRESS_TEXT } from '../address.js';
import { JSON_EXPANSION } from '../text.js';
import { byteLength } from './constant.js';

const sizes = new WeakMap<LayoutNode, number>();
const longestNames = new WeakMap<EnumNode['names'], number>();

/** Most bytes of the node's JSON text, names and punctuation within it included. */
export function textSize(node: LayoutNode): number {
  let size = sizes.get(node);
  if (size === undefined) {
    size = compute(node);
    sizes.set(node, size);
  }
  return size;
}

function compute(node: LayoutNode): number {
  switch (node.kind) {
    case 'struct':
    case 'union':
      return node.members.reduce(
        (sum, { name, node: inner }) => sum + byteLength(JSON.stringify(name)) + 2 + textSize(inner),
        2,
      );
    case 'array':
      return 2 + node.length * (textSize(node.element) + 1);
    case 'string':
      return node.size * JSON_EXPANSION + 2;
    case 'address':
      return ADDRESS_TEXT + 2;
    case 'enum':
      return Math.max(longestName(node.names), NUMBER);
    default:
      return NUMBER;
  }
}

/** 128 bits are 39 digits and a sign. */
const NUMBER = 40;

function longestName(names: EnumNode['names']): number {
  let longest = longestNames.get(names);
  if (longest === undefined) {
    longest = Object.values(names).reduce(
      (most, name) => Math.max(most, byteLength(JSON.stringify(name))),
      0,
    );
    longestNames.set(names, longest);
  }
  return longest;
}
