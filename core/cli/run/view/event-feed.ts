import { type ColumnSet, EventBatch, type EventBatchData } from '../../../../plugins/sdk/index.js';
import { fieldText } from '../field-text.js';
import type { ShownFilter } from '../map-flags.js';
import { slice, valuesPerRow } from './column-slice.js';
import { type EventField, eventFields, MOST_ELEMENTS } from './event-fields.js';
import type { Value } from './field.js';
import type { RowTest } from './row-filter.js';
import { RowRing } from './row-ring.js';

export interface EventRow {
  /** Events of the map before this one. */
  readonly sequence: number;
  /** Unix time, ns. */
  readonly time: bigint;
  readonly values: readonly Value[];
}

/** Rows that are kept, where an event has few values; fewer where it has many. */
const MOST_ROWS = 5_000;
const LEAST_ROWS = 50;
const MOST_VALUES = 100_000;
/** Events that wait for the next frame while there is a filter, and their values, at most: nobody knows how many match. */
const MOST_WAITING = 65_536;
const MOST_WAITING_VALUES = 1_000_000;
/** Values between two looks at the clock. */
const CHUNK_VALUES = 2_000;

interface Waiting {
  readonly batch: EventBatchData & { readonly columns: ColumnSet };
  /** Sequence of its first event. */
  readonly first: number;
  /** First event that waits still. */
  from: number;
}

/**
 * The last events of one map as rows. Batches wait for the next frame, and of what waits only events that can still be
 * seen become rows: the cost is bounded by frames and not by events, and so is the memory.
 */
export class EventFeed {
  fields: readonly EventField[] = [];
  /** What passed `-f`. */
  private all = new RowRing<EventRow>(MOST_ROWS);
  private mostWaiting = MOST_WAITING;
  /** Of these what the filter lets pass, while there is one. */
  private matching: { readonly test: RowTest; readonly rows: RowRing<EventRow> } | undefined;
  private makeTest: ((fields: readonly EventField[]) => RowTest) | undefined;
  private waiting: Waiting[] = [];
  private waitingRows = 0;
  private shape = '';
  private chunk = 1;
  /** Events so far. */
  taken = 0;
  /** Events that no filter looked at, since there were too many of them. */
  passedOver = 0;

  constructor(private readonly flags: readonly ShownFilter[]) {}

  get rows(): RowRing<EventRow> {
    return this.matching?.rows ?? this.all;
  }

  take({ data, columns }: EventBatch): void {
    if (this.shape === '') this.adapt(columns);
    this.waiting.push({ batch: { ...data, columns }, first: this.taken, from: 0 });
    this.taken += columns.rows;
    this.waitingRows += columns.rows;
    this.passOver(this.waitingRows - (this.isFiltered ? this.mostWaiting : this.all.limit));
  }

  /** Leave out the oldest `count` of the events that wait. */
  private passOver(count: number): void {
    if (count <= 0) return;
    if (this.isFiltered) this.passedOver += count;
    this.waitingRows -= count;
    let left = count;
    for (let oldest = this.waiting[0]; oldest && left > 0; oldest = this.waiting[0]) {
      const some = Math.min(left, oldest.batch.columns.rows - oldest.from);
      oldest.from += some;
      left -= some;
      if (oldest.from < oldest.batch.columns.rows) return;
      this.waiting.shift();
    }
  }

  private get isFiltered(): boolean {
    return this.matching !== undefined || this.flags.length > 0;
  }

  /** Everything that is kept, whatever the filter. */
  everything(): EventRow[] {
    return this.all.toArray();
  }

  /** `make` gives the test once the columns are known, and may throw then. */
  setFilter(make: ((fields: readonly EventField[]) => RowTest) | undefined): void {
    const test = this.fields.length === 0 ? undefined : make?.(this.fields);
    this.makeTest = make;
    this.passedOver = 0;
    if (!test) {
      this.matching = undefined;
      return;
    }
    const rows = new RowRing<EventRow>(this.all.limit);
    for (const row of this.all.toArray()) if (test(row.values)) rows.push(row);
    this.matching = { test, rows };
  }

  /** Make rows of what waits, in about `budget` ms; the rest waits on. Returns whether there are new ones. */
  absorb(budget: number): boolean {
    const end = performance.now() + budget;
    let isNew = false;
    for (let oldest = this.waiting[0]; oldest; oldest = this.waiting[0]) {
      const { batch, first, from } = oldest;
      this.adapt(batch.columns);
      const to = Math.min(batch.columns.rows, from + this.chunk);
      for (const row of this.read(batch, from, to, first)) {
        this.all.push(row);
        const isMatching = this.matching?.test(row.values);
        if (isMatching) this.matching?.rows.push(row);
        isNew ||= isMatching ?? true;
      }
      oldest.from = to;
      this.waitingRows -= to - from;
      if (to === batch.columns.rows) this.waiting.shift();
      if (performance.now() >= end) break;
    }
    return isNew;
  }

  /** Whether events wait for another frame. */
  get isBehind(): boolean {
    return this.waiting.length > 0;
  }

  /** Columns as the first batch has them; others later mean that the probe was loaded anew. */
  private adapt(columns: ColumnSet): void {
    const shape = columns.columns.map(({ path, dims }) => `${path.join('.')}${dims.join('x')}`).join(' ');
    if (shape === this.shape) return;
    this.shape = shape;
    this.fields = eventFields(columns);
    const values = Math.max(1, valuesPerRow(columns, MOST_ELEMENTS));
    this.all = new RowRing(Math.max(LEAST_ROWS, Math.min(MOST_ROWS, Math.floor(MOST_VALUES / values))));
    this.chunk = Math.ceil(CHUNK_VALUES / values);
    this.mostWaiting = Math.max(LEAST_ROWS, Math.min(MOST_WAITING, Math.floor(MOST_WAITING_VALUES / values)));
    try {
      this.setFilter(this.makeTest);
    } catch {
      // These columns are others than the filter was written for.
      this.setFilter(undefined);
    }
  }

  private read(batch: Waiting['batch'], from: number, to: number, first: number): EventRow[] {
    const part = new EventBatch(
      { ...batch, columns: slice(batch.columns, from, to, MOST_ELEMENTS), count: to - from },
      { forms: ['rows'], numbers: 'bigint' },
    );
    const rows: EventRow[] = [];
    let sequence = first + from;
    for (const { timestamp, data } of part.rows()) {
      const at = sequence++;
      if (!this.flags.every(({ field, pattern }) => pattern.test(fieldText(data, field)))) continue;
      rows.push({ sequence: at, time: timestamp, values: this.fields.map((field) => field.read(data)) });
    }
    return rows;
  }
}
