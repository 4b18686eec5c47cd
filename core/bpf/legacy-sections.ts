import { type Btf, parseBtf } from './btf.js';
import { ByteReader } from './byte-reader.js';
import {
  type Elf,
  type ElfSection,
  parseElf,
  REL_SIZE,
  SHF,
  SHN_LORESERVE,
  SHT,
  SYM_SIZE,
  sectionNamed,
} from './elf.js';
import { alignUp, type DraftSection, draftOf, writeElf } from './elf-writer.js';
import { BpfError } from './error.js';
import { LIMITS } from './limits.js';
import { isLegacyMapSection, isMapSection } from './map-kind.js';
import { sectionVariables } from './section-variables.js';

const MAPS = '.maps';
const MAP_ALIGN = 8;
const BTF_CONST = 10;
const BTF_DATASEC = 15;

/**
 * An object whose maps all stand in `.maps`, as libbpf wants them: it skips BumbleBee's sections up to 0.0.14
 * (`.maps.print`, `.maps.counter`, `.maps.gauge`) as "unrecognized data section", and then fails on the
 * relocations against them. Gives `bytes` themselves when there is no such section. What the sections said about
 * the maps is lost: take the kinds from `parseObject` of the original.
 *
 * The order of maps, ids of BTF types and everything else are kept. Throws {@link BpfError}.
 */
export function rewriteLegacySections(bytes: Uint8Array): Uint8Array {
  const elf = parseElf(bytes);
  const merged = elf.sections.filter(({ name, size }) => isMapSection(name) && size > 0);
  if (!merged.some(({ name }) => isLegacyMapSection(name))) return bytes;
  checkRewritable(elf);

  // 1. One section takes the data of all; each finds its place in it.
  const target = merged[0]!;
  const places = placeSections(merged);
  // 2. Relocations of `values = {…}` go into one section, too.
  const relocations = elf.sections.filter(({ type, info }) => type === SHT.REL && places.has(info));
  const [targetRelocations] = relocations;
  // 3. The others go, so that sections have new numbers.
  const gone = new Set<ElfSection>([...merged.slice(1), ...relocations.slice(1)]);
  const kept = elf.sections.filter((section) => !gone.has(section));
  const numbers = renumber(elf, kept, target, targetRelocations, places);
  const number = (old: number): number => numbers.get(old) ?? 0;

  const btf = rewriteBtf(elf, merged, places);
  const drafts = kept.map((section): DraftSection => {
    const draft = draftOf(section);
    draft.link = number(section.link);
    if (section.type === SHT.REL || section.type === SHT.RELA || (section.flags & SHF.INFO_LINK) !== 0) {
      draft.info = number(section.info);
    }
    if (section === target) {
      draft.name = MAPS;
      draft.align = Math.max(MAP_ALIGN, ...merged.map(({ align }) => align));
      draft.data = mergeData(merged, places);
    } else if (section === targetRelocations) {
      draft.name = `.rel${MAPS}`;
      draft.data = mergeRelocations(relocations, places);
    } else if (section.type === SHT.SYMTAB) {
      draft.data = rewriteSymbols(section, places, number);
    } else if (section.name === '.BTF') {
      draft.data = btf.section;
    } else if (section.type === SHT.REL && elf.sections[section.info]?.name === '.BTF') {
      draft.data = rewriteBtfRelocations(section, btf);
    }
    return draft;
  });
  return writeElf(elf, drafts, number(elf.namesIndex));
}

/** Place of each merged section in the merged data, by section number. */
type Places = ReadonlyMap<number, number>;

function checkRewritable(elf: Elf): void {
  for (const { index, name, type } of elf.sections) {
    if (type === SHT.GROUP)
      throw new BpfError('unsupported', `section ${index} (${name})`, 'a section group');
    if (type === SHT.RELA)
      throw new BpfError('unsupported', `section ${index} (${name})`, 'relocations with addends');
  }
  if (elf.header[56] || elf.header[57]) throw new BpfError('unsupported', 'ELF header', 'program headers');
}

function placeSections(merged: readonly ElfSection[]): Places {
  const places = new Map<number, number>();
  let end = 0;
  for (const { index, name, type, data } of merged) {
    if (type !== SHT.PROGBITS)
      throw new BpfError('malformed-elf', `section ${index} (${name})`, 'it has no bytes');
    end = alignUp(end, MAP_ALIGN);
    places.set(index, end);
    end += data.length;
  }
  return places;
}

function renumber(
  elf: Elf,
  kept: readonly ElfSection[],
  target: ElfSection,
  targetRelocations: ElfSection | undefined,
  places: Places,
): ReadonlyMap<number, number> {
  const numbers = new Map(kept.map((section, number) => [section.index, number]));
  for (const { index, type, info } of elf.sections) {
    if (numbers.has(index)) continue;
    const into = type === SHT.REL && places.has(info) ? targetRelocations : target;
    numbers.set(index, numbers.get(into!.index)!);
  }
  return numbers;
}

function mergeData(merged: readonly ElfSection[], places: Places): Uint8Array {
  const last = merged[merged.length - 1]!;
  const data = new Uint8Array(places.get(last.index)! + last.data.length);
  for (const section of merged) data.set(section.data, places.get(section.index)!);
  return data;
}

function mergeRelocations(sections: readonly ElfSection[], places: Places): Uint8Array {
  const data = new Uint8Array(sections.reduce((sum, section) => sum + section.data.length, 0));
  const view = new DataView(data.buffer);
  let at = 0;
  for (const section of sections) {
    if (section.data.length % REL_SIZE !== 0) {
      const where = `section ${section.index} (${section.name})`;
      throw new BpfError(
        'malformed-elf',
        where,
        `${section.data.length} bytes are no whole number of relocations`,
      );
    }
    data.set(section.data, at);
    const place = BigInt(places.get(section.info)!);
    for (const end = at + section.data.length; at + REL_SIZE <= end; at += REL_SIZE) {
      view.setBigUint64(at, view.getBigUint64(at, true) + place, true);
    }
  }
  return data;
}

/** Symbols of merged sections move with them; all get their section's new number. */
function rewriteSymbols(table: ElfSection, places: Places, number: (old: number) => number): Uint8Array {
  const data = table.data.slice();
  const view = new DataView(data.buffer);
  for (let at = 0; at + SYM_SIZE <= data.length; at += SYM_SIZE) {
    const section = view.getUint16(at + 6, true);
    if (section >= SHN_LORESERVE) continue;
    view.setUint16(at + 6, number(section), true);
    const place = places.get(section);
    if (place) view.setBigUint64(at + 8, view.getBigUint64(at + 8, true) + BigInt(place), true);
  }
  return data;
}

interface RewrittenBtf {
  readonly section: Uint8Array;
  /** Where a byte of the old section is in the new one; undefined for what is no longer there or needs no relocation. */
  moved(offset: number): number | undefined;
}

/**
 * `.BTF` with one DATASEC for all maps, its offsets filled in as a linker does. Ids stay: the other DATASECs
 * become `const void`, to which nothing refers.
 */
function rewriteBtf(elf: Elf, merged: readonly ElfSection[], places: Places): RewrittenBtf {
  const section = sectionNamed(elf, '.BTF');
  if (!section)
    throw new BpfError(
      'no-btf',
      `section ${merged[0]!.name}`,
      'its maps are described by BTF, which is missing',
    );
  const btf = parseBtf(section.data);
  const { types, strings, starts, typesOffset } = btf.extent;
  const names = new Set(merged.map(({ name }) => name));
  const datasecs = new Set([...btf.ids('datasec')].filter((id) => names.has(btf.type(id).name)));
  const [target] = datasecs;
  if (target === undefined)
    throw new BpfError('no-btf', `section ${merged[0]!.name}`, 'BTF describes none of its maps');
  const variables = mapVariables(elf, btf, places);

  const writer = new ByteWriter();
  const newStarts = new Uint32Array(starts.length);
  for (let id = 1; id < btf.count; id++) {
    newStarts[id] = writer.length;
    if (id === target) {
      writer.u32(strings.length, (BTF_DATASEC << 24) | variables.length, mergedSize(merged, places));
      for (const variable of variables) writer.u32(variable.id, variable.offset, variable.size);
    } else if (datasecs.has(id)) {
      writer.u32(0, BTF_CONST << 24, 0);
    } else {
      writer.bytes(types.subarray(starts[id]!, starts[id + 1]!));
    }
  }
  newStarts[btf.count] = writer.length;
  const typesLength = writer.length;
  writer.bytes(strings);
  writer.bytes(new TextEncoder().encode(`${MAPS}\0`));

  const headerLength = new DataView(section.data.buffer, section.data.byteOffset).getUint32(4, true);
  const data = new Uint8Array(headerLength + writer.length);
  data.set(section.data.subarray(0, headerLength));
  data.set(writer.take(), headerLength);
  const header = new DataView(data.buffer);
  header.setUint32(8, 0, true);
  header.setUint32(12, typesLength, true);
  header.setUint32(16, typesLength, true);
  header.setUint32(20, strings.length + MAPS.length + 1, true);
  return {
    section: data,
    moved(offset) {
      const id = typeAt(starts, offset - typesOffset);
      if (id === undefined || datasecs.has(id)) return undefined;
      return headerLength + newStarts[id]! + (offset - typesOffset - starts[id]!);
    },
  };
}

/** All maps, by their offset in the merged section. */
function mapVariables(elf: Elf, btf: Btf, places: Places): { id: number; offset: number; size: number }[] {
  const variables = sectionVariables(elf, btf, isMapSection).flatMap(({ section, variables }) =>
    variables.map(({ id, offset, size }) => ({ id, offset: places.get(section.index)! + offset, size })),
  );
  if (variables.length > LIMITS.maps) throw new BpfError('limit', 'object', `more than ${LIMITS.maps} maps`);
  return variables;
}

function mergedSize(merged: readonly ElfSection[], places: Places): number {
  const last = merged[merged.length - 1]!;
  return places.get(last.index)! + last.data.length;
}

/** Id of the type that holds this byte, by bisection. */
function typeAt(starts: Uint32Array, offset: number): number | undefined {
  const end = starts.length - 1;
  if (offset < 0 || offset >= starts[end]!) return undefined;
  let low = 1;
  let high = end;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle;
  }
  return low;
}

/** Relocations of DATASEC offsets; those of maps are resolved already. */
function rewriteBtfRelocations(section: ElfSection, btf: RewrittenBtf): Uint8Array {
  const reader = new ByteReader(section.data, `section ${section.index} (${section.name})`, 'malformed-elf');
  const writer = new ByteWriter();
  for (let at = 0; at + REL_SIZE <= reader.length; at += REL_SIZE) {
    const offset = btf.moved(reader.u64(at));
    if (offset === undefined) continue;
    writer.u32(offset, 0, reader.u32(at + 8), reader.u32(at + 12));
  }
  return writer.take();
}

class ByteWriter {
  private buffer = new Uint8Array(4096);
  length = 0;

  u32(...values: readonly number[]): void {
    const view = this.reserve(values.length * 4);
    for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  }

  bytes(bytes: Uint8Array): void {
    const view = this.reserve(bytes.length);
    new Uint8Array(view.buffer, view.byteOffset, bytes.length).set(bytes);
  }

  take(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private reserve(length: number): DataView {
    if (this.length + length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + length));
      larger.set(this.buffer);
      this.buffer = larger;
    }
    const view = new DataView(this.buffer.buffer, this.length, length);
    this.length += length;
    return view;
  }
}
