import type { DeliveryCounts, LossReason } from './types.js';

export interface LedgerEntry {
  readonly probe: string;
  readonly map: string;
  readonly counts: DeliveryCounts;
}

/** Counts a sink's events by probe and map. After every call: received = delivered + lost + queued. */
export class Ledger {
  private readonly entries = new Map<string, LedgerEntry>();

  private of(probe: string, map: string): DeliveryCounts {
    const key = `${probe}\0${map}`;
    let entry = this.entries.get(key);
    if (!entry) {
      entry = { probe, map, counts: { received: 0, recovered: 0, delivered: 0, queued: 0, lost: {} } };
      this.entries.set(key, entry);
    }
    return entry.counts;
  }

  receive({ probe, map, count }: Batch): void {
    const counts = this.of(probe, map);
    counts.received += count;
    counts.queued += count;
  }

  /** Found in the disk buffer that an earlier run left. */
  recover(batch: Batch): void {
    this.receive(batch);
    this.of(batch.probe, batch.map).recovered += batch.count;
  }

  /** `rejected` of the batch's events were refused for good; the rest is delivered. */
  deliver({ probe, map, count }: Batch, rejected: number): void {
    const counts = this.of(probe, map);
    const refused = Math.min(Math.max(0, Math.trunc(rejected)), count);
    counts.queued -= count;
    counts.delivered += count - refused;
    if (refused > 0) counts.lost.rejected = (counts.lost.rejected ?? 0) + refused;
  }

  lose({ probe, map, count }: Batch, reason: LossReason): void {
    const counts = this.of(probe, map);
    counts.queued -= count;
    counts.lost[reason] = (counts.lost[reason] ?? 0) + count;
  }

  /** Events that wait, and those that were lost for this reason, over all maps. */
  sums(reason: LossReason): { readonly queued: number; readonly lost: number } {
    const all = [...this.entries.values()].map(({ counts }) => counts);
    return {
      queued: all.reduce((sum, counts) => sum + counts.queued, 0),
      lost: all.reduce((sum, counts) => sum + (counts.lost[reason] ?? 0), 0),
    };
  }

  [Symbol.iterator](): Iterator<LedgerEntry> {
    return this.entries.values();
  }
}

interface Batch {
  readonly probe: string;
  readonly map: string;
  readonly count: number;
}
