/** Share of a ring that may fill in a nap at high rates, and at low ones: what is left is for bursts. */
const NAP_SHARE = 8;
const NAP_SHARE_CALM = 4;
/** ms of records at the present rate for which a nap leaves half the ring: somebody may be late. */
const NAP_LATE_MS = 25;
/** Records a second from which a pause before the next drain pays: fewer wake-ups, bigger batches. */
const NAP_RATE = 4_000;

/** How fast one ring fills, and what follows for its drains. */
export class Pace {
  private rate = 0;
  private byteRate = 0;
  private lastDrain = 0;

  /** `size`: of the ring, bytes. */
  constructor(private readonly size: number) {}

  /** Records and bytes a second, forgetting exponentially. */
  measure({ records, bytes }: { readonly records: number; readonly bytes: number }): void {
    const now = performance.now();
    const seconds = Math.max((now - this.lastDrain) / 1000, 1e-4);
    this.lastDrain = now;
    const weight = Math.min(1, seconds / 0.1);
    this.rate += (records / seconds - this.rate) * weight;
    this.byteRate += (bytes / seconds - this.byteRate) * weight;
  }

  get naps(): boolean {
    return this.rate >= NAP_RATE;
  }

  /** Bytes that are worth a drain at any rate. */
  get napFill(): number {
    const { size } = this;
    const late = (this.byteRate * NAP_LATE_MS) / 1000;
    return Math.round(Math.max(size / NAP_SHARE, Math.min(size / NAP_SHARE_CALM, size / 2 - late)));
  }
}
