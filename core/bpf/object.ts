import { type Btf, parseBtf } from './btf.js';
import { type Elf, type ElfSection, parseElf, SHF, SHT, sectionNamed } from './elf.js';
import { BpfError } from './error.js';
import type { Layout } from './layout.js';
import { LayoutBuilder, layoutByName } from './layout-builder.js';
import { LIMITS } from './limits.js';
import { mapDefinition } from './map-definition.js';
import { isMapSection } from './map-kind.js';
import { resolve } from './resolve.js';
import { sectionVariables } from './section-variables.js';
import type { MapSpec, ObjectSpec, ParamSpec, ProgramSpec } from './spec.js';

/**
 * What an ELF object says: programs, maps, parameters. Throws {@link BpfError} for anything else than a
 * well-formed 64-bit little-endian BPF object, and never anything but that. Keeps none of `bytes`.
 */
export function parseObject(bytes: Uint8Array): ObjectSpec {
  const elf = parseElf(bytes);
  const btf = readBtf(elf);
  const layouts = btf && new LayoutBuilder(btf);
  return {
    license: readLicense(elf),
    programs: readPrograms(elf),
    maps: readMaps(elf, btf, layouts),
    params: btf && layouts ? readParams(elf, btf, layouts) : [],
  };
}

/** Layout of a type that the object's BTF has, by its C name: `struct event`. For `type:` of a map's config. */
export function recordLayout(bytes: Uint8Array, typeName: string): Layout {
  const btf = readBtf(parseElf(bytes));
  if (!btf) throw new BpfError('no-btf', typeName, 'the object has no BTF; build it with -g');
  return layoutByName(btf, typeName);
}

function readBtf(elf: Elf): Btf | undefined {
  const section = sectionNamed(elf, '.BTF');
  return section && parseBtf(section.data);
}

function readLicense(elf: Elf): string {
  const data = sectionNamed(elf, 'license')?.data;
  if (!data) return '';
  const end = data.indexOf(0);
  return new TextDecoder().decode(
    data.subarray(0, end < 0 ? data.length : end).subarray(0, LIMITS.nameBytes),
  );
}

/** Functions of `.text` are called by programs and are none. */
function readPrograms(elf: Elf): ProgramSpec[] {
  const isProgramSection = (section: ElfSection | undefined): section is ElfSection =>
    section !== undefined &&
    section.type === SHT.PROGBITS &&
    (section.flags & SHF.EXECINSTR) !== 0 &&
    section.name !== '.text';
  return elf.symbols
    .filter(
      ({ kind, local, section }) => kind === 'function' && !local && isProgramSection(elf.sections[section]),
    )
    .sort((a, b) => a.section - b.section || a.value - b.value)
    .map(({ name, section }) => ({ name, section: elf.sections[section]!.name }));
}

function readMaps(elf: Elf, btf: Btf | undefined, layouts: LayoutBuilder | undefined): MapSpec[] {
  if ((sectionNamed(elf, 'maps')?.size ?? 0) > 0) {
    throw new BpfError(
      'unsupported',
      'section maps',
      'maps without BTF (struct bpf_map_def), which libbpf dropped in 1.0; define them in SEC(".maps")',
    );
  }
  const first = elf.sections.find((section) => isMapSection(section.name) && section.size > 0);
  if (!first) return [];
  if (!btf || !layouts) {
    throw new BpfError(
      'no-btf',
      `section ${first.name}`,
      'its maps are described by BTF, which is missing; build with -g',
    );
  }
  const maps: MapSpec[] = [];
  for (const { section, variables } of sectionVariables(elf, btf, isMapSection)) {
    if (variables.length === 0) {
      throw new BpfError('no-btf', `section ${section.name}`, 'BTF describes none of its maps');
    }
    for (const variable of variables) {
      if (maps.length === LIMITS.maps) throw new BpfError('limit', 'object', `more than ${LIMITS.maps} maps`);
      maps.push(mapDefinition(btf, layouts, section.name, variable, maps.length));
    }
  }
  return maps;
}

/** Parameters that cannot be laid out (more fields than {@link LIMITS} allows) are left out. */
function readParams(elf: Elf, btf: Btf, layouts: LayoutBuilder): ParamSpec[] {
  const params: ParamSpec[] = [];
  for (const { section, variables } of sectionVariables(elf, btf, isParamSection)) {
    for (const variable of variables) {
      if (!isParam(btf, variable.type)) continue;
      const layout = layoutOrNone(layouts, variable.type);
      if (!layout) continue;
      const where = `parameter ${variable.name}`;
      if (layout.size > variable.size) {
        throw new BpfError('malformed-btf', where, `${variable.size} bytes for a type of ${layout.size}`);
      }
      const end = variable.offset + layout.size;
      if (end > section.data.length)
        throw new BpfError('malformed-elf', where, `${section.name} has no bytes`);
      params.push({
        name: variable.name,
        section: section.name,
        offset: variable.offset,
        layout,
        // A copy, so that a spec does not keep the object.
        initial: section.data.slice(variable.offset, end),
      });
    }
  }
  return params;
}

function isParamSection(name: string): boolean {
  return name === '.rodata' || name.startsWith('.rodata.');
}

/** `const volatile`: constant for the verifier, yet not folded by the compiler. An array's qualifiers are its elements'. */
function isParam(btf: Btf, typeId: number): boolean {
  let at = typeId;
  let isConst = false;
  let isVolatile = false;
  for (let depth = 0; depth < LIMITS.typeDepth; depth++) {
    const resolved = resolve(btf, at);
    isConst ||= resolved.isConst;
    isVolatile ||= resolved.isVolatile;
    if (resolved.type.kind !== 'array') break;
    at = resolved.type.type;
  }
  return isConst && isVolatile;
}

function layoutOrNone(layouts: LayoutBuilder, typeId: number): Layout | undefined {
  try {
    return layouts.layout(typeId);
  } catch (error) {
    if (error instanceof BpfError && (error.code === 'limit' || error.code === 'unsupported'))
      return undefined;
    throw error;
  }
}
