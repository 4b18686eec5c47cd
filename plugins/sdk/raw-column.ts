import type { Column, ColumnBase, ColumnSet } from './columns.js';

/**
 * Short texts and addresses as the kernel wrote them, a fixed number of bytes each. Their text is made where a row is
 * read: most are many rows', and are remembered there. {@link EventBatch.columns} has none.
 */
export interface RawColumn extends ColumnBase {
  readonly kind: 'raw';
  /** `ipv4`: one word, in network order. `text`: a `char[]`, up to its NUL. */
  readonly format: 'ipv4' | 'text';
  /** Words of a value: the name of a command has four (TASK_COMM_LEN). */
  readonly width: 1 | 2 | 3 | 4;
  readonly values: Uint32Array;
}

/** What a batch holds. */
export type RowColumn = Column | RawColumn;
export type RowSet = ColumnSet<RowColumn>;
