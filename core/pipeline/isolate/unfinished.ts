import type { EventBatchData } from '../../../plugins/sdk/index.js';

const MAX_BATCHES = 16;
/** Of what they hold: an eighth of what the sink may keep. */
const MAX_BYTES = 32 * 2 ** 20;

/**
 * Batches that will come again, in a sink's worker. Each attempt brings a copy; the sink is given the first one every
 * time, so that a batch is the same object for it as it would be on the main thread. Of too many the oldest are
 * forgotten, and a sink begins anew with these.
 */
export class Unfinished {
  private readonly batches = new Map<number, EventBatchData>();
  private bytes = 0;

  /** What was kept of this batch. It is the caller's from now on. */
  take(key: number): EventBatchData | undefined {
    const batch = this.batches.get(key);
    if (!batch) return undefined;
    this.batches.delete(key);
    this.bytes -= bytesOf(batch);
    return batch;
  }

  keep(key: number, batch: EventBatchData): void {
    this.take(key);
    this.batches.set(key, batch);
    this.bytes += bytesOf(batch);
    for (const oldest of this.batches.keys()) {
      if (this.batches.size <= MAX_BATCHES && this.bytes <= MAX_BYTES) return;
      this.take(oldest);
    }
  }
}

/** All views of a batch that crossed are of one buffer. */
function bytesOf({ ndjson, columns }: EventBatchData): number {
  return (ndjson ?? columns?.timestamps)?.buffer.byteLength ?? 0;
}
