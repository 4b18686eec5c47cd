import type { Layout, LayoutNode, ScalarNode, StructNode } from '../bpf/index.js';
import { parsePath } from './path.js';
import type { DecodePlan } from './plan.js';

/** One scalar of a record: array elements are leaves of their own, named by their index. */
export interface Leaf {
  readonly path: readonly string[];
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly node: ScalarNode;
}

/** A scalar field, however often arrays repeat it; `'[]'` in the path stands for an array's elements. */
export interface ColumnLeaf extends Leaf {
  /** Lengths and strides of the arrays on the path, outermost first. */
  readonly dims: readonly number[];
  readonly strides: readonly number[];
}

/** More leaves than any use of them allows, so that a list that was cut short is never taken for whole. */
const LEAF_LIMIT = 1024;

/** The record's scalars in order, arrays element by element; at most `limit` of them. */
export function scalarLeaves(layout: Layout, limit = LEAF_LIMIT): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (node: LayoutNode, path: readonly string[], offset: number): void => {
    if (leaves.length >= limit) return;
    if (isStruct(node)) {
      for (const member of node.members) walk(member.node, [...path, member.name], offset + member.offset);
    } else if (node.kind === 'array') {
      for (let i = 0; i < node.length && leaves.length < limit; i++) {
        const before = leaves.length;
        walk(node.element, [...path, String(i)], offset + i * node.stride);
        if (leaves.length === before) break;
      }
    } else leaves.push({ path, offset, node });
  };
  walk(layout.root, [], 0);
  return leaves;
}

/** The record's scalar fields in order, arrays in one piece. */
export function columnLeaves(layout: Layout): ColumnLeaf[] {
  const leaves: ColumnLeaf[] = [];
  const walk = (
    node: LayoutNode,
    path: readonly string[],
    offset: number,
    dims: readonly number[],
    strides: readonly number[],
  ): void => {
    if (isStruct(node)) {
      for (const { name, node: inner, offset: at } of node.members)
        walk(inner, [...path, name], offset + at, dims, strides);
    } else if (node.kind === 'array') {
      walk(node.element, [...path, '[]'], offset, [...dims, node.length], [...strides, node.stride]);
    } else leaves.push({ path, offset, node, dims, strides });
  };
  walk(layout.root, [], 0, [], []);
  return leaves;
}

/** What lies at `path` (member names and array indices, from the root); undefined when there is nothing. */
export function nodeAt(
  layout: Layout,
  path: readonly string[],
): { node: LayoutNode; offset: number } | undefined {
  let node = layout.root;
  let offset = 0;
  for (const name of path) {
    if (isStruct(node)) {
      const member = node.members.find((candidate) => candidate.name === name);
      if (!member) return undefined;
      offset += member.offset;
      node = member.node;
    } else if (node.kind === 'array' && /^\d+$/.test(name) && Number(name) < node.length) {
      offset += Number(name) * node.stride;
      node = node.element;
    } else return undefined;
  }
  return { node, offset };
}

/** The scalar at an exact path. */
export function leafAt(layout: Layout, path: readonly string[]): Leaf | undefined {
  const found = nodeAt(layout, path);
  return found && isScalar(found.node)
    ? { path: [...path], offset: found.offset, node: found.node }
    : undefined;
}

/**
 * The scalar that a user means by `a.b[0].c` (or `a.b.0.c`). In an entry a bare name is looked up in the key, then
 * in the value; `key.x` and `value.x` say which.
 */
export function findLeaf(layout: Layout, text: string, source: DecodePlan['source']): Leaf | undefined {
  const path = parsePath(text);
  return path && findPath(layout, path, source);
}

export function findPath(
  layout: Layout,
  path: readonly string[],
  source: DecodePlan['source'],
): Leaf | undefined {
  const exact = leafAt(layout, path);
  if (exact || source === 'ring') return exact;
  return leafAt(layout, ['key', ...path]) ?? leafAt(layout, ['value', ...path]);
}

/** The record's own time by default: its first field of type `ktime` or `boottime`. */
export function firstTimestamp(layout: Layout): DecodePlan['timestamp'] {
  for (const { path, node } of scalarLeaves(layout)) {
    if (node.kind === 'int' && (node.format === 'ktime' || node.format === 'boottime'))
      return { path, clock: node.format };
  }
  return undefined;
}

export function isStruct(node: LayoutNode): node is StructNode {
  return node.kind === 'struct' || node.kind === 'union';
}

export function isScalar(node: LayoutNode): node is ScalarNode {
  return !isStruct(node) && node.kind !== 'array';
}
