import type { Column, ColumnSet, TextColumn } from './columns.js';
import type { RowColumn, RowSet } from './raw-column.js';
import { rawReader } from './raw-reader.js';

/** The same without raw columns; itself, where it has none. */
export function rendered(set: RowSet): ColumnSet {
  return isRendered(set) ? set : { ...set, columns: set.columns.map(renderedColumn) };
}

function isRendered(set: RowSet): set is ColumnSet {
  return set.columns.every(({ kind }) => kind !== 'raw');
}

function renderedColumn(column: RowColumn): Column {
  if (column.kind !== 'raw') return column;
  const { path, dims, format, width, values } = column;
  const text = rawReader(column);
  const texts = Array.from({ length: values.length / width }, (_, i) => Buffer.from(text(i)));
  const offsets = new Uint32Array(texts.length + 1);
  texts.forEach((bytes, i) => {
    offsets[i + 1] = offsets[i]! + bytes.length;
  });
  const shared: TextColumn = {
    kind: 'text',
    path,
    dims,
    offsets,
    bytes: new Uint8Array(Buffer.concat(texts)),
  };
  return format === 'ipv4' ? { ...shared, format: 'address' } : shared;
}
