import { MapReader } from '../../kernel/index.js';
import type { LostSlot } from '../plan/lost-slots.js';

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
