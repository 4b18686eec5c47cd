import type {
  EventBatchData,
  NumberColumn,
  RowColumn,
  RowSet,
  TextColumn,
} from '../../../plugins/sdk/index.js';

/** Whether events of `b` can follow those of `a` in one batch: the same map, labels, forms and columns. */
export function canMerge(a: EventBatchData, b: EventBatchData): boolean {
  return (
    a.probe === b.probe &&
    a.map === b.map &&
    sameRecord(a.labels, b.labels) &&
    (a.ndjson === undefined) === (b.ndjson === undefined) &&
    (a.lineEnds === undefined) === (b.lineEnds === undefined) &&
    sameColumns(a.columns, b.columns)
  );
}

/** One batch of all the events, in order; a copy. The batches can be merged, each with the first. */
export function merge(batches: readonly EventBatchData[]): EventBatchData {
  const [first] = batches;
  if (!first) throw new RangeError('nothing to merge');
  const { probe, map, labels } = first;
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const ndjson = first.ndjson && joined(batches.map((batch) => batch.ndjson!));
  const lineEnds =
    first.lineEnds &&
    joinedEnds(batches.map(({ ndjson, lineEnds }) => ({ ends: lineEnds!, bytes: ndjson! })));
  const columns = first.columns && mergeColumns(batches.map((batch) => batch.columns!));
  return {
    probe,
    map,
    labels,
    count,
    ...(ndjson ? { ndjson } : {}),
    ...(lineEnds ? { lineEnds } : {}),
    ...(columns ? { columns } : {}),
  };
}

type Numbers = NumberColumn['values'];
type NumbersOf = new (length: number) => Numbers;

function mergeColumns(sets: readonly RowSet[]): RowSet {
  const [first] = sets as readonly [RowSet, ...RowSet[]];
  return {
    rows: sets.reduce((sum, set) => sum + set.rows, 0),
    timestamps: joinedNumbers(sets.map((set) => set.timestamps)) as BigInt64Array,
    columns: first.columns.map((column, index) =>
      mergeColumn(
        column,
        sets.map((set) => set.columns[index]!),
      ),
    ),
  };
}

function mergeColumn(first: RowColumn, all: readonly RowColumn[]): RowColumn {
  if (first.kind !== 'text')
    return {
      ...first,
      values: joinedNumbers((all as readonly NumberColumn[]).map((column) => column.values)),
    } as RowColumn;
  const texts = all as readonly TextColumn[];
  return {
    ...first,
    bytes: joined(texts.map((column) => column.bytes)),
    offsets: joinedOffsets(texts),
  };
}

function joinedNumbers(arrays: readonly Numbers[]): Numbers {
  const [first] = arrays as readonly [Numbers, ...Numbers[]];
  const all = new (first.constructor as NumbersOf)(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array as never, at);
    at += array.length;
  }
  return all;
}

function joined(arrays: readonly Uint8Array[]): Uint8Array {
  return joinedNumbers(arrays) as Uint8Array;
}

function joinedEnds(
  parts: readonly { readonly ends: Uint32Array; readonly bytes: Uint8Array }[],
): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { ends }) => sum + ends.length, 0));
  let at = 0;
  let base = 0;
  for (const { ends, bytes } of parts) {
    for (let i = 0; i < ends.length; i++) all[at++] = ends[i]! + base;
    base += bytes.byteLength;
  }
  return all;
}

/** One offset more than there are values; a column of no values may have none. */
function joinedOffsets(columns: readonly TextColumn[]): Uint32Array {
  const all = new Uint32Array(columns.reduce((sum, { offsets }) => sum + Math.max(0, offsets.length - 1), 1));
  let at = 0;
  let base = 0;
  for (const { offsets, bytes } of columns) {
    for (let i = 0; i + 1 < offsets.length; i++) all[at++] = offsets[i]! + base;
    base += bytes.byteLength;
  }
  all[at] = base;
  return all;
}

function sameColumns(a: RowSet | undefined, b: RowSet | undefined): boolean {
  if (!a || !b) return a === b;
  return (
    a.columns.length === b.columns.length &&
    a.columns.every((column, index) => sameColumn(column, b.columns[index]!))
  );
}

function sameColumn(a: RowColumn, b: RowColumn): boolean {
  if (a.kind !== b.kind || a.format !== b.format) return false;
  if (!sameList(a.path, b.path) || !sameList(a.dims, b.dims)) return false;
  if (a.kind === 'raw' && b.kind === 'raw') return a.width === b.width;
  if (a.kind !== 'number' || b.kind !== 'number') return true;
  return a.values.constructor === b.values.constructor && sameRecord(a.names, b.names);
}

function sameList(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function sameRecord(
  a: Readonly<Record<string, string>> | undefined,
  b: Readonly<Record<string, string>> | undefined,
): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
