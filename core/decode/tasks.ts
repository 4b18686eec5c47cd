import type { ClockOffsets, DecodeOutput, DecodePlan, Spares } from './plan.js';
import type { TailChunk } from './tail.js';

/** What the main thread asks of a decode worker, and what it gets. All of it crosses by structured clone. */
export type Task =
  | OpenRingTask
  | DrainTask
  | SkipTask
  | OpenMapTask
  | ReadMapsTask
  | TailTask
  | { readonly kind: 'close'; readonly id: number };

export interface OpenRingTask {
  readonly kind: 'open-ring';
  /** Never reused, unlike descriptors. */
  readonly id: number;
  readonly fd: number;
  readonly plan: DecodePlan;
  /** Raw records kept for `/events`; 0 keeps none. */
  readonly tail: number;
}

export interface OpenMapTask {
  readonly kind: 'open-map';
  readonly id: number;
  readonly fd: number;
  readonly plan: DecodePlan;
  readonly tail: number;
  /** Report entries as events only when they are new or changed since the last read. */
  readonly changes: boolean;
}

export interface DrainTask {
  readonly kind: 'drain';
  readonly id: number;
  /** Consumer position to read from. */
  readonly from: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly clock: ClockOffsets;
  /** Somebody follows: make NDJSON even if no sink asks for it. */
  readonly follow: boolean;
  /** Of earlier drains, to be written again. */
  readonly spares: Spares;
}

/** Find the end of the one record at `from` without decoding it. */
export interface SkipTask {
  readonly kind: 'skip';
  readonly id: number;
  readonly from: number;
}

/** Read maps, in this order, for as long as the worker's other work can wait: at least one. */
export interface ReadMapsTask {
  readonly kind: 'read-maps';
  readonly reads: readonly MapRead[];
}

export interface MapRead {
  readonly id: number;
  readonly clock: ClockOffsets;
  readonly maxEntries: number;
  readonly follow: boolean;
}

/** Render the last `limit` events that were kept. */
export interface TailTask {
  readonly kind: 'tail';
  readonly id: number;
  readonly limit: number;
  /** Kept of the same ring elsewhere. */
  readonly others?: readonly TailChunk[];
}

/** The worker does not know this id (it is new, or it was restarted): open it again, then repeat. */
export interface UnknownResult {
  readonly status: 'unknown';
}

export interface DrainResult {
  readonly status: 'drained';
  /** Records read, decoded or not. */
  readonly records: number;
  readonly bytes: number;
  /** Records that the program discarded. */
  readonly discarded: number;
  /** What to release, and where to go on. */
  readonly next: number;
  readonly producer: number;
  readonly busy: boolean;
  readonly time: bigint;
  readonly output: DecodeOutput;
  /** NDJSON for followers, where `output` has none. */
  readonly followed?: Lines;
}

export interface Lines {
  readonly ndjson: Uint8Array;
  readonly lineEnds: Uint32Array;
}

export interface SkipResult {
  readonly status: 'skipped';
  readonly next: number;
}

export interface ReadResult {
  readonly status: 'read';
  /** Entries in the map, before the filter. */
  readonly entries: number;
  readonly truncated: boolean;
  readonly time: bigint;
  readonly output: DecodeOutput;
  readonly followed?: Lines;
}

/** Of the first maps that were asked for; the others are to be asked for again. */
export interface ReadsResult {
  readonly status: 'reads';
  readonly results: readonly (ReadResult | UnknownResult | FailedResult)[];
}

export interface FailedResult {
  readonly status: 'failed';
  readonly error: unknown;
}

export interface TailResult {
  readonly status: 'tail';
  readonly ndjson: Uint8Array;
  readonly count: number;
}

export interface DoneResult {
  readonly status: 'done';
}
