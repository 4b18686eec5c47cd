import { ByteReader } from './byte-reader.js';
import { BpfError } from './error.js';
import { StringTable } from './string-table.js';

// Constants of the ELF-64 object file format, version 1.5, and of the generic ABI's later tables.
export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const REL_SIZE = 16;
export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  NOBITS: 8,
  REL: 9,
  GROUP: 17,
  SYMTAB_SHNDX: 18,
} as const;
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4, INFO_LINK: 0x40 } as const;
export const SHN_LORESERVE = 0xff00;
const ET_REL = 1;
const EM_BPF = 247;
const MACHINES: Readonly<Record<number, string>> = {
  3: 'i386',
  8: 'MIPS',
  21: 'PowerPC64',
  22: 's390',
  40: 'ARM',
  62: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
};

export type SymbolKind = 'none' | 'object' | 'function' | 'section' | 'file' | 'other';
const SYMBOL_KINDS: readonly SymbolKind[] = ['none', 'object', 'function', 'section', 'file'];

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly link: number;
  readonly info: number;
  /** Bytes in memory. */
  readonly size: number;
  readonly align: number;
  readonly entrySize: number;
  /** Window on the file; empty for NOBITS (`.bss`). */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly name: string;
  readonly kind: SymbolKind;
  readonly local: boolean;
  /** Index of its section; 0 for undefined and special ones (absolute, common). */
  readonly section: number;
  /** Bytes from the start of its section. */
  readonly value: number;
  readonly size: number;
}

export interface Elf {
  /** The ELF header as it stands. */
  readonly header: Uint8Array;
  /** Index of the section that holds the names of sections. */
  readonly namesIndex: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

/**
 * Sections and symbols of a relocatable ELF64 little-endian BPF object. Everything else is refused by name.
 * Borrows `bytes`: they must not change while the result is in use.
 */
export function parseElf(bytes: Uint8Array): Elf {
  checkIdentity(bytes);
  const reader = new ByteReader(bytes, 'ELF', 'malformed-elf');
  const sections = readSections(reader);
  return {
    header: reader.slice(0, EHDR_SIZE),
    namesIndex: reader.u16(62),
    sections,
    symbols: readSymbols(sections),
  };
}

/** The one section of that name; undefined when there is none, an error when there are several. */
export function sectionNamed(elf: Elf, name: string): ElfSection | undefined {
  const found = elf.sections.filter((section) => section.name === name);
  if (found.length > 1)
    throw new BpfError('malformed-elf', `section ${name}`, `there are ${found.length} of that name`);
  return found[0];
}

function checkIdentity(bytes: Uint8Array): void {
  if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw new BpfError('not-elf', 'ELF', 'not an ELF file: it does not begin with 7f 45 4c 46');
  }
  const reader = new ByteReader(bytes, 'ELF header', 'malformed-elf');
  if (reader.u8(4) !== 2) throw new BpfError('wrong-class', 'ELF header', 'not a 64-bit ELF file');
  if (reader.u8(5) === 2) {
    throw new BpfError('big-endian', 'ELF header', 'big-endian object; build it with -target bpfel');
  }
  if (reader.u8(5) !== 1)
    throw new BpfError('malformed-elf', 'ELF header', `unknown byte order ${reader.u8(5)}`);
  const machine = reader.u16(18);
  if (machine !== EM_BPF) {
    const name = MACHINES[machine] ?? `machine ${machine}`;
    throw new BpfError(
      'wrong-machine',
      'ELF header',
      `built for ${name}, not for BPF; build it with -target bpf`,
    );
  }
  const type = reader.u16(16);
  if (type !== ET_REL)
    throw new BpfError('malformed-elf', 'ELF header', `type ${type}, not a relocatable object`);
}

function readSections(reader: ByteReader): ElfSection[] {
  const tableOffset = reader.u64(40);
  const entrySize = reader.u16(58);
  const count = reader.u16(60);
  const namesIndex = reader.u16(62);
  if (count === 0) {
    if (tableOffset === 0) throw new BpfError('malformed-elf', 'ELF header', 'no section headers');
    throw new BpfError('unsupported', 'ELF header', 'more than 65279 sections');
  }
  if (entrySize !== SHDR_SIZE) {
    throw new BpfError(
      'malformed-elf',
      'ELF header',
      `section headers of ${entrySize} bytes, not ${SHDR_SIZE}`,
    );
  }
  const table = new ByteReader(
    reader.slice(tableOffset, count * SHDR_SIZE),
    'section headers',
    'malformed-elf',
  );
  if (namesIndex >= count) {
    throw new BpfError('malformed-elf', 'ELF header', `section names in section ${namesIndex} of ${count}`);
  }
  const data = (index: number): Uint8Array => {
    const at = index * SHDR_SIZE;
    const type = table.u32(at + 4);
    if (type === SHT.NOBITS || type === SHT.NULL) return new Uint8Array(0);
    const offset = table.u64(at + 24);
    const size = table.u64(at + 32);
    if (offset + size > reader.length) {
      throw new BpfError(
        'malformed-elf',
        `section ${index}`,
        `its bytes ${offset} to ${offset + size} lie outside the file of ${reader.length} bytes`,
      );
    }
    return reader.slice(offset, size);
  };
  const names = new StringTable(data(namesIndex), `section ${namesIndex} (names)`, 'malformed-elf');
  const sections: ElfSection[] = [];
  let total = 0;
  for (let index = 0; index < count; index++) {
    const at = index * SHDR_SIZE;
    sections.push({
      index,
      name: index === 0 ? '' : names.at(table.u32(at)),
      type: table.u32(at + 4),
      flags: table.u64(at + 8),
      data: data(index),
      size: table.u64(at + 32),
      link: table.u32(at + 40),
      info: table.u32(at + 44),
      align: table.u64(at + 48),
      entrySize: table.u64(at + 56),
    });
    // Sections of an object do not overlap. Copying ones that do could make gigabytes of a small file.
    total += sections[index]!.data.length;
    if (total > reader.length) throw new BpfError('malformed-elf', `section ${index}`, 'sections overlap');
  }
  return sections;
}

function readSymbols(sections: readonly ElfSection[]): ElfSymbol[] {
  const tables = sections.filter((section) => section.type === SHT.SYMTAB);
  const [table] = tables;
  if (!table) return [];
  const where = `section ${table.index} (${table.name})`;
  if (tables.length > 1) throw new BpfError('malformed-elf', where, 'a second symbol table');
  if (sections.some((section) => section.type === SHT.SYMTAB_SHNDX)) {
    throw new BpfError('unsupported', where, 'extended section indices');
  }
  if (table.data.length % SYM_SIZE !== 0) {
    throw new BpfError('malformed-elf', where, `${table.data.length} bytes are no whole number of symbols`);
  }
  const strings = sections[table.link];
  if (!strings)
    throw new BpfError('malformed-elf', where, `names in section ${table.link}, which is not there`);
  const names = new StringTable(strings.data, `section ${strings.index} (${strings.name})`, 'malformed-elf');
  const reader = new ByteReader(table.data, where, 'malformed-elf');
  const symbols: ElfSymbol[] = [];
  for (let at = 0; at < reader.length; at += SYM_SIZE) {
    const info = reader.u8(at + 4);
    const section = reader.u16(at + 6);
    if (section < SHN_LORESERVE && section >= sections.length) {
      throw new BpfError(
        'malformed-elf',
        where,
        `symbol ${at / SYM_SIZE} is in section ${section} of ${sections.length}`,
      );
    }
    symbols.push({
      name: names.at(reader.u32(at)),
      kind: SYMBOL_KINDS[info & 15] ?? 'other',
      local: info >> 4 === 0,
      section: section >= SHN_LORESERVE ? 0 : section,
      value: reader.u64(at + 8),
      size: reader.u64(at + 16),
    });
  }
  return symbols;
}
