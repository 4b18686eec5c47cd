/** The counts of a histogram that the kernel keeps, one entry a bucket, as they stand. */
export class BucketCounts {
  /** Bound → count. Several entries may have one bound. */
  private now = new Map<number, number>();
  private before = new Map<number, number>();

  /** A read begins. */
  begin(): void {
    [this.now, this.before] = [this.before, this.now];
    this.now.clear();
  }

  add(bound: number, count: number): void {
    this.now.set(bound, (this.now.get(bound) ?? 0) + count);
  }

  /** Whether a bucket has less than by the read before, or is gone: its entry was deleted, evicted, or set anew. */
  get fell(): boolean {
    for (const [bound, count] of this.before) if ((this.now.get(bound) ?? 0) < count) return true;
    return false;
  }

  clear(): void {
    this.now.clear();
    this.before.clear();
  }

  /** By bound, ascending. */
  sorted(): [bound: number, count: number][] {
    return [...this.now].sort(([a], [b]) => a - b);
  }
}
