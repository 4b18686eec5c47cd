import type { Accepts, Column, ColumnSet, EventBatchData } from '../../../plugins/sdk/index.js';

/** What crosses to a worker, and the buffer that is the worker's then. */
export interface BatchCopy {
  readonly batch: EventBatchData;
  readonly buffer: ArrayBuffer;
}

type Replace = <T extends ArrayBufferView>(view: T) => T;

/**
 * A copy of a batch with the forms that the sink declared, and no others. The batch itself stays for another attempt.
 * One buffer, as large as what is in it, is copied once and transferred; a structured clone would copy twice, and
 * with each view the whole buffer below it.
 */
export function forWorker(data: EventBatchData, accepts: Accepts): BatchCopy {
  const { ndjson, lineEnds, columns, ...rest } = data;
  const forms = accepts.events || [];
  const declared = {
    ...rest,
    ...(forms.includes('ndjson') && ndjson && lineEnds ? { ndjson, lineEnds } : {}),
    ...((forms.includes('columns') || forms.includes('rows')) && columns ? { columns } : {}),
  };
  let bytes = 0;
  mapViews(declared, (view) => {
    bytes += aligned(view.byteLength);
    return view;
  });
  const buffer = new ArrayBuffer(bytes);
  const target = new Uint8Array(buffer);
  let used = 0;
  const batch = mapViews(declared, (view) => {
    const at = used;
    target.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), at);
    used += aligned(view.byteLength);
    return sameView(view, buffer, at);
  });
  return { batch, buffer };
}

/** The batch with each array replaced. */
function mapViews(batch: EventBatchData, replace: Replace): EventBatchData {
  const { ndjson, lineEnds, columns } = batch;
  return {
    ...batch,
    ...(ndjson ? { ndjson: replace(ndjson) } : {}),
    ...(lineEnds ? { lineEnds: replace(lineEnds) } : {}),
    ...(columns ? { columns: mapSet(columns, replace) } : {}),
  };
}

function mapSet({ rows, timestamps, columns }: ColumnSet, replace: Replace): ColumnSet {
  return {
    rows,
    timestamps: replace(timestamps),
    columns: columns.map(
      (column): Column =>
        column.kind === 'number'
          ? { ...column, values: replace(column.values) }
          : { ...column, offsets: replace(column.offsets), bytes: replace(column.bytes) },
    ),
  };
}

/** A view of the same kind and length. */
function sameView<T extends ArrayBufferView>(view: T, buffer: ArrayBuffer, at: number): T {
  const { BYTES_PER_ELEMENT = 1 } = view as { BYTES_PER_ELEMENT?: number };
  const kind = view.constructor as new (buffer: ArrayBuffer, at: number, length: number) => T;
  // A Buffer crosses as what it is below.
  if (view instanceof Uint8Array) return new Uint8Array(buffer, at, view.byteLength) as unknown as T;
  return new kind(buffer, at, view.byteLength / BYTES_PER_ELEMENT);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
