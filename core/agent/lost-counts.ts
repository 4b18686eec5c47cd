import type { MapSpec, ObjectSpec } from '../bpf/index.js';
import { MapReader } from '../kernel/index.js';

/** The map in which `bee.h` counts what a full ring refused. */
export const LOST_MAP = 'bee_lost';

/** Where one ring's count lies: the map's key, and the offset in its value. u64. */
interface LostSlot {
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

/** Reads `bee_lost` of a loaded probe. Owned by the probe; to be closed before its object. */
export class LostCounts {
  private readonly reader: MapReader;

  constructor(
    fd: number,
    private readonly slots: readonly LostSlot[],
  ) {
    this.reader = new MapReader(fd);
  }

  /** Records lost since the probe was loaded, by ring, summed over CPUs. */
  read(): Map<string, bigint> {
    const { reader } = this;
    const { bytes, count } = reader.read({ maxEntries: 1024 });
    const view = new DataView(bytes);
    const valueSize = (reader.stride - 8) / reader.valuesPerKey;
    const sums = new Map<string, bigint>();
    for (let i = 0; i < count; i++) {
      const entry = i * reader.stride;
      const key = view.getUint32(entry, true);
      for (const slot of this.slots) {
        if (slot.key !== key) continue;
        let sum = 0n;
        for (let cpu = 0; cpu < reader.valuesPerKey; cpu++)
          sum += view.getBigUint64(entry + 8 + cpu * valueSize + slot.offset, true);
        sums.set(slot.ring, sum);
      }
    }
    return sums;
  }

  close(): void {
    this.reader.close();
  }
}
