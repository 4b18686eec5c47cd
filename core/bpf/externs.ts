import { parseBtf } from './btf.js';
import { parseElf, sectionNamed } from './elf.js';

/** Sections of BTF whose members libbpf looks for in the kernel. */
const OF_THE_KERNEL = new Set(['.ksyms', '.kconfig']);

/**
 * Names that an object uses, that are not in it, and of which its BTF does not say that the kernel has them (`__ksym`,
 * `__kconfig`): libbpf opens no such object. Mostly functions of the C library, which the compiler may also call by
 * itself. Sorted. Throws BpfError where the object cannot be read.
 */
export function unresolvedNames(bytes: Uint8Array): string[] {
  const elf = parseElf(bytes);
  const names = new Set<string>();
  for (const { section, local, kind, name } of elf.symbols)
    if (section === 0 && !local && kind === 'none' && name !== '') names.add(name);
  const data = sectionNamed(elf, '.BTF')?.data;
  if (names.size === 0 || !data) return [...names].sort();
  const btf = parseBtf(data);
  for (const id of btf.ids('datasec')) {
    const section = btf.type(id);
    if (section.kind !== 'datasec' || !OF_THE_KERNEL.has(section.name)) continue;
    for (const { type } of section.variables) {
      const member = btf.type(type);
      if ('name' in member) names.delete(member.name ?? '');
    }
  }
  return [...names].sort();
}
