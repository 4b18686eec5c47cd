import type { ColumnSet } from './columns.js';
import type { EventForm } from './sink.js';

/** The plain data behind an {@link EventBatch}: clonable, so that a batch can cross to a sink's worker. */
export interface EventBatchData {
  readonly probe: string;
  readonly map: string;
  /** Agent labels, on every event of the batch. In NDJSON lines they are already written. */
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
  /** One line an event, each ending in \n. */
  readonly ndjson?: Uint8Array;
  /** End offset of each line in `ndjson`, after its \n. */
  readonly lineEnds?: Uint32Array;
  readonly columns?: ColumnSet;
}

/** A field's value in a row. 64-bit fields are bigint; arrays are arrays, structs are objects. */
export type FieldValue =
  | string
  | number
  | bigint
  | boolean
  | readonly FieldValue[]
  | { readonly [field: string]: FieldValue };

/** One event. `JSON.stringify(row)` gives the same text as the NDJSON line. */
export interface Row {
  /** Unix time, ns. */
  readonly timestamp: bigint;
  readonly probe: string;
  readonly map: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly data: { readonly [field: string]: FieldValue };
  toJSON(): unknown;
}

export interface BatchView {
  readonly forms: readonly EventForm[];
  readonly numbers: 'bigint' | 'safe';
}

/**
 * Events of one map, in order. Read-only by contract and shared between sinks; stays valid while it is held.
 * Reading a form that the sink did not declare throws `FormNotDeclaredError`.
 */
export class EventBatch {
  readonly kind = 'events';
  constructor(
    readonly data: EventBatchData,
    readonly view: BatchView,
  ) {}
  get probe(): string {
    return this.data.probe;
  }
  get map(): string {
    return this.data.map;
  }
  get labels(): Readonly<Record<string, string>> {
    return this.data.labels;
  }
  get count(): number {
    return this.data.count;
  }
  /** UTF-8, one JSON object a line. */
  get ndjson(): Uint8Array {
    throw new Error('not implemented');
  }
  /** End offset of each line. */
  get lineEnds(): Uint32Array {
    throw new Error('not implemented');
  }
  get columns(): ColumnSet {
    throw new Error('not implemented');
  }
  rows(): Iterable<Row> {
    throw new Error('not implemented');
  }
}
