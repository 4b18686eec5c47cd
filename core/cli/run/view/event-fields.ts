import type { Column, ColumnSet, FieldValue } from '../../../../plugins/sdk/index.js';
import { cellText, formatsOf, humanDuration, printable } from '../../../../plugins/stdout/index.js';
import type { Field, Value } from './field.js';

/** Characters of a value that are kept: no screen shows more, and a row's memory is bounded. */
const MAX_TEXT = 256;
/** `999.999µs` */
const DURATION_WIDTH = 9;
/** Elements of an array that fill that text in any case: each takes two characters at least. */
export const MOST_ELEMENTS = MAX_TEXT / 2;

export interface EventField extends Field {
  read(data: { readonly [field: string]: FieldValue }): Value;
}

/** The columns of a map's events: nested structs by their fields, an array as one. Without the record's own time. */
export function eventFields(set: ColumnSet): EventField[] {
  const formats = formatsOf(set);
  const fields = new Map<string, EventField>();
  for (const column of set.columns) {
    const array = column.path.indexOf('[]');
    const path = array < 0 ? column.path : column.path.slice(0, array);
    const name = path.join('.');
    if (fields.has(name) || formats.get(name) === 'own-time') continue;
    const read = (data: FieldValue): FieldValue => {
      let value = data;
      for (const part of path) value = (value as { readonly [field: string]: FieldValue })[part]!;
      return value;
    };
    if (array >= 0)
      fields.set(name, {
        name: printable(name),
        kind: 'list',
        least: 0,
        read: (data) => shortened(cellText(read(data), name, formats)),
        text: String,
      });
    else fields.set(name, scalarField(printable(name), column, read));
  }
  return [...fields.values()];
}

function scalarField(name: string, column: Column, read: (data: FieldValue) => FieldValue): EventField {
  const kind = kindOf(column);
  const isDuration = column.format === 'duration';
  return {
    name,
    kind,
    least: isDuration ? DURATION_WIDTH : 0,
    read: (data) => {
      const value = read(data) as Value;
      return typeof value === 'string' ? shortened(value) : value;
    },
    text: (value) => {
      if (typeof value === 'string') return printable(value);
      return isDuration && typeof value !== 'boolean' ? humanDuration(BigInt(value)) : String(value);
    },
  };
}

function kindOf(column: Column): Field['kind'] {
  if (column.kind === 'text') return column.format === 'int' ? 'number' : 'text';
  if (column.format === 'bool' || column.format === 'enum') return column.format;
  return column.format === 'pointer' ? 'text' : 'number';
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}
