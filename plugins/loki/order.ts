import type { EventBatch } from '../sdk/index.js';
import { compare, type Instant, next } from './line-time.js';
import type { Entry, Stream } from './streams.js';

/** The latest time that an event of a map had of its own, and the one that was given to the last of these. */
interface Tie {
  readonly own: Instant;
  readonly given: Instant;
}

/** Probes and maps are few; a disk buffer may hold those of many runs. */
const MAX_MAPS = 1024;

/**
 * Gives events times that say their order. Loki orders by time alone, and keeps one of two entries with one time and
 * one text; but the events of a drain share its time where records have none of their own. Each of them is put 1 ns
 * behind the one before, also where a drain comes in several batches.
 */
export class Order {
  /** By map: where its latest batch ended. */
  private readonly ends = new Map<string, Tie | undefined>();
  /** Where the batch before each one had ended: several may be on their way, and any of them may come again. */
  private readonly starts = new WeakMap<object, { readonly before: Tie | undefined }>();

  /** Sort the streams of a batch by time, and set times apart. The same batch again gets the same times. */
  arrange({ data, probe, map }: EventBatch, streams: readonly Stream[]): void {
    const key = `${probe}\0${map}`;
    const again = this.starts.get(data);
    const before = again ? again.before : this.ends.get(key);
    const after = setApart(streams, before);
    if (again) return;
    this.starts.set(data, { before });
    this.ends.delete(key);
    this.ends.set(key, after);
    if (this.ends.size > MAX_MAPS) this.ends.delete(this.ends.keys().next().value ?? key);
  }
}

function setApart(streams: readonly Stream[], before: Tie | undefined): Tie | undefined {
  let after = before;
  for (const { entries } of streams) {
    sortByTime(entries);
    let least: Instant | undefined;
    for (const entry of entries) {
      const { seconds, nanos } = entry;
      const late = after ? compare(entry, after.own) : 1;
      least ??= before && compare(entry, before.own) >= 0 ? next(before.given) : entry;
      if (compare(entry, least) < 0) {
        entry.seconds = least.seconds;
        entry.nanos = least.nanos;
      }
      least = next(entry);
      if (!after || late > 0 || (late === 0 && compare(entry, after.given) > 0))
        after = {
          own: { seconds, nanos },
          given: { seconds: entry.seconds, nanos: entry.nanos },
        };
    }
  }
  return after;
}

function sortByTime(entries: Entry[]): void {
  for (let i = 1; i < entries.length; i++)
    if (compare(entries[i]!, entries[i - 1]!) < 0) {
      entries.sort(compare);
      return;
    }
}
