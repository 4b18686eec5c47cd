import type { ConfigPath } from './config.js';

/** A value of the file and where it was written. An alias shares its anchor's node. */
export interface SourceNode {
  /** Plain value: objects, arrays and scalars, variables expanded. */
  readonly value: unknown;
  /** Offsets of the value as written. */
  readonly start: number;
  readonly end: number;
  readonly children: ReadonlyMap<string | number, SourceChild>;
  /** Scalars: the text after expansion, before it was given a type. */
  readonly text?: string;
  /** Values below and with this one, counted as often as they are used. */
  readonly size: number;
  /** A problem has been reported for it: what it holds means nothing. */
  readonly broken: boolean;
}

export interface SourceChild {
  readonly node: SourceNode;
  /** Offset of the key; of the value in a list. */
  readonly keyStart: number;
}

/** How far `path` leads: the deepest node that was written, and whether that is the path's own. */
export function descend(
  root: SourceNode,
  path: ConfigPath,
): { node: SourceNode; complete: boolean; broken: boolean } {
  let node = root;
  for (const key of path) {
    const child = node.broken ? undefined : node.children.get(key);
    if (child === undefined) return { node, complete: false, broken: node.broken };
    node = child.node;
  }
  return { node, complete: true, broken: node.broken };
}
