import type { Column, ColumnSet, NumberColumn, TextColumn } from '../../../../plugins/sdk/index.js';

/**
 * Rows `from` to `to` of a set, and of arrays the first `most` elements: what is left out is neither read nor held.
 * Columns of one array are cut alike, so that they still fit each other.
 */
export function slice(set: ColumnSet, from: number, to: number, most: number): ColumnSet {
  return {
    rows: to - from,
    timestamps: set.timestamps.slice(from, to),
    columns: set.columns.map((column) => sliceColumn(column, from, to, most)),
  };
}

/** Values of a row, of arrays the first `most` elements. */
export function valuesPerRow(set: ColumnSet, most: number): number {
  return set.columns.reduce((sum, { dims }) => sum + product(shortened(dims, most)), 0);
}

function sliceColumn(column: Column, from: number, to: number, most: number): Column {
  const dims = shortened(column.dims, most);
  const each = product(column.dims);
  if (product(dims) === each)
    return column.kind === 'number'
      ? { ...column, values: column.values.slice(from * each, to * each) }
      : { ...column, ...textsBetween(column, from * each, to * each) };
  const inRow = indices(column.dims, dims);
  const places = Array.from({ length: to - from }, (_, row) => inRow.map((i) => (from + row) * each + i));
  return column.kind === 'number'
    ? { ...column, dims, values: numbersAt(column, places.flat()) }
    : { ...column, dims, ...textsAt(column, places.flat()) };
}

/** Of the values of a row of `dims`, row-major, those that a row of `kept` has. */
function indices(dims: readonly number[], kept: readonly number[]): number[] {
  return dims.reduce<number[]>(
    (outer, length, i) =>
      outer.flatMap((base) => Array.from({ length: kept[i] ?? 0 }, (_, j) => base * length + j)),
    [0],
  );
}

function numbersAt({ values }: NumberColumn, places: readonly number[]): NumberColumn['values'] {
  // Of one type, which TypeScript cannot know.
  const all = values as Uint8Array;
  const copy = new (all.constructor as Uint8ArrayConstructor)(places.length);
  for (const [i, place] of places.entries()) copy[i] = all[place] ?? 0;
  return copy;
}

type Texts = Pick<TextColumn, 'offsets' | 'bytes'>;

function textsBetween({ offsets, bytes }: TextColumn, first: number, end: number): Texts {
  const part = offsets.slice(first, end + 1);
  const begin = part[0] ?? 0;
  return { offsets: part.map((offset) => offset - begin), bytes: bytes.slice(begin, part.at(-1)) };
}

function textsAt({ offsets, bytes }: TextColumn, places: readonly number[]): Texts {
  const parts = places.map((place) => bytes.subarray(offsets[place], offsets[place + 1]));
  let end = 0;
  const ends = parts.map(({ length }) => {
    end += length;
    return end;
  });
  return { offsets: Uint32Array.from([0, ...ends]), bytes: Buffer.concat(parts) };
}

function shortened(dims: readonly number[], most: number): readonly number[] {
  return dims.map((length) => Math.min(length, most));
}

const product = (dims: readonly number[]): number => dims.reduce((all, length) => all * length, 1);
