import type { EventBatch } from '../sdk/index.js';
import type { Entry, Stream } from './streams.js';

/** The latest time that an event of a map had of its own, and the one that was given to the last of these. */
interface Tie {
  readonly own: bigint;
  readonly given: bigint;
}

/** Probes and maps are few; a disk buffer may hold those of many runs. */
const MAX_MAPS = 1024;

/**
 * Gives events times that say their order. Loki orders by time alone, and keeps one of two entries with one time and
 * one text; but the events of a drain share its time where records have none of their own. Each of them is put 1 ns
 * behind the one before, also where a drain comes in several batches.
 */
export class Order {
  private readonly ends = new Map<
    string,
    { data: object; before: Tie | undefined; after: Tie | undefined }
  >();

  /** Sort the streams of a batch by time, and set times apart. The same batch again gets the same times. */
  arrange({ data, probe, map }: EventBatch, streams: readonly Stream[]): void {
    const key = `${probe}\0${map}`;
    const end = this.ends.get(key);
    const before = end?.data === data ? end.before : end?.after;
    let after = before;
    for (const { entries } of streams) {
      sortByTime(entries);
      let least: bigint | undefined;
      for (const entry of entries) {
        const own = entry.timestamp;
        if (least === undefined) least = before && own >= before.own ? before.given + 1n : own;
        if (own < least) entry.timestamp = least;
        least = entry.timestamp + 1n;
        if (!after || own > after.own || (own === after.own && entry.timestamp > after.given))
          after = { own, given: entry.timestamp };
      }
    }
    this.ends.delete(key);
    this.ends.set(key, { data, before, after });
    if (this.ends.size > MAX_MAPS) this.ends.delete(this.ends.keys().next().value ?? key);
  }
}

function sortByTime(entries: Entry[]): void {
  if (entries.some(({ timestamp }, i) => i > 0 && timestamp < entries[i - 1]!.timestamp))
    entries.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
}
