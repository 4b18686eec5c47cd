import type { RowSet } from '../../plugins/sdk/index.js';
import type { Layout } from '../bpf/index.js';

/**
 * Everything a worker needs to decode one map, as plain data. Made by the main thread, checked there
 * (`compilePlan` throws {@link DecodeError} for a plan that makes no sense), cloned to the worker.
 *
 * An entry of a hash or array map is one record too: its key at 0, its value at the next multiple of 8.
 * Its layout is a struct of two members, `key` and `value` (see `entryLayout`).
 */
export interface DecodePlan {
  readonly probe: string;
  readonly map: string;
  readonly record: Layout;
  /** `ring`: bare names in filter and paths are the record's fields. `entry`: looked up in `key`, then in `value`; `key.x` and `value.x` work too. */
  readonly source: 'ring' | 'entry';
  /** Source text of the config's `filter`. */
  readonly filter?: string;
  /** Field that holds the record's own time; its format (`ktime`, `boottime`) says which clock. */
  readonly timestamp?: { readonly path: readonly string[]; readonly clock: 'ktime' | 'boottime' };
  /** Agent labels, on every event. */
  readonly labels: Readonly<Record<string, string>>;
  /** Forms to make of each batch. */
  readonly ndjson: boolean;
  readonly columns: ColumnsForm;
  readonly group?: GroupPlan;
}

/** `raw`: for sinks that read rows only, which make short texts and addresses themselves, and remember them. */
export type ColumnsForm = 'none' | 'raw' | 'rendered';

export interface GroupPlan {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Label name (already sanitised and made unique) and the scalar that it shows; array elements by their index: `['stack','0']`. */
  readonly labels: readonly { readonly name: string; readonly path: readonly string[] }[];
  /**
   * Numeric fields. Ring counter: empty (each record adds one) or one (its value is added).
   * Gauge: one or more, the last value wins. Entry counter or gauge: one or more, the value as it stands.
   * Ring histogram: one, the observed value. Entry histogram: one, the count.
   */
  readonly values: readonly (readonly string[])[];
  /** Ring histogram: upper bounds, raw units, ascending. */
  readonly bounds?: readonly number[];
  /** Entry histogram: the field that is the bucket. */
  readonly bucket?: readonly string[];
  /** Groups kept at once; what exceeds it goes to group id 0, the overflow group, for a ring, and is left out and counted for entries. */
  readonly maxSeries: number;
  /** Ring counter or histogram: what its exemplars show. */
  readonly exemplar?: ExemplarPlan;
  /** Ring: ms after which a table that is full begins a new epoch, so that groups which are idle make room. */
  readonly expire?: number;
}

export interface ExemplarPlan {
  /** Label name (valid and unique) and the scalar that it shows. */
  readonly labels: readonly { readonly name: string; readonly path: readonly string[] }[];
  /** Of names and values of one exemplar together: labels for which there is no room are left out. */
  readonly maxCharacters: number;
}

/** Offsets to Unix time, ns: unix = clock + offset. */
export interface ClockOffsets {
  readonly ktime: bigint;
  readonly boottime: bigint;
}

/** Records where they lie: `offsets[i]` is the first byte of record i in `memory`, `lengths[i]` its length. */
export interface RecordSet {
  readonly memory: ArrayBufferLike;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly count: number;
  /** Where it is known: the least of the lengths. All offsets are multiples of 8 then, and so is the memory's size. */
  readonly shortest?: number;
}

export interface DecodeOutput {
  /** Records that passed the filter; ndjson and columns have just these. */
  events: number;
  /** Records that the filter rejected. */
  filtered: number;
  /** Records too short for their type: skipped. */
  malformed: number;
  /** One line an event, each ending in \n. Owns its buffer (transferable). */
  ndjson?: Uint8Array;
  /** End offset of each line in `ndjson`. */
  lineEnds?: Uint32Array;
  /** All arrays share one buffer, which is theirs alone (transferable). */
  columns?: RowSet;
  groups?: GroupOutput;
}

/**
 * What changed in the group table of one worker. A ring's `ids`, `values` and `buckets` share one buffer. Groups have ids, assigned once within an `epoch` and never
 * reused in it; a new epoch (worker restart, table emptied) starts again from nothing.
 * Groups that render alike have one id.
 */
export interface GroupOutput {
  epoch: number;
  /** Groups seen for the first time: id, and label values rendered, in the plan's order. */
  newIds: Uint32Array;
  newLabels: string[][];
  /** Groups touched by this batch (for entries: all that are there now). */
  ids: Uint32Array;
  /** One column a value of the plan; without values, one with the counts. Parallel to `ids`. */
  values: NumberValues[];
  /** Ring histogram: non-cumulative counts, (bounds+1) a group, parallel to `ids`; `values[0]` is then the sums. */
  buckets?: Float64Array;
  /** Entry histogram: bucket field a row; `ids` may then repeat. */
  bucketValues?: NumberValues;
  /** Entries left out because of `maxSeries`. Records folded into the overflow group. */
  overflowed: number;
  /** Ring counter or histogram whose plan has `exemplar`: of some groups of this batch, one a bucket at most. */
  exemplars?: readonly GroupExemplar[];
}

/** One record that stands for those of its group, or of its group's bucket. */
export interface GroupExemplar {
  readonly group: number;
  /** Of a histogram; 0 of a counter. */
  readonly bucket: number;
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** What the record added, or was observed, in raw units. Never NaN. */
  readonly value: number;
  /** Unix ns. */
  readonly time: bigint;
}

/**
 * Buffers that an output may be written to; they are the output's then, and go with it. Null: there is none, but what
 * is made may come back.
 */
export interface Spares {
  readonly lines: ArrayBuffer | null;
  readonly columns: ArrayBuffer | null;
  readonly groups: ArrayBuffer | null;
}

export type NumberValues = Float64Array | BigInt64Array | BigUint64Array;
