import type { MapKind } from './spec.js';

const KINDS: readonly MapKind[] = ['print', 'counter', 'gauge', 'hist'];
const SECTION_PREFIX = '.maps.';

/** Whether libbpf's BTF-defined maps stand in this section: `.maps`, or one of BumbleBee's up to 0.0.14. */
export function isMapSection(section: string): boolean {
  return section === '.maps' || isLegacyMapSection(section);
}

/** `.maps.print` and the like, which BumbleBee had up to 0.0.14 and libbpf skips. */
export function isLegacyMapSection(section: string): boolean {
  return section.startsWith(SECTION_PREFIX);
}

/** What a map is exported as: its section says so (BumbleBee up to 0.0.14), else the prefix of its name. */
export function exportKindOf(mapName: string, section: string): MapKind {
  for (const kind of KINDS) if (section === SECTION_PREFIX + kind) return kind;
  for (const kind of KINDS) if (mapName.startsWith(`${kind}_`)) return kind;
  return 'none';
}
