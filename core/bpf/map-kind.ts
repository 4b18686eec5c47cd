import type { MapKind } from './spec.js';

const KINDS: readonly MapKind[] = ['print', 'counter', 'gauge', 'hist'];
const SECTION = '.maps';
/** In the order in which BumbleBee looked for them in the name of a section. */
const SECTION_KINDS: readonly MapKind[] = ['counter', 'gauge', 'print', 'hist'];

/** Whether libbpf's BTF-defined maps stand in this section: `.maps`, or one of BumbleBee's up to 0.0.14. */
export function isMapSection(section: string): boolean {
  return section.startsWith(SECTION);
}

/** `.maps.print` and the like, which BumbleBee had up to 0.0.14 (any name that begins so) and libbpf skips. */
export function isLegacyMapSection(section: string): boolean {
  return section !== SECTION && isMapSection(section);
}

/** What a map is exported as: its section's name has the word (BumbleBee up to 0.0.14), else the map's has the prefix. */
export function exportKindOf(mapName: string, section: string): MapKind {
  if (isLegacyMapSection(section)) for (const kind of SECTION_KINDS) if (section.includes(kind)) return kind;
  for (const kind of KINDS) if (mapName.startsWith(`${kind}_`)) return kind;
  return 'none';
}
