import type { EventBatchData, RowColumn, RowSet } from '../../../plugins/sdk/index.js';
import { sizeOf } from './size.js';

/**
 * The batch in pieces of at most so many events and bytes, in order; itself, where it is small enough. A piece has
 * one event at least, however big. What is not counted from the piece's start is shared with the batch.
 */
export function split(batch: EventBatchData, maxEvents: number, maxBytes: number): readonly EventBatchData[] {
  if (batch.count <= maxEvents && sizeOf(batch) <= maxBytes) return [batch];
  const { ndjson, lineEnds, columns, count } = batch;
  // Lines are as long as they are; of columns, the average must do.
  const aRow = (sizeOf(batch) - (ndjson?.byteLength ?? 0)) / Math.max(1, count);
  const pieces: EventBatchData[] = [];
  for (let from = 0; from < count; ) {
    let to = from;
    let bytes = 0;
    while (to < count && to - from < maxEvents) {
      const line = ndjson && lineEnds ? lineEnds[to]! - (to === 0 ? 0 : lineEnds[to - 1]!) : 0;
      bytes += aRow + line;
      if (bytes > maxBytes && to > from) break;
      to++;
    }
    pieces.push({
      ...batch,
      count: to - from,
      ...(ndjson && lineEnds ? lines(ndjson, lineEnds, from, to) : {}),
      ...(columns ? { columns: rows(columns, from, to) } : {}),
    });
    from = to;
  }
  return pieces;
}

function lines(
  ndjson: Uint8Array,
  lineEnds: Uint32Array,
  from: number,
  to: number,
): { ndjson: Uint8Array; lineEnds: Uint32Array } {
  const start = from === 0 ? 0 : lineEnds[from - 1]!;
  return {
    ndjson: ndjson.subarray(start, lineEnds[to - 1]!),
    lineEnds: lineEnds.slice(from, to).map((end) => end - start),
  };
}

function rows(set: RowSet, from: number, to: number): RowSet {
  return {
    rows: to - from,
    timestamps: set.timestamps.subarray(from, to),
    columns: set.columns.map((column) => cut(column, from, to)),
  };
}

function cut(column: RowColumn, from: number, to: number): RowColumn {
  const width = column.dims.reduce((product, dim) => product * dim, column.kind === 'raw' ? column.width : 1);
  const [first, last] = [from * width, to * width];
  if (column.kind === 'raw') return { ...column, values: column.values.subarray(first, last) };
  if (column.kind === 'number') return { ...column, values: column.values.subarray(first, last) };
  const start = column.offsets[first] ?? 0;
  return {
    ...column,
    offsets: column.offsets.slice(first, last + 1).map((offset) => offset - start),
    bytes: column.bytes.subarray(start, column.offsets[last] ?? start),
  };
}
