/**
 * Bounds that keep hostile objects from costing more than their bytes are worth. Real objects stay far below:
 * the kernel itself stops at 32 levels of types (kernel/bpf/btf.c, MAX_RESOLVE_DEPTH) and 64 maps a program.
 */
export const LIMITS = {
  /** Nodes of one layout, arrays counting as one element. */
  layoutNodes: 4096,
  /** Nodes of all layouts of an object together. */
  objectNodes: 65_536,
  /** Nesting of structs and arrays, and length of a chain of typedefs and qualifiers. */
  typeDepth: 64,
  /** Types within types of a whole object, typedefs and qualifiers counted: no recursion of libbpf's goes deeper. */
  nesting: 256,
  /** Bytes of a type: the longest record a ring buffer takes (BPF_RINGBUF_HDR_SZ keeps two bits of a u32). */
  typeBytes: 2 ** 30 - 1,
  /** Maps of an object. */
  maps: 1024,
  /** Bytes of one name. */
  nameBytes: 4096,
  /** Bytes of all names that were decoded from one string table, over the table's own size. */
  namesBytes: 2 ** 24,
} as const;
