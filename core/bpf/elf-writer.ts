import { EHDR_SIZE, type Elf, type ElfSection, SHDR_SIZE, SHT } from './elf.js';

/** A section to be written; `data` may be longer or shorter than it was. */
export interface DraftSection {
  name: string;
  type: number;
  flags: number;
  link: number;
  info: number;
  align: number;
  entrySize: number;
  /** Bytes in memory of a NOBITS section; of others, the data's length is the size. */
  size: number;
  data: Uint8Array;
}

export function draftOf(section: ElfSection): DraftSection {
  const { name, type, flags, link, info, align, entrySize, size, data } = section;
  return { name, type, flags, link, info, align, entrySize, size, data };
}

/**
 * A relocatable object of these sections, in this order; the first one is the null section. `header` gives what
 * else an ELF header says. Names are written anew into the section `namesIndex`, behind what it holds already,
 * since symbols may share it.
 */
export function writeElf(elf: Elf, drafts: readonly DraftSection[], namesIndex: number): Uint8Array {
  const nameOffsets = appendNames(drafts, namesIndex);
  let end = EHDR_SIZE;
  const offsets = drafts.map((draft) => {
    if (draft.type === SHT.NULL) return 0;
    end = alignUp(end, Math.max(1, Math.min(draft.align, 4096)));
    const offset = end;
    if (draft.type !== SHT.NOBITS) end += draft.data.length;
    return offset;
  });
  const tableOffset = alignUp(end, 8);
  const bytes = new Uint8Array(tableOffset + drafts.length * SHDR_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(elf.header);
  view.setBigUint64(40, BigInt(tableOffset), true);
  view.setUint16(60, drafts.length, true);
  view.setUint16(62, namesIndex, true);
  for (const [index, draft] of drafts.entries()) {
    const at = tableOffset + index * SHDR_SIZE;
    const hasData = draft.type !== SHT.NULL && draft.type !== SHT.NOBITS;
    if (hasData) bytes.set(draft.data, offsets[index]!);
    view.setUint32(at, nameOffsets[index]!, true);
    view.setUint32(at + 4, draft.type, true);
    view.setBigUint64(at + 8, BigInt(draft.flags), true);
    view.setBigUint64(at + 24, BigInt(offsets[index]!), true);
    view.setBigUint64(at + 32, BigInt(hasData ? draft.data.length : draft.size), true);
    view.setUint32(at + 40, draft.link, true);
    view.setUint32(at + 44, draft.info, true);
    view.setBigUint64(at + 48, BigInt(draft.align), true);
    view.setBigUint64(at + 56, BigInt(draft.entrySize), true);
  }
  return bytes;
}

/** Puts the names of all sections behind the content of the names' section; gives the offset of each. */
function appendNames(drafts: readonly DraftSection[], namesIndex: number): number[] {
  const names = drafts[namesIndex]!;
  const start = names.data.length;
  const encoded = drafts.map(({ name }) => new TextEncoder().encode(name));
  const data = new Uint8Array(start + encoded.reduce((sum, name) => sum + name.length + 1, 0));
  data.set(names.data);
  let end = start;
  const offsets = encoded.map((name) => {
    const offset = end;
    data.set(name, offset);
    end += name.length + 1;
    return offset;
  });
  names.data = data;
  return offsets;
}

export function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
