import type { Btf } from './btf.js';
import type { BtfDatasec } from './btf-types.js';
import type { Elf, ElfSection } from './elf.js';
import { BpfError } from './error.js';

/** A global of a data section: name and place from the symbol table, type from BTF's DATASEC. */
export interface SectionVariable {
  readonly name: string;
  /** Id of its BTF `var`. */
  readonly id: number;
  readonly type: number;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
}

export interface VariableSection {
  readonly section: ElfSection;
  /** By offset; they do not overlap. */
  readonly variables: readonly SectionVariable[];
}

/**
 * The variables of all sections with such a name, in the order of the sections. clang leaves DATASEC's size at 0
 * and the offsets of globals to the symbol table; a linker fills both in.
 */
export function sectionVariables(elf: Elf, btf: Btf, isWanted: (name: string) => boolean): VariableSection[] {
  const sections = uniqueSections(elf, isWanted);
  const datasecs = new Map<string, BtfDatasec>();
  for (const id of btf.ids('datasec')) {
    const type = btf.type(id);
    if (type.kind === 'datasec' && !datasecs.has(type.name)) datasecs.set(type.name, type);
  }
  const symbols = new Map<number, Map<string, number>>(sections.map(({ index }) => [index, new Map()]));
  for (const { section, kind, local, name, value } of elf.symbols) {
    if (kind === 'object' && !local) symbols.get(section)?.set(name, value);
  }
  return sections.map((section) => {
    const datasec = datasecs.get(section.name);
    return { section, variables: datasec ? place(btf, section, datasec, symbols.get(section.index)) : [] };
  });
}

function uniqueSections(elf: Elf, isWanted: (name: string) => boolean): ElfSection[] {
  const sections = new Map<string, ElfSection>();
  for (const section of elf.sections) {
    if (!isWanted(section.name) || section.size === 0) continue;
    if (sections.has(section.name)) {
      throw new BpfError(
        'malformed-elf',
        `section ${section.index} (${section.name})`,
        'a second one of that name',
      );
    }
    sections.set(section.name, section);
  }
  return [...sections.values()];
}

function place(
  btf: Btf,
  section: ElfSection,
  datasec: BtfDatasec,
  symbols: ReadonlyMap<string, number> | undefined,
): SectionVariable[] {
  const where = `section ${section.index} (${section.name})`;
  const variables: SectionVariable[] = [];
  for (const { type, offset, size } of datasec.variables) {
    const variable = btf.type(type);
    if (variable.kind !== 'var')
      throw new BpfError('malformed-btf', where, `BTF puts a ${variable.kind} into it`);
    // Offsets of static variables are always right; those of globals are once a linker gave the section a size.
    const isPlaced = variable.linkage === 'static' || datasec.size > 0;
    const symbol = isPlaced ? undefined : symbols?.get(variable.name);
    variables.push({ name: variable.name, id: type, type: variable.type, offset: symbol ?? offset, size });
  }
  variables.sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const variable of variables) {
    if (variable.offset < end) {
      throw new BpfError(
        'malformed-btf',
        where,
        `variable ${variable.name} at ${variable.offset} overlaps another`,
      );
    }
    end = variable.offset + variable.size;
    if (end > section.size) {
      throw new BpfError(
        'malformed-btf',
        where,
        `variable ${variable.name} ends at byte ${end} of ${section.size}`,
      );
    }
  }
  return variables;
}
