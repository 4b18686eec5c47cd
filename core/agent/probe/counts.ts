/** What is counted of one map, in records, since its probe was first loaded. */
export interface MapCounts {
  received: number;
  /** Events handed to sinks, or records folded into series. */
  decoded: number;
  filtered: number;
  discarded: number;
  malformed: number;
  /** Records that failed the decoder twice. */
  undecodable: number;
  /** Records left in the ring when its probe stopped. */
  leftAtStop?: number;
  /** Reads of a map that has more entries than one read takes. */
  truncatedReads?: number;
  /** Records, or entries, beyond `max_series`. */
  overflowed: number;
  /** Counted by the probe in `bee_lost`; undefined where it does not count. */
  ringFull?: number;
  /** Highest fill of the ring, and its size, bytes. */
  highestFill?: number;
  size?: number;
  /** Entries at the last read. */
  entries?: number;
}

export function newCounts(): MapCounts {
  return { received: 0, decoded: 0, filtered: 0, discarded: 0, malformed: 0, undecodable: 0, overflowed: 0 };
}

/** Records lost before any sink, by reason. `ring_full` is absent where the probe does not count it. */
export function lossesOf(counts: MapCounts): Record<string, number> {
  return {
    ...(counts.ringFull === undefined ? {} : { ring_full: counts.ringFull }),
    malformed: counts.malformed,
    undecodable: counts.undecodable,
    ...(counts.leftAtStop === undefined ? {} : { shutdown: counts.leftAtStop }),
  };
}
