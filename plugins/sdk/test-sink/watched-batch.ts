import { EventBatch, type EventBatchData } from '../batch.js';
import type { ColumnSet } from '../columns.js';
import { FormNotDeclaredError } from '../form-error.js';
import type { Row } from '../row.js';
import type { Accepts } from '../sink.js';

/** A batch that remembers what was read of it without leave, even where the sink swallows the error. */
export class WatchedBatch extends EventBatch {
  readonly undeclared = new Set<string>();

  constructor(data: EventBatchData, { events, numbers }: Accepts) {
    super(data, { forms: events || [], numbers: numbers ?? 'bigint' });
  }

  override get ndjson(): Uint8Array {
    return this.#watch(() => super.ndjson);
  }

  override get lineEnds(): Uint32Array {
    return this.#watch(() => super.lineEnds);
  }

  override get columns(): ColumnSet {
    return this.#watch(() => super.columns);
  }

  override rows(): Iterable<Row> {
    return this.#watch(() => super.rows());
  }

  #watch<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof FormNotDeclaredError) this.undeclared.add(error.form);
      throw error;
    }
  }
}
