/**
 * Events as columns: one column a scalar field of the record, all of the same number of rows.
 * Plain data. The arrays are views, of one buffer perhaps: look at an array and not at its `buffer`, and copy what you
 * transfer to a thread of your own.
 */
export interface ColumnSet<C = Column> {
  readonly rows: number;
  /** Unix time of each event, ns. */
  readonly timestamps: BigInt64Array;
  readonly columns: readonly C[];
}

export interface ColumnBase {
  /**
   * Names from the record's root to the field; `'[]'` stands for "each element of the array":
   * `['addr','port']`, `['stack','[]']`.
   */
  readonly path: readonly string[];
  /** Lengths of the arrays on the path, outermost first. A row has their product of values, row-major. Empty for a plain field. */
  readonly dims: readonly number[];
}

/** Numbers; `format` says what an integer means. 64-bit integers are bigint arrays. Enums carry their names, booleans are 0 and 1. */
export interface NumberColumn extends ColumnBase {
  readonly kind: 'number';
  readonly format?: 'duration' | 'ktime' | 'boottime' | 'bool' | 'pointer' | 'enum';
  /** For `enum`: decimal value → name. */
  readonly names?: Readonly<Record<string, string>>;
  readonly values:
    | Int8Array
    | Uint8Array
    | Int16Array
    | Uint16Array
    | Int32Array
    | Uint32Array
    | BigInt64Array
    | BigUint64Array
    | Float32Array
    | Float64Array;
}

/** Text and addresses (rendered), and integers wider than 64 bits (decimal): value i is `bytes[offsets[i] … offsets[i+1]]`, valid UTF-8. */
export interface TextColumn extends ColumnBase {
  readonly kind: 'text';
  /** `int`: a 128-bit integer in decimal. */
  readonly format?: 'int' | 'address';
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

export type Column = NumberColumn | TextColumn;
