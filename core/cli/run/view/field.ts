/** What a cell holds. Arrays are text already. */
export type Value = string | number | bigint | boolean;

/** A column of a table, as its map's BTF has it. */
export interface Field {
  /** `addr.port`; names of nested structs are joined by dots. */
  readonly name: string;
  readonly kind: 'number' | 'text' | 'bool' | 'enum' | 'list';
  /** Columns that the values of such a field want at least. */
  readonly least: number;
  /** Safe for a terminal. */
  text(value: Value): string;
}

/** Order of two values of one field: by number, else by character. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' || typeof b === 'string') {
    const left = String(a);
    const right = String(b);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
