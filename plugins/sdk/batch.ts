import type { ColumnSet } from './columns.js';
import { FormNotDeclaredError } from './form-error.js';
import type { RowSet } from './raw-column.js';
import { rendered } from './rendered.js';
import { EventRow, type Row } from './row.js';
import { type RowReader, rowReader } from './row-reader.js';
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
  /** What the forms `columns` and `rows` are read from. */
  readonly columns?: RowSet;
}

/** What one sink may see of a batch: its own declaration, resolved. */
export interface BatchView {
  readonly forms: readonly EventForm[];
  readonly numbers: 'bigint' | 'safe';
  /** Name of the sink, for messages. */
  readonly sink?: string;
}

/**
 * Events of one map, in order. Read-only by contract and shared between sinks; stays valid while it is held.
 * Reading a form that the sink did not declare throws {@link FormNotDeclaredError}.
 */
export class EventBatch {
  readonly kind = 'events';
  #columns: ColumnSet | undefined;

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
    return this.#form('ndjson', this.data.ndjson);
  }

  /** End offset of each line in {@link ndjson}, after its \n. Belongs to the form `ndjson`. */
  get lineEnds(): Uint32Array {
    return this.#form('ndjson', this.data.lineEnds);
  }

  get columns(): ColumnSet {
    const set = this.#form('columns', this.data.columns);
    this.#columns ??= rendered(set);
    return this.#columns;
  }

  /**
   * The events as objects, made while they are walked through; walking again makes new ones.
   * Where a sink only writes text, `ndjson` is several times cheaper.
   */
  rows(): Iterable<Row> {
    const columns = this.#form('rows', this.data.columns);
    const { probe, map, labels } = this.data;
    const { numbers } = this.view;
    return {
      [Symbol.iterator]: () =>
        new RowIterator(probe, map, labels, columns.timestamps, columns.rows, rowReader(columns, numbers)),
    };
  }

  #form<T>(form: EventForm, value: T | undefined): T {
    const { forms, sink } = this.view;
    if (!forms.includes(form)) throw new FormNotDeclaredError('not_declared', form, forms, sink);
    if (value === undefined) throw new FormNotDeclaredError('not_made', form, forms, sink);
    return value;
  }
}

/** A class and not a generator: half the cost a row. */
class RowIterator implements IterableIterator<Row> {
  #next = 0;

  constructor(
    private readonly probe: string,
    private readonly map: string,
    private readonly labels: Readonly<Record<string, string>>,
    private readonly timestamps: BigInt64Array,
    private readonly rows: number,
    private readonly read: RowReader,
  ) {}

  next(): IteratorResult<Row, undefined> {
    const index = this.#next;
    if (index >= this.rows) return { done: true, value: undefined };
    this.#next = index + 1;
    const row = new EventRow(this.timestamps[index]!, this.probe, this.map, this.labels, this.read(index));
    return { done: false, value: row };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
