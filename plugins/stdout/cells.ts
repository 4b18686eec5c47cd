import type { ColumnSet, FieldValue } from '../sdk/index.js';
import { printable } from './display.js';
import { humanDuration } from './duration.js';

export interface Cell {
  readonly name: string;
  readonly text: string;
  /** A number. */
  readonly right: boolean;
  /** Columns that others of its kind will want. */
  readonly least: number;
}

/** `999.999µs` */
const DURATION_WIDTH = 9;

/** What numbers mean, by their field: `addr.ports.[]` → `duration`. */
export type Formats = ReadonlyMap<string, string>;

const CLOCKS = new Set(['ktime', 'boottime']);

export function formatsOf({ columns }: ColumnSet): Formats {
  const formats = new Map<string, string>();
  let clock = false;
  for (const column of columns) {
    if (column.format === undefined) continue;
    const plain = column.path.length === 1 && column.dims.length === 0;
    // The record's own time, which every line begins with.
    const own: boolean = !clock && plain && CLOCKS.has(column.format);
    clock ||= own;
    formats.set(column.path.join('.'), own ? 'own-time' : column.format);
  }
  return formats;
}

/** A record's fields in order: structs by their fields, an array as one cell. */
export function cellsOf(data: { readonly [field: string]: FieldValue }, formats: Formats): Cell[] {
  const cells: Cell[] = [];
  const walk = (value: FieldValue, path: string): void => {
    if (isStruct(value)) {
      for (const [name, field] of Object.entries(value)) walk(field, path === '' ? name : `${path}.${name}`);
    } else if (formats.get(path) !== 'own-time') {
      const format = formats.get(path);
      const right = (typeof value === 'number' || typeof value === 'bigint') && format !== 'enum';
      const least = format === 'duration' ? DURATION_WIDTH : 0;
      cells.push({ name: printable(path), text: cellText(value, path, formats), right, least });
    }
  };
  walk(data, '');
  return cells;
}

/** A field as text for a terminal; `path` as in {@link Formats}. */
export function cellText(value: FieldValue, path: string, formats: Formats): string {
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object')
    return formats.get(path) === 'duration' && typeof value !== 'boolean'
      ? humanDuration(BigInt(value))
      : String(value);
  if (!isStruct(value)) return `[${value.map((one) => cellText(one, `${path}.[]`, formats)).join(' ')}]`;
  const fields = Object.entries(value).map(
    ([name, field]) => `${printable(name)}=${cellText(field, `${path}.${name}`, formats)}`,
  );
  return `{${fields.join(' ')}}`;
}

function isStruct(value: FieldValue): value is { readonly [field: string]: FieldValue } {
  return typeof value === 'object' && !Array.isArray(value);
}
