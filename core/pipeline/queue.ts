import type { EventBatchData } from '../../plugins/sdk/index.js';

export interface QueuedBatch {
  readonly batch: EventBatchData;
  readonly bytes: number;
  /** Called once the batch was delivered and nobody here looks at it any more; never when it was lost. */
  readonly onDelivered?: (() => void) | undefined;
}

/** Batches that wait for a sink: bounded by number and bytes. */
export class BatchQueue {
  private waiting: (QueuedBatch | undefined)[] = [];
  /** Taken from the front of `waiting`, which is cut when half of it is: a queue may hold a million batches. */
  private taken = 0;
  private bytes = 0;

  constructor(
    private readonly maxBatches: number,
    private readonly maxBytes: number,
  ) {}

  /** False when there is no room. A batch that alone is bigger than the queue is let into an empty one. */
  push(batch: EventBatchData, onDelivered?: () => void): boolean {
    const bytes = sizeOf(batch);
    const full = this.length >= this.maxBatches || (this.length > 0 && this.bytes + bytes > this.maxBytes);
    if (full) return false;
    this.waiting.push({ batch, bytes, onDelivered });
    this.bytes += bytes;
    return true;
  }

  shift(): QueuedBatch | undefined {
    const first = this.waiting[this.taken];
    if (!first) return undefined;
    this.waiting[this.taken++] = undefined;
    if (this.taken * 2 >= this.waiting.length) {
      this.waiting = this.waiting.slice(this.taken);
      this.taken = 0;
    }
    this.bytes -= first.bytes;
    return first;
  }

  get length(): number {
    return this.waiting.length - this.taken;
  }
}

function sizeOf(batch: EventBatchData): number {
  let bytes = 256 + (batch.ndjson?.byteLength ?? 0) + (batch.lineEnds?.byteLength ?? 0);
  if (batch.columns) {
    bytes += batch.columns.timestamps.byteLength;
    for (const column of batch.columns.columns) {
      bytes +=
        column.kind === 'number'
          ? column.values.byteLength
          : column.offsets.byteLength + column.bytes.byteLength;
    }
  }
  return bytes;
}
