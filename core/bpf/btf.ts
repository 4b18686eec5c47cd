import type { BtfKind, BtfType } from './btf-types.js';
import { ByteReader } from './byte-reader.js';
import { BpfError } from './error.js';
import { StringTable } from './string-table.js';

const MAGIC = 0xeb9f;
const TYPE_SIZE = 12;

/** By number, from include/uapi/linux/btf.h; `each` are the bytes that follow a type, `fixed` once, `each` a vlen. */
const KINDS: readonly { readonly kind: BtfKind; readonly fixed: number; readonly each: number }[] = [
  { kind: 'void', fixed: 0, each: 0 },
  { kind: 'int', fixed: 4, each: 0 },
  { kind: 'ptr', fixed: 0, each: 0 },
  { kind: 'array', fixed: 12, each: 0 },
  { kind: 'struct', fixed: 0, each: 12 },
  { kind: 'union', fixed: 0, each: 12 },
  { kind: 'enum', fixed: 0, each: 8 },
  { kind: 'fwd', fixed: 0, each: 0 },
  { kind: 'typedef', fixed: 0, each: 0 },
  { kind: 'volatile', fixed: 0, each: 0 },
  { kind: 'const', fixed: 0, each: 0 },
  { kind: 'restrict', fixed: 0, each: 0 },
  { kind: 'func', fixed: 0, each: 0 },
  { kind: 'func_proto', fixed: 0, each: 8 },
  { kind: 'var', fixed: 4, each: 0 },
  { kind: 'datasec', fixed: 0, each: 12 },
  { kind: 'float', fixed: 0, each: 0 },
  { kind: 'decl_tag', fixed: 4, each: 0 },
  { kind: 'type_tag', fixed: 0, each: 0 },
  { kind: 'enum64', fixed: 0, each: 12 },
];
const LINKAGES = ['static', 'global', 'extern'] as const;

/** Where the two parts of a `.BTF` section lie, and where each type begins. */
export interface BtfExtent {
  readonly types: Uint8Array;
  readonly strings: Uint8Array;
  /** Of the types' part in the section. */
  readonly typesOffset: number;
  /** Of each type in `types`, by id; the one of id 0 means nothing. One more at the end: the length of `types`. */
  readonly starts: Uint32Array;
}

/**
 * The types of an object, or of a kernel (`/sys/kernel/btf/vmlinux`, 5 MB, 10 ms): found at once, decoded when
 * they are asked for, so that a big BTF costs four bytes a type. Borrows the bytes.
 */
export class Btf {
  private readonly reader: ByteReader;
  private readonly names: StringTable;
  private readonly decoded = new Map<number, BtfType>();

  constructor(
    readonly extent: BtfExtent,
    /**
     * Whether enums say if they are signed. clang did not before version 16, which also brought enum64: there an
     * enum's kind_flag is always 0.
     */
    private readonly enumsHaveSign: boolean,
  ) {
    this.reader = new ByteReader(extent.types, 'BTF types', 'malformed-btf');
    this.names = new StringTable(extent.strings, 'BTF strings', 'malformed-btf');
  }

  /** Number of types, void included: ids are below it. */
  get count(): number {
    return this.extent.starts.length - 1;
  }

  type(id: number): BtfType {
    const known = this.decoded.get(id);
    if (known) return known;
    if (id >= this.count)
      throw new BpfError('malformed-btf', `BTF type ${id}`, `there are only ${this.count}`);
    const type = id === 0 ? ({ kind: 'void', name: '' } as const) : this.decode(id);
    this.decoded.set(id, type);
    return type;
  }

  /** Id of the first type of this kind and name. */
  find(kind: BtfKind, name: string): number | undefined {
    const encoded = new TextEncoder().encode(name);
    for (let id = 1; id < this.count; id++) {
      if (this.kind(id) !== kind) continue;
      if (this.names.matches(this.reader.u32(this.start(id)), encoded)) return id;
    }
    return undefined;
  }

  /** Ids of all types of this kind, ascending. */
  *ids(kind: BtfKind): Generator<number> {
    for (let id = 1; id < this.count; id++) if (this.kind(id) === kind) yield id;
  }

  private kind(id: number): BtfKind {
    return kindOf(this.reader.u32(this.start(id) + 4), id).kind;
  }

  private start(id: number): number {
    return this.extent.starts[id]!;
  }

  private decode(id: number): BtfType {
    const { reader } = this;
    const at = this.start(id);
    const info = reader.u32(at + 4);
    const { kind } = kindOf(info, id);
    const vlen = info & 0xffff;
    const flag = info >>> 31 === 1;
    const name = this.names.at(reader.u32(at));
    const sizeOrType = reader.u32(at + 8);
    const body = at + TYPE_SIZE;
    switch (kind) {
      case 'void':
        throw new BpfError('malformed-btf', `BTF type ${id}`, 'kind 0');
      case 'int': {
        const data = reader.u32(body);
        const encoding = (data >>> 24) & 15;
        return {
          kind,
          name,
          size: sizeOrType,
          signed: (encoding & 1) !== 0,
          char: (encoding & 2) !== 0,
          bool: (encoding & 4) !== 0,
          bits: data & 0xff,
          bitOffset: (data >>> 16) & 0xff,
        };
      }
      case 'ptr':
        return { kind, name, type: sizeOrType };
      case 'array':
        return {
          kind,
          name,
          type: reader.u32(body),
          indexType: reader.u32(body + 4),
          length: reader.u32(body + 8),
        };
      case 'struct':
      case 'union':
        return {
          kind,
          name,
          size: sizeOrType,
          memberWidths: flag,
          members: repeat(vlen, body, 12, (p) => {
            const offset = reader.u32(p + 8);
            return {
              name: this.names.at(reader.u32(p)),
              type: reader.u32(p + 4),
              bitOffset: flag ? offset & 0xffffff : offset,
              width: flag ? offset >>> 24 : 0,
            };
          }),
        };
      case 'enum': {
        const signed = flag || (!this.enumsHaveSign && this.looksSigned(body, vlen, sizeOrType));
        return {
          kind,
          name,
          size: sizeOrType,
          signed,
          values: repeat(vlen, body, 8, (p) => ({
            name: this.names.at(reader.u32(p)),
            value: BigInt(signed ? reader.i32(p + 4) : reader.u32(p + 4)),
          })),
        };
      }
      case 'enum64':
        return {
          kind,
          name,
          size: sizeOrType,
          signed: flag,
          values: repeat(vlen, body, 12, (p) => ({
            name: this.names.at(reader.u32(p)),
            value: (BigInt(flag ? reader.i32(p + 8) : reader.u32(p + 8)) << 32n) | BigInt(reader.u32(p + 4)),
          })),
        };
      case 'fwd':
        return { kind, name, of: flag ? 'union' : 'struct' };
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return { kind, name, type: sizeOrType };
      case 'func':
        return { kind, name, type: sizeOrType, linkage: linkageOf(vlen, id) };
      case 'func_proto':
        return {
          kind,
          name,
          returns: sizeOrType,
          params: repeat(vlen, body, 8, (p) => ({
            name: this.names.at(reader.u32(p)),
            type: reader.u32(p + 4),
          })),
        };
      case 'var':
        return { kind, name, type: sizeOrType, linkage: linkageOf(reader.u32(body), id) };
      case 'datasec':
        return {
          kind,
          name,
          size: sizeOrType,
          variables: repeat(vlen, body, 12, (p) => ({
            type: reader.u32(p),
            offset: reader.u32(p + 4),
            size: reader.u32(p + 8),
          })),
        };
      case 'float':
        return { kind, name, size: sizeOrType };
      case 'decl_tag':
        return { kind, name, type: sizeOrType, component: reader.i32(body) };
    }
  }

  /**
   * Without a sign flag, 0xfffffff2 is either -14 or a flag word. Below four bytes it can only be negative; at
   * four, C's enums of error numbers are the common case and take the last page, as the kernel's IS_ERR does.
   */
  private looksSigned(body: number, vlen: number, size: number): boolean {
    const least = size < 4 ? 0x80000000 : 0xfffff001;
    for (let i = 0; i < vlen; i++) if (this.reader.u32(body + i * 8 + 4) >= least) return true;
    return false;
  }
}

/** Parse the content of a `.BTF` section, or a kernel's BTF file. */
export function parseBtf(bytes: Uint8Array): Btf {
  const reader = new ByteReader(bytes, '.BTF', 'malformed-btf');
  const magic = reader.u16(0);
  if (magic === 0x9feb) throw new BpfError('big-endian', '.BTF', 'big-endian type information');
  if (magic !== MAGIC)
    throw new BpfError('malformed-btf', '.BTF', `magic ${magic.toString(16)}, not ${MAGIC.toString(16)}`);
  const version = reader.u8(2);
  if (version !== 1) throw new BpfError('unsupported', '.BTF', `version ${version}`);
  const headerLength = reader.u32(4);
  if (headerLength < 24) throw new BpfError('malformed-btf', '.BTF', `header of ${headerLength} bytes`);
  const typesOffset = headerLength + reader.u32(8);
  const types = reader.slice(typesOffset, reader.u32(12));
  const strings = reader.slice(headerLength + reader.u32(16), reader.u32(20));
  if (strings.length > 0 && (strings[0] !== 0 || strings[strings.length - 1] !== 0)) {
    throw new BpfError('malformed-btf', '.BTF', 'its strings do not begin and end with NUL');
  }
  return locateTypes(types, strings, typesOffset);
}

function locateTypes(types: Uint8Array, strings: Uint8Array, typesOffset: number): Btf {
  const reader = new ByteReader(types, 'BTF types', 'malformed-btf');
  // A type has at least 12 bytes, which bounds how many there can be.
  const starts = new Uint32Array(Math.floor(types.length / TYPE_SIZE) + 2);
  let enumsHaveSign = false;
  let id = 1;
  let at = 0;
  for (; at < types.length; id++) {
    if (at + TYPE_SIZE > types.length) {
      throw new BpfError('malformed-btf', `BTF type ${id}`, `cut off at byte ${types.length} of the types`);
    }
    starts[id] = at;
    const info = reader.u32(at + 4);
    const { kind, fixed, each } = kindOf(info, id);
    if (kind === 'enum64' || (kind === 'enum' && info >>> 31 === 1)) enumsHaveSign = true;
    at += TYPE_SIZE + fixed + each * (info & 0xffff);
    if (at > types.length) {
      throw new BpfError(
        'malformed-btf',
        `BTF type ${id}`,
        `${kind} ends ${at - types.length} bytes behind the types`,
      );
    }
  }
  starts[id] = at;
  return new Btf({ types, strings, typesOffset, starts: starts.subarray(0, id + 1) }, enumsHaveSign);
}

function kindOf(info: number, id: number): (typeof KINDS)[number] {
  const number = (info >>> 24) & 0x1f;
  const kind = KINDS[number];
  if (number === 0 || !kind) throw new BpfError('malformed-btf', `BTF type ${id}`, `unknown kind ${number}`);
  return kind;
}

function linkageOf(number: number, id: number): (typeof LINKAGES)[number] {
  const linkage = LINKAGES[number];
  if (!linkage) throw new BpfError('malformed-btf', `BTF type ${id}`, `unknown linkage ${number}`);
  return linkage;
}

function repeat<T>(count: number, start: number, stride: number, read: (at: number) => T): T[] {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read(start + i * stride));
  return items;
}
