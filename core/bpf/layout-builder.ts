import type { Btf } from './btf.js';
import type { BtfComposite, BtfEnum, BtfInt, BtfMember } from './btf-types.js';
import { BpfError } from './error.js';
import type { AddressNode, BitField, IntFormat, Layout, LayoutMember, LayoutNode } from './layout.js';
import { LIMITS } from './limits.js';
import { type Resolved, resolve, sizeOf, typeNameOf, whereIs } from './resolve.js';

const INT_FORMATS: ReadonlySet<string> = new Set<IntFormat>(['duration', 'ktime', 'boottime']);

const NO_NAMES = {};

/** Typedef names of `solo_types.h` and `bee.h`, and what they mean at each size that they are known to have. */
const ADDRESSES: Readonly<Record<string, Readonly<Record<number, AddressNode['family']>>>> = {
  ipv4_addr: { 4: 'ipv4' },
  ipv6_addr: { 16: 'ipv6', 4: 'ipv4' },
  mac_addr: { 6: 'mac' },
  eth_addr: { 6: 'mac' },
};

/**
 * Makes layouts of the types of one BTF, each once, so that what many maps share is built and kept once.
 * Works in time and memory bounded by {@link LIMITS}, whatever the BTF says.
 */
export class LayoutBuilder {
  private readonly layouts = new Map<number, Layout>();
  private readonly enumNames = new Map<number, Readonly<Record<string, string>>>();
  /** Structs that are being walked: meeting one again means that it contains itself. */
  private readonly open = new Set<number>();
  private nodesLeft = 0;
  private objectNodesLeft: number = LIMITS.objectNodes;

  constructor(private readonly btf: Btf) {}

  layout(typeId: number): Layout {
    const known = this.layouts.get(typeId);
    if (known) return known;
    this.open.clear();
    this.nodesLeft = Math.min(LIMITS.layoutNodes, this.objectNodesLeft);
    const budget = this.nodesLeft;
    try {
      const root = this.node(typeId, 0);
      const layout = { typeName: typeNameOf(this.btf, typeId), size: sizeOf(this.btf, typeId), root };
      this.layouts.set(typeId, layout);
      return layout;
    } finally {
      this.objectNodesLeft -= budget - this.nodesLeft;
    }
  }

  private node(typeId: number, depth: number): LayoutNode {
    this.spend(typeId, depth);
    const resolved = resolve(this.btf, typeId);
    const address = this.address(typeId, resolved);
    if (address) return address;
    const { type } = resolved;
    switch (type.kind) {
      case 'int':
        return this.int(typeId, type, resolved.typedefs);
      case 'float':
        if (type.size === 4 || type.size === 8) return { kind: 'float', size: type.size };
        throw new BpfError('unsupported', whereIs(this.btf, typeId), `a float of ${type.size} bytes`);
      case 'enum':
      case 'enum64':
        return {
          kind: 'enum',
          size: this.enumSize(typeId, type),
          signed: type.signed,
          names: this.names(resolved.id, type),
        };
      case 'ptr':
        return { kind: 'pointer', size: 8 };
      case 'array':
        return this.array(typeId, type.type, type.length, depth);
      case 'struct':
      case 'union':
        return this.composite(resolved.id, type, depth);
      default:
        throw new BpfError('malformed-btf', whereIs(this.btf, typeId), `a ${type.kind} is no value`);
    }
  }

  private int(typeId: number, type: BtfInt, typedefs: readonly string[]): LayoutNode {
    const where = whereIs(this.btf, typeId);
    if (type.size < 1 || type.size > 16)
      throw new BpfError('unsupported', where, `an integer of ${type.size} bytes`);
    if (type.bits !== type.size * 8 || type.bitOffset !== 0) {
      // Documentation/bpf/btf.rst: such ints are for members of structs only.
      throw new BpfError(
        'malformed-btf',
        where,
        `${type.bits} bits at bit ${type.bitOffset}, outside of a struct`,
      );
    }
    if (type.bool) return { kind: 'bool', size: type.size };
    const int = { kind: 'int', size: type.size, signed: type.signed } as const;
    // As for arrays: `signed char` and `unsigned char` (u8) are numbers.
    if (type.size === 1 && type.name === 'char') return { ...int, format: 'char' };
    const format = type.size === 8 ? typedefs.find((name) => INT_FORMATS.has(name)) : undefined;
    return format === undefined ? int : { ...int, format: format as IntFormat };
  }

  private address(typeId: number, { typedefs }: Resolved): AddressNode | undefined {
    for (const name of typedefs) {
      if (!Object.hasOwn(ADDRESSES, name)) continue;
      const size = sizeOf(this.btf, typeId);
      const family = ADDRESSES[name]?.[size];
      if (family) return { kind: 'address', family, size };
    }
    return undefined;
  }

  private array(typeId: number, elementId: number, length: number, depth: number): LayoutNode {
    const element = resolve(this.btf, elementId).type;
    const size = sizeOf(this.btf, typeId);
    // Only what C calls `char`: `signed char` and `unsigned char` (u8) are numbers.
    if (element.kind === 'int' && element.name === 'char' && element.size === 1)
      return { kind: 'string', size };
    const stride = sizeOf(this.btf, elementId);
    const node = this.node(elementId, depth + 1);
    // Elements without bytes say nothing, and a length of 2^32 of them would cost the decoder real time.
    return { kind: 'array', length: stride === 0 ? 0 : length, stride, element: node };
  }

  private composite(id: number, type: BtfComposite, depth: number): LayoutNode {
    sizeOf(this.btf, id);
    const members: LayoutMember[] = [];
    this.addMembers(members, id, type, 0, depth);
    const seen = new Set<string>();
    for (const { name } of members) {
      if (seen.has(name))
        throw new BpfError('malformed-btf', whereIs(this.btf, id), `two members named ${name}`);
      seen.add(name);
    }
    return { kind: type.kind, size: type.size, members };
  }

  private addMembers(
    members: LayoutMember[],
    id: number,
    type: BtfComposite,
    base: number,
    depth: number,
  ): void {
    if (this.open.has(id)) throw new BpfError('cyclic-type', whereIs(this.btf, id), 'it contains itself');
    this.open.add(id);
    for (const member of type.members) {
      const inner = resolve(this.btf, member.type);
      if (member.name === '') {
        // Unnamed bit fields are padding. Anonymous structs and unions lend their members to their parent.
        if (inner.type.kind !== 'struct' && inner.type.kind !== 'union') continue;
        this.spend(member.type, depth + 1);
        const offset = this.byteOffset(id, type, member, inner.type.size);
        this.addMembers(members, inner.id, inner.type, base + offset, depth + 1);
      } else {
        const { name, offset, node } = this.member(id, type, member, inner, depth);
        members.push({ name, offset: base + offset, node });
      }
    }
    this.open.delete(id);
  }

  private member(
    id: number,
    parent: BtfComposite,
    member: BtfMember,
    inner: Resolved,
    depth: number,
  ): LayoutMember {
    const { type } = inner;
    // An int that says which of its bits count is how bit fields looked before kind_flag (Linux 4.20).
    const isLegacyField =
      !parent.memberWidths && type.kind === 'int' && (type.bits !== type.size * 8 || type.bitOffset !== 0);
    const width = isLegacyField ? type.bits : member.width;
    if (width === 0) {
      if (isLegacyField)
        throw new BpfError('malformed-btf', this.memberOf(id, member), 'a bit field of no bits');
      const offset = this.byteOffset(id, parent, member, sizeOf(this.btf, member.type));
      return { name: member.name, offset, node: this.node(member.type, depth + 1) };
    }
    const firstBit = member.bitOffset + (isLegacyField ? type.bitOffset : 0);
    return this.bitField(id, parent, member, inner, firstBit, width, depth);
  }

  private bitField(
    id: number,
    parent: BtfComposite,
    member: BtfMember,
    { type, id: typeId }: Resolved,
    firstBit: number,
    width: number,
    depth: number,
  ): LayoutMember {
    this.spend(member.type, depth + 1);
    const where = this.memberOf(id, member);
    if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'enum64') {
      throw new BpfError('malformed-btf', where, `a bit field of a ${type.kind}`);
    }
    if (width > type.size * 8) {
      throw new BpfError('malformed-btf', where, `${width} bits of a type of ${type.size} bytes`);
    }
    if (width > 64) throw new BpfError('unsupported', where, `a bit field of ${width} bits`);
    if (firstBit + width > parent.size * 8) {
      throw new BpfError('malformed-btf', where, `ends at bit ${firstBit + width} of ${parent.size} bytes`);
    }
    const offset = Math.floor(firstBit / 8);
    const bits: BitField = { shift: firstBit % 8, width };
    const size = Math.ceil((bits.shift + width) / 8);
    if (type.kind !== 'int') {
      const names = this.names(typeId, type);
      return { name: member.name, offset, node: { kind: 'enum', size, signed: type.signed, names, bits } };
    }
    if (type.bool) return { name: member.name, offset, node: { kind: 'bool', size, bits } };
    return { name: member.name, offset, node: { kind: 'int', size, signed: type.signed, bits } };
  }

  /** Offset of a member that is no bit field, checked against its parent's size. */
  private byteOffset(id: number, parent: BtfComposite, member: BtfMember, size: number): number {
    const where = this.memberOf(id, member);
    if (member.bitOffset % 8 !== 0) {
      throw new BpfError('malformed-btf', where, `begins at bit ${member.bitOffset}, but is no bit field`);
    }
    const offset = member.bitOffset / 8;
    if (offset + size > parent.size) {
      throw new BpfError('malformed-btf', where, `ends at byte ${offset + size} of ${parent.size}`);
    }
    return offset;
  }

  private enumSize(typeId: number, { size }: BtfEnum): number {
    if (size === 1 || size === 2 || size === 4 || size === 8) return size;
    throw new BpfError('malformed-btf', whereIs(this.btf, typeId), `an enum of ${size} bytes`);
  }

  private names(id: number, { kind, size, values }: BtfEnum): Readonly<Record<string, string>> {
    // Before version 15 clang cut the values of a 64-bit enum to 32 bits: 1 << 40 is then said to be 0.
    if (kind === 'enum' && size === 8) return NO_NAMES;
    let names = this.enumNames.get(id);
    if (!names) {
      const made: Record<string, string> = {};
      for (const { name, value } of values) made[String(value)] ??= name;
      names = made;
      this.enumNames.set(id, names);
    }
    return names;
  }

  private memberOf(id: number, member: BtfMember): string {
    return `${whereIs(this.btf, id)}, member ${member.name || '(anonymous)'}`;
  }

  private spend(typeId: number, depth: number): void {
    if (depth > LIMITS.typeDepth) {
      throw new BpfError('limit', whereIs(this.btf, typeId), `nested more than ${LIMITS.typeDepth} deep`);
    }
    if (--this.nodesLeft < 0) {
      throw new BpfError('limit', whereIs(this.btf, typeId), `more than ${LIMITS.layoutNodes} fields`);
    }
  }
}

/** What the bytes of a type mean. Throws {@link BpfError} for types that are cyclic, too large, or no values. */
export function layoutOf(btf: Btf, typeId: number): Layout {
  return new LayoutBuilder(btf).layout(typeId);
}

/**
 * Layout by C name: `struct event`, `union u`, `enum e`, or the name of a typedef or a basic type.
 * clang keeps only types that are reachable from maps, globals and functions.
 */
export function layoutByName(btf: Btf, name: string): Layout {
  const id = findType(btf, name);
  if (id === undefined) {
    throw new BpfError(
      'unknown-type',
      name,
      "no such type in the object's BTF (clang keeps only types that a map, a global or a function's signature names)",
    );
  }
  return layoutOf(btf, id);
}

function findType(btf: Btf, name: string): number | undefined {
  const [, keyword, tag] = /^\s*(struct|union|enum)\s+(\S+)\s*$/.exec(name) ?? [];
  if (tag !== undefined) {
    if (keyword === 'enum') return btf.find('enum', tag) ?? btf.find('enum64', tag);
    return btf.find(keyword === 'struct' ? 'struct' : 'union', tag);
  }
  const plain = name.trim();
  if (plain === '') return undefined;
  return btf.find('typedef', plain) ?? btf.find('int', plain) ?? btf.find('float', plain);
}
