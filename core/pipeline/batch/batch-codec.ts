import type {
  Accepts,
  EventBatchData,
  NumberColumn,
  RawColumn,
  RowColumn,
} from '../../../plugins/sdk/index.js';

const ARRAYS = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
} as const;
type ArrayName = keyof typeof ARRAYS;

/** Of raw columns. */
const WIDTHS: readonly number[] = [1, 2, 3, 4] satisfies RawColumn['width'][];

/** A column without its contents. */
interface ColumnMeta extends Omit<NumberColumn, 'kind' | 'values' | 'format'> {
  readonly kind: RowColumn['kind'];
  readonly format?: string;
  readonly array?: ArrayName;
  /** Of a raw column. */
  readonly width?: number;
}

interface Meta {
  readonly probe: string;
  readonly map: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly columns?: readonly ColumnMeta[];
  /** Bytes of each part of the body, in order: lines, their ends, times, then each column's. */
  readonly parts: readonly number[];
}

export interface EncodedBatch {
  readonly meta: string;
  readonly body: readonly Uint8Array[];
}

/**
 * A batch in two pieces, for the disk and for the way to a sink's worker: what it says of itself, and its arrays, one
 * after the other. It has the forms that its sink declared, and no others. The body's parts are shared with the batch.
 */
export function encodeBatch(batch: EventBatchData, accepts: Accepts): EncodedBatch {
  const forms = accepts.events || [];
  const { probe, map, labels } = batch;
  const body: Uint8Array[] = [];
  const parts: number[] = [];
  const add = (array: ArrayBufferView): void => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    parts.push(bytes.byteLength);
    body.push(bytes);
    // Numbers are read where they lie, which must be at a multiple of their size.
    const padding = -bytes.byteLength & 7;
    if (padding > 0) body.push(new Uint8Array(padding));
  };
  const hasLines = forms.includes('ndjson') && batch.ndjson !== undefined && batch.lineEnds !== undefined;
  add(hasLines ? batch.ndjson : new Uint8Array());
  add(hasLines ? batch.lineEnds : new Uint8Array());
  const set = forms.includes('columns') || forms.includes('rows') ? batch.columns : undefined;
  if (set) {
    add(set.timestamps);
    for (const column of set.columns) {
      if (column.kind !== 'text') add(column.values);
      else {
        add(column.offsets);
        add(column.bytes);
      }
    }
  }
  const meta: Meta = { probe, map, labels, ...(set ? { columns: set.columns.map(describe) } : {}), parts };
  return { meta: JSON.stringify(meta), body };
}

function describe(column: RowColumn): ColumnMeta {
  const { kind, path, dims, format } = column;
  const shared = { kind, path, dims, ...(format === undefined ? {} : { format }) };
  if (column.kind === 'text') return shared;
  if (column.kind === 'raw') return { ...shared, width: column.width };
  const array = column.values.constructor.name as ArrayName;
  return { ...shared, array, ...(column.names ? { names: column.names } : {}) };
}

/** Whose events a frame has: enough to count them. Throws on anything that {@link encodeBatch} did not write. */
export function decodeOrigin(meta: Uint8Array): { readonly probe: string; readonly map: string } {
  const { probe, map } = JSON.parse(Buffer.from(meta).toString()) as Partial<Meta>;
  if (typeof probe !== 'string' || typeof map !== 'string') throw new Error('no probe and map');
  return { probe, map };
}

/**
 * The batch, as views of `body`, which must begin at a multiple of 8 of its buffer. Throws on anything that
 * {@link encodeBatch} did not write; on the disk, the checksum has seen to it that this is rare.
 */
export function decodeBatch(count: number, meta: string, body: Uint8Array): EventBatchData {
  const { probe, map, labels, columns, parts } = JSON.parse(meta) as Meta;
  let part = 0;
  let at = 0;
  const next = <A extends ArrayName>(name: A): InstanceType<(typeof ARRAYS)[A]> => {
    const bytes = parts[part++];
    if (bytes === undefined || at + bytes > body.byteLength) throw new Error('shorter than it says');
    const length = bytes / ARRAYS[name].BYTES_PER_ELEMENT;
    const view = new ARRAYS[name](body.buffer as ArrayBuffer, body.byteOffset + at, length);
    at += (bytes + 7) & ~7;
    return view as InstanceType<(typeof ARRAYS)[A]>;
  };
  const ndjson = next('Uint8Array');
  const lineEnds = next('Uint32Array');
  const hasLines = lineEnds.length === count && lineEnds.at(-1) === ndjson.byteLength;
  return {
    probe,
    map,
    labels,
    count,
    ...(hasLines ? { ndjson, lineEnds } : {}),
    ...(columns
      ? {
          columns: {
            rows: count,
            timestamps: next('BigInt64Array'),
            columns: columns.map((column) => restore(column, next)),
          },
        }
      : {}),
  };
}

function restore({ array, ...column }: ColumnMeta, next: (name: ArrayName) => ArrayBufferView): RowColumn {
  const { kind, width = 0 } = column;
  switch (kind) {
    case 'text':
      return { ...column, offsets: next('Uint32Array'), bytes: next('Uint8Array') } as RowColumn;
    case 'raw':
      if (!WIDTHS.includes(width)) throw new Error(`a column of ${width} words`);
      return { ...column, values: next('Uint32Array') } as RowColumn;
    case 'number':
      if (array === undefined || !Object.hasOwn(ARRAYS, array))
        throw new Error('a column of unknown numbers');
      return { ...column, values: next(array) } as RowColumn;
    default:
      throw new Error(`a column of kind ${kind}`);
  }
}

/** The forms that the sink wants and a batch of an earlier run does not have. */
export function missingForms(batch: EventBatchData, accepts: Accepts): readonly string[] {
  return (accepts.events || []).filter((form) =>
    form === 'ndjson' ? batch.ndjson === undefined : batch.columns === undefined,
  );
}
