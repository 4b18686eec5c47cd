import type { MapSpec, ObjectSpec } from '../../bpf/index.js';

/** The map in which `bee.h` counts what a full ring refused. */
export const LOST_MAP = 'bee_lost';

/** Where one ring's count lies: the map's key, and the offset in its value. u64. */
export interface LostSlot {
  readonly ring: string;
  readonly key: number;
  readonly offset: number;
}

/**
 * Where `bee_lost` counts which ring. As `bee.h` has it: one value with a u64 named like each ring. A plain u64 a
 * slot is understood too: slots are then the object's rings in the order of its section `.maps`. Undefined where
 * the map is neither.
 */
export function lostSlots(lost: MapSpec, spec: ObjectSpec): readonly LostSlot[] | undefined {
  if (lost.type !== 'percpu_array' && lost.type !== 'array') return undefined;
  const rings = spec.maps.filter((map) => map.type === 'ringbuf').sort((a, b) => a.index - b.index);
  const value = lost.value?.root;
  if (value?.kind === 'struct') {
    return value.members.flatMap((member) =>
      member.node.kind === 'int' && member.node.size === 8 && rings.some((ring) => ring.name === member.name)
        ? [{ ring: member.name, key: 0, offset: member.offset }]
        : [],
    );
  }
  if (value?.kind !== 'int' || value.size !== 8) return undefined;
  return rings.slice(0, lost.maxEntries).map((ring, slot) => ({ ring: ring.name, key: slot, offset: 0 }));
}
