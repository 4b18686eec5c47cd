import type { Accepts, Column, ColumnSet, EventBatchData } from '../../../plugins/sdk/index.js';

/** A batch in two pieces: what it says of itself, and its arrays, which are one block of bytes where it arrives. */
export interface Outlined {
  /** The batch with each array empty. */
  readonly outline: EventBatchData;
  /** Elements of each array, in the order in which they lie in the block. */
  readonly lengths: readonly number[];
  readonly views: readonly NodeJS.ArrayBufferView[];
  /** Of the block: each array begins at a multiple of 8. */
  readonly bytes: number;
}

type Replace = <T extends NodeJS.ArrayBufferView>(view: T) => T;

/** With the forms that the sink declared, and no others. The batch itself stays for another attempt. */
export function outlineOf(data: EventBatchData, accepts: Accepts): Outlined {
  const { ndjson, lineEnds, columns, ...rest } = data;
  const forms = accepts.events || [];
  const declared = {
    ...rest,
    ...(forms.includes('ndjson') && ndjson && lineEnds ? { ndjson, lineEnds } : {}),
    ...((forms.includes('columns') || forms.includes('rows')) && columns ? { columns } : {}),
  };
  const views: NodeJS.ArrayBufferView[] = [];
  const lengths: number[] = [];
  let bytes = 0;
  const outline = mapViews(declared, (view) => {
    views.push(view);
    lengths.push(view.byteLength / elementBytes(view));
    bytes += aligned(view.byteLength);
    return sameKind(view, new ArrayBuffer(0), 0, 0);
  });
  return { outline, lengths, views, bytes };
}

/** The block: one copy. A structured clone would copy twice, and with each view the whole buffer below it. */
export function blockOf({ views, bytes }: Outlined): ArrayBuffer {
  const block = new ArrayBuffer(bytes);
  const target = new Uint8Array(block);
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of views) {
    target.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += aligned(byteLength);
  }
  return block;
}

const ZEROS = new Uint8Array(8);

/** What to write one after the other for the same bytes as {@link blockOf}, without a copy. */
export function piecesOf({ views }: Outlined): NodeJS.ArrayBufferView[] {
  return views.flatMap((view) => {
    const padding = aligned(view.byteLength) - view.byteLength;
    return padding > 0 ? [view, ZEROS.subarray(0, padding)] : [view];
  });
}

/** The batch again, on a block that is its own. */
export function batchOn(
  block: ArrayBuffer,
  { outline, lengths }: Pick<Outlined, 'outline' | 'lengths'>,
): EventBatchData {
  let i = 0;
  let at = 0;
  return mapViews(outline, (empty) => {
    const view = sameKind(empty, block, at, lengths[i++] ?? 0);
    at += aligned(view.byteLength);
    return view;
  });
}

/** The batch with each array replaced, always in the same order. */
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

function sameKind<T extends ArrayBufferView>(view: T, buffer: ArrayBuffer, at: number, length: number): T {
  // A Buffer crosses as what it is below.
  if (view instanceof Uint8Array) return new Uint8Array(buffer, at, length) as unknown as T;
  const kind = view.constructor as new (buffer: ArrayBuffer, at: number, length: number) => T;
  return new kind(buffer, at, length);
}

function elementBytes(view: ArrayBufferView): number {
  return (view as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
