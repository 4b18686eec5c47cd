import type { Layout, LayoutNode, ScalarNode } from '../../bpf/index.js';

/** One value of a record, key or entry. */
export interface FieldSummary {
  /** `comm`, `addr.port`, `slots[]`; empty for a type that is one value, not a struct. */
  readonly name: string;
  /** `u32`, `duration`, `char[16]`, `ipv4_addr`, `u64[20]` */
  readonly type: string;
}

export function fieldsOf(layout: Layout): FieldSummary[] {
  const fields: FieldSummary[] = [];
  const walk = (node: LayoutNode, name: string): void => {
    if ('members' in node) {
      for (const member of node.members)
        walk(member.node, name === '' ? member.name : `${name}.${member.name}`);
    } else if (node.kind === 'array' && 'members' in innermost(node)) {
      walk(node.element, `${name}[]`);
    } else {
      fields.push({ name, type: typeName(node, '') });
    }
  };
  walk(layout.root, '');
  return fields;
}

/** What kind of value it is; C's name of the type for a struct. */
export function typeName(node: LayoutNode, cName: string): string {
  if ('members' in node) return cName || node.kind;
  if (node.kind !== 'array') return scalarName(node);
  let lengths = '';
  let at: LayoutNode = node;
  for (; at.kind === 'array'; at = at.element) lengths += `[${at.length}]`;
  return `${typeName(at, 'struct')}${lengths}`;
}

function innermost(node: LayoutNode): LayoutNode {
  return node.kind === 'array' ? innermost(node.element) : node;
}

function scalarName(node: ScalarNode): string {
  switch (node.kind) {
    case 'int': {
      const name = node.format ?? `${node.signed ? 's' : 'u'}${node.size * 8}`;
      return node.bits === undefined ? name : `${name}:${node.bits.width}`;
    }
    case 'float':
      return `f${node.size * 8}`;
    case 'string':
      return `char[${node.size}]`;
    case 'address':
      return `${node.family}_addr`;
    default:
      return node.kind;
  }
}
