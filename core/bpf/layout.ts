/**
 * What the bytes of a record mean: a BTF type with everything indirect resolved (typedefs, qualifiers,
 * forward declarations), so that a decoder can be generated from it without looking at BTF again.
 * Plain data: it crosses to worker threads by structured clone.
 *
 * Byte order is little-endian throughout; `core/bpf` refuses other objects by name.
 */
export interface Layout {
  /** Name of the C type, e.g. `struct event`; empty for an anonymous one. */
  readonly typeName: string;
  /** sizeof, bytes. A record shorter than this is malformed; bytes beyond it are ignored. */
  readonly size: number;
  readonly root: LayoutNode;
}

export type LayoutNode = StructNode | ArrayNode | ScalarNode;

/** struct or union. Anonymous members are already folded into their parent, as C's name lookup does. */
export interface StructNode {
  readonly kind: 'struct' | 'union';
  readonly size: number;
  readonly members: readonly LayoutMember[];
}

export interface LayoutMember {
  readonly name: string;
  /** Bytes from the start of the enclosing struct. For a bit field: of the byte that holds its first bit. */
  readonly offset: number;
  readonly node: LayoutNode;
}

/** A fixed-size array of anything but `char` (which is a string). `length` may be 0. */
export interface ArrayNode {
  readonly kind: 'array';
  readonly length: number;
  /** Bytes from one element to the next. */
  readonly stride: number;
  readonly element: LayoutNode;
}

export type ScalarNode = IntNode | FloatNode | BoolNode | StringNode | EnumNode | PointerNode | AddressNode;

/**
 * How an integer is shown, from the name of its typedef: `duration` (ns), `ktime` (ns of CLOCK_MONOTONIC),
 * `boottime` (ns of CLOCK_BOOTTIME). `char`: what C calls so, one byte.
 */
export type IntFormat = 'duration' | 'ktime' | 'boottime' | 'char';

export interface IntNode {
  readonly kind: 'int';
  /** Bytes of storage, 1 to 16. For a bit field: bytes that the bits touch (1 to 9). */
  readonly size: number;
  readonly signed: boolean;
  readonly format?: IntFormat;
  readonly bits?: BitField;
}

/** A bit field: `shift` bits above bit 0 of the byte at the member's offset (0 to 7), `width` bits wide (1 to 64). */
export interface BitField {
  readonly shift: number;
  readonly width: number;
}

export interface FloatNode {
  readonly kind: 'float';
  readonly size: 4 | 8;
}

/** `_Bool`: any byte but 0 is true. May be a bit field. */
export interface BoolNode {
  readonly kind: 'bool';
  readonly size: number;
  readonly bits?: BitField;
}

/** `char[size]`: text up to the first NUL; what lies behind it is no part of the value. */
export interface StringNode {
  readonly kind: 'string';
  readonly size: number;
}

export interface EnumNode {
  readonly kind: 'enum';
  readonly size: number;
  readonly signed: boolean;
  /**
   * Decimal value → name. The first name wins when several share a value. Empty where the object does not say them
   * right: 64-bit enums of clang before 15.
   */
  readonly names: Readonly<Record<string, string>>;
  readonly bits?: BitField;
}

/** Shown as hex, `0xffff888100000000`. Always 8 bytes in BPF. */
export interface PointerNode {
  readonly kind: 'pointer';
  readonly size: 8;
}

/**
 * `ipv4_addr` (4 bytes), `ipv6_addr` (16 bytes; BumbleBee's own header makes it a u32, which is then
 * shown as IPv4), `mac_addr` and `eth_addr` (6 bytes): all in network order, as they lie in memory.
 */
export interface AddressNode {
  readonly kind: 'address';
  readonly family: 'ipv4' | 'ipv6' | 'mac';
  readonly size: number;
}
