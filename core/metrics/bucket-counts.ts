interface Bucket {
  /** What the kernel's entry holds by the read that is under way, or was last. */
  standing: number;
  /** …by the read before. */
  before: number;
  /** What entries of this bucket had held before they were deleted, or began anew. */
  gone: number;
}

/** Buckets of which nothing stands any more, of one series: a program may make bounds of anything. */
const MAX_GONE = 1024;

/**
 * The counts of a histogram that the kernel keeps, one entry a bucket. An entry may be deleted, or evicted, at any
 * time; what it had counted stays counted, since a cumulative histogram must not fall: whoever reads one would take
 * all its other buckets for new.
 */
export class BucketCounts {
  private readonly buckets = new Map<number, Bucket>();

  /** A read begins. */
  begin(): void {
    for (const bucket of this.buckets.values()) {
      bucket.before = bucket.standing;
      bucket.standing = 0;
    }
  }

  /** An entry as it stands. Several entries may have one bound. */
  add(bound: number, count: number): void {
    const bucket = this.buckets.get(bound);
    if (bucket) bucket.standing += count;
    else this.buckets.set(bound, { standing: count, before: 0, gone: 0 });
  }

  /** All entries of the read were added. */
  end(): void {
    let empty = 0;
    for (const bucket of this.buckets.values()) {
      if (bucket.standing < bucket.before) bucket.gone += bucket.before;
      if (bucket.standing === 0) empty++;
    }
    if (empty > MAX_GONE) this.fold();
  }

  clear(): void {
    this.buckets.clear();
  }

  /** Bounds, ascending, and what was counted in each. */
  sorted(): [bound: number, count: number][] {
    return [...this.buckets]
      .map(([bound, { standing, gone }]): [number, number] => [bound, standing + gone])
      .sort(([a], [b]) => a - b);
  }

  /** What is in buckets that are gone is counted in the next one that is left: no count up to a bound falls. */
  private fold(): void {
    const bounds = [...this.buckets.keys()].sort((a, b) => a - b);
    let carried = 0;
    for (const bound of bounds) {
      const bucket = this.buckets.get(bound);
      if (bucket === undefined) continue;
      if (bucket.standing === 0) {
        carried += bucket.gone;
        this.buckets.delete(bound);
      } else {
        bucket.gone += carried;
        carried = 0;
      }
    }
    if (carried > 0) this.buckets.set(Number.POSITIVE_INFINITY, { standing: 0, before: 0, gone: carried });
  }
}
