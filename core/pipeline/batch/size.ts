import type { EventBatchData } from '../../../plugins/sdk/index.js';

/** What the objects of a batch, and of a column, cost beside their contents. */
const BATCH_BYTES = 512;
const COLUMN_BYTES = 256;

/** Memory that a batch keeps, bytes. */
export function sizeOf(batch: EventBatchData): number {
  let bytes = BATCH_BYTES + (batch.ndjson?.byteLength ?? 0) + (batch.lineEnds?.byteLength ?? 0);
  if (batch.columns) {
    bytes += batch.columns.timestamps.byteLength;
    for (const column of batch.columns.columns) {
      bytes +=
        COLUMN_BYTES +
        (column.kind === 'text'
          ? column.offsets.byteLength + column.bytes.byteLength
          : column.values.byteLength);
    }
  }
  return bytes;
}
