import type { Layout, LayoutNode, ScalarNode, StructNode } from '../bpf/index.js';
import { DecodeError } from './error.js';
import type { DecodePlan } from './plan.js';

/** A part of a record: the names and array indices that lead to it, and where it lies. */
export interface Place {
  readonly path: readonly string[];
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly node: LayoutNode;
}

/** One scalar of a record. */
export interface Leaf extends Place {
  readonly node: ScalarNode;
}

/** A scalar, or all scalars at one place of the elements of arrays. */
export interface ColumnLeaf {
  /** `'[]'` stands for "each element". */
  readonly path: readonly string[];
  /** Of the first element. */
  readonly offset: number;
  readonly node: ScalarNode;
  /** Lengths of the arrays on the way, outermost first, and bytes from one element to the next. */
  readonly dims: readonly number[];
  readonly strides: readonly number[];
}

const MAX_LEAVES = 4096;

export function isStruct(node: LayoutNode): node is StructNode {
  return node.kind === 'struct' || node.kind === 'union';
}

/** Whether there is a value in it, be it none of an empty array. */
export function hasScalars(node: LayoutNode): boolean {
  if (isStruct(node)) return node.members.some((member) => hasScalars(member.node));
  return node.kind !== 'array' || hasScalars(node.element);
}

/** Every scalar below the member of that name (default: all), array elements one by one, in order of definition. */
export function scalarLeaves(layout: Layout, below?: string): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (node: LayoutNode, path: readonly string[], offset: number): void => {
    if (isStruct(node)) {
      for (const member of node.members) walk(member.node, [...path, member.name], offset + member.offset);
    } else if (node.kind === 'array') {
      for (let i = 0; i < node.length; i++)
        walk(node.element, [...path, String(i)], offset + i * node.stride);
    } else {
      if (leaves.length >= MAX_LEAVES) {
        throw new DecodeError(
          'LAYOUT',
          `${below ?? (layout.typeName || 'the type')} has more than ${MAX_LEAVES} values: choose by name, with \`labels:\` and \`value:\``,
        );
      }
      leaves.push({ path, offset, node });
    }
  };
  const start =
    below === undefined ? { path: [], offset: 0, node: layout.root } : follow(layout.root, [below]);
  if (start) walk(start.node, start.path, start.offset);
  return leaves;
}

/** How people write every scalar's name, arrays by their first element: `a.b[0].c`. An entry's fields have short names, too. */
export function fieldNames(
  layout: Layout,
  source: DecodePlan['source'],
): { names: string[]; short: string[] } {
  const names = columnLeaves(layout).map((leaf) => spell(leaf.path));
  return {
    names,
    short: source === 'entry' ? names.map((name) => name.replace(/^(?:key|value)\./, '')) : [],
  };
}

/** `a.b[0].c` */
export function spell(path: readonly string[]): string {
  return path.join('.').replaceAll('.[]', '[0]');
}

/** Every scalar, arrays kept together. */
export function columnLeaves(layout: Layout): ColumnLeaf[] {
  const leaves: ColumnLeaf[] = [];
  const walk = (
    node: LayoutNode,
    path: string[],
    offset: number,
    dims: number[],
    strides: number[],
  ): void => {
    if (isStruct(node)) {
      for (const member of node.members)
        walk(member.node, [...path, member.name], offset + member.offset, dims, strides);
    } else if (node.kind === 'array') {
      walk(node.element, [...path, '[]'], offset, [...dims, node.length], [...strides, node.stride]);
    } else leaves.push({ path, offset, node, dims, strides });
  };
  walk(layout.root, [], 0, [], []);
  return leaves;
}

/**
 * The scalar that `name` means: `a.b`, `a[0].b` or `a.0.b`. Bare names of an entry are looked up in its key,
 * then in its value.
 */
export function findLeaf(layout: Layout, name: string, source: DecodePlan['source']): Leaf | undefined {
  const place = findPlace(layout, name, source);
  return place && isLeaf(place) ? place : undefined;
}

/** What `name` means, be it a scalar, a struct or an array. */
export function findPlace(layout: Layout, name: string, source: DecodePlan['source']): Place | undefined {
  const path = name.replace(/\[(\d+)\]/g, '.$1').split('.');
  const places = [follow(layout.root, path)];
  if (source === 'entry') {
    places.push(follow(layout.root, ['key', ...path]), follow(layout.root, ['value', ...path]));
  }
  return places.find((place) => place && isLeaf(place)) ?? places.find((place) => place);
}

/** The scalar at exactly this path. */
export function leafAt(layout: Layout, path: readonly string[]): Leaf {
  const leaf = follow(layout.root, path);
  if (!leaf || !isLeaf(leaf)) throw new DecodeError('UNKNOWN_FIELD', `there is no field "${path.join('.')}"`);
  return leaf;
}

function isLeaf(place: Place): place is Leaf {
  return !isStruct(place.node) && place.node.kind !== 'array';
}

function follow(root: LayoutNode, path: readonly string[]): Place | undefined {
  let node = root;
  let offset = 0;
  for (const name of path) {
    if (isStruct(node)) {
      const member = node.members.find((one) => one.name === name);
      if (!member) return undefined;
      offset += member.offset;
      node = member.node;
    } else if (node.kind === 'array') {
      const index = /^\d+$/.test(name) ? Number(name) : Number.NaN;
      if (!(index < node.length)) return undefined;
      offset += index * node.stride;
      node = node.element;
    } else return undefined;
  }
  return { path, offset, node };
}

/** The record's own time: its first field of type `ktime` or `boottime`. */
export function firstTimestamp(layout: Layout): DecodePlan['timestamp'] {
  for (const leaf of columnLeaves(layout)) {
    if (leaf.dims.length > 0 || leaf.node.kind !== 'int') continue;
    const { format } = leaf.node;
    if (format === 'ktime' || format === 'boottime') return { path: leaf.path, clock: format };
  }
  return undefined;
}

/** A map's entry as one record: its key at 0, its value at the next multiple of 8. */
export function entryLayout(key: Layout, value: Layout): Layout {
  const at = (key.size + 7) & ~7;
  const size = at + ((value.size + 7) & ~7);
  return {
    typeName: '',
    size,
    root: {
      kind: 'struct',
      size,
      members: [
        { name: 'key', offset: 0, node: key.root },
        { name: 'value', offset: at, node: value.root },
      ],
    },
  };
}
