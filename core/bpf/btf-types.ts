/**
 * BTF's types, kinds 1 to 19, as Documentation/bpf/btf.rst of Linux 6.18 describes them. `type` fields are ids
 * of other types (0 is void) and are not checked until they are followed.
 */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPtr
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfFwd
  | BtfAlias
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;

export type BtfKind = BtfType['kind'];

/** Id 0, which has no bytes of its own. */
export interface BtfVoid {
  readonly kind: 'void';
  readonly name: '';
}

export interface BtfInt {
  readonly kind: 'int';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  /** BTF_INT_CHAR; clang never sets it for C's `char`. */
  readonly char: boolean;
  readonly bool: boolean;
  /** Bits of the value and where they begin: other than all from 0 only for bit fields of objects without kind_flag. */
  readonly bits: number;
  readonly bitOffset: number;
}

export interface BtfPtr {
  readonly kind: 'ptr';
  readonly name: string;
  readonly type: number;
}

export interface BtfArray {
  readonly kind: 'array';
  readonly name: string;
  readonly type: number;
  readonly indexType: number;
  readonly length: number;
}

export interface BtfComposite {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  /** kind_flag: widths of bit fields stand in the members, not in the ints. */
  readonly memberWidths: boolean;
  readonly members: readonly BtfMember[];
}

export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** Bits of a bit field; 0 for a plain member. */
  readonly width: number;
}

export interface BtfEnum {
  readonly kind: 'enum' | 'enum64';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfFwd {
  readonly kind: 'fwd';
  readonly name: string;
  readonly of: 'struct' | 'union';
}

/** Another name or another quality of the same type. Only a typedef has a name of meaning, or a type_tag. */
export interface BtfAlias {
  readonly kind: 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';
  readonly name: string;
  readonly type: number;
}

export interface BtfFunc {
  readonly kind: 'func';
  readonly name: string;
  readonly type: number;
  readonly linkage: 'static' | 'global' | 'extern';
}

export interface BtfFuncProto {
  readonly kind: 'func_proto';
  readonly name: string;
  readonly returns: number;
  /** The last one has no name and type 0 where the function is variadic. */
  readonly params: readonly { readonly name: string; readonly type: number }[];
}

export interface BtfVar {
  readonly kind: 'var';
  readonly name: string;
  readonly type: number;
  readonly linkage: 'static' | 'global' | 'extern';
}

export interface BtfDatasec {
  readonly kind: 'datasec';
  /** Name of the ELF section. */
  readonly name: string;
  /** 0 until a linker has filled it in. */
  readonly size: number;
  readonly variables: readonly BtfSectionVariable[];
}

export interface BtfSectionVariable {
  /** Id of a `var`, or of an extern `func`. */
  readonly type: number;
  /** 0 until a linker has filled it in, except for static variables. */
  readonly offset: number;
  readonly size: number;
}

export interface BtfFloat {
  readonly kind: 'float';
  readonly name: string;
  readonly size: number;
}

export interface BtfDeclTag {
  readonly kind: 'decl_tag';
  readonly name: string;
  readonly type: number;
  /** Member or parameter; -1: the type itself. */
  readonly component: number;
}
