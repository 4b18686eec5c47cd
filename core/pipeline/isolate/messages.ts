import type { Accepts, BatchHint, MetricBatch } from '../../../plugins/sdk/index.js';
import type { PipelineErrorCode } from '../error.js';
import type { SinkSource } from '../sink-module.js';
import type { Slot } from './batch-file.js';

/** Of memory outside its heap, which Node's resource limits leave out: buffers, and so every batch. Bytes, without garbage. */
export const BUFFER_LIMIT = 256 * 2 ** 20;
/** Of what is alive on its heap, bytes. */
export const HEAP_LIMIT = 256 * 2 ** 20;

/** Of what a sink has too much. */
export type Exhausted = 'heap' | 'buffers';

/** What the host asks a sink's worker, in this order: describe, prepare, open, the others, close. */
export type Ask =
  | { readonly method: 'describe'; readonly source: SinkSource }
  /** Validate the options of the config. The worker keeps the outcome, which may hold what cannot be cloned. */
  | { readonly method: 'prepare'; readonly options: unknown }
  | {
      readonly method: 'open';
      readonly name: string;
      readonly directory: string;
      readonly labels: Readonly<Record<string, string>>;
    }
  /** `key`: the same number when the same batch comes again. */
  | { readonly method: 'write'; readonly key: number; readonly batch: PackedBatch }
  | { readonly method: 'writeMetrics'; readonly batch: MetricBatch }
  | { readonly method: 'flush' }
  | { readonly method: 'reopen' }
  | { readonly method: 'close' }
  | { readonly method: 'fetch'; readonly request: PlainRequest };

/** An event batch on its way, encoded: its body comes along, or lies in the file that both sides have open. */
export interface PackedBatch {
  readonly count: number;
  readonly meta: string;
  readonly body: Uint8Array | Slot;
}

export type ToWorker =
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  /** The signal of the ask `id` is aborted; without an id: the agent stops. */
  | { readonly kind: 'abort'; readonly id?: number; readonly reason: string }
  | { readonly kind: 'collected'; readonly batch?: MetricBatch; readonly error?: string };

export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: AskError }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string }
  | { readonly kind: 'collect' }
  /** It keeps more than it may. */
  | { readonly kind: 'exhausted'; readonly what: Exhausted }
  /** It ends now, because of something that nobody caught. */
  | { readonly kind: 'fatal'; readonly message: string }
  | { readonly kind: 'metrics'; readonly changes: readonly MetricChange[] };

/** Whatever runs beside the host may have found its channel: what comes from there is checked. */
export function isFromWorker(message: unknown): message is FromWorker {
  if (!isObject(message)) return false;
  switch (message.kind) {
    case 'answer':
      return typeof message.id === 'number' && (message.error === undefined || isAskError(message.error));
    case 'log':
      return LOG_LEVELS.some((level) => level === message.level) && typeof message.message === 'string';
    case 'metrics':
      return Array.isArray(message.changes) && message.changes.every(isMetricChange);
    case 'exhausted':
      return message.what === 'heap' || message.what === 'buffers';
    case 'fatal':
      return typeof message.message === 'string';
    default:
      return message.kind === 'collect';
  }
}

function isAskError(value: unknown): value is AskError {
  return isObject(value) && typeof value.code === 'string' && typeof value.message === 'string';
}

function isMetricChange(value: unknown): value is MetricChange {
  if (!isObject(value) || (value.type !== 'counter' && value.type !== 'gauge')) return false;
  return typeof value.name === 'string' && typeof value.help === 'string' && typeof value.value === 'number';
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

export interface AskError {
  readonly code: PipelineErrorCode;
  readonly message: string;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Of a metric that the sink keeps of itself: what was added to a counter since, or the value of a gauge. */
export interface MetricChange {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  value: number;
}

export interface Description {
  readonly type: string;
  readonly concurrency?: number;
  readonly maxConcurrency?: number;
  readonly batch?: BatchHint;
}

export type Prepared =
  | {
      /** The validated options, as far as they can be cloned: what the host may read of them. */
      readonly options: unknown;
      readonly accepts: Accepts;
      /** Seconds. */
      readonly interval?: number;
    }
  | { readonly issues: readonly { readonly message: string; readonly path: readonly (string | number)[] }[] };

export interface Opened {
  readonly writeMetrics: boolean;
  readonly flush: boolean;
  readonly reopen: boolean;
  readonly fetch: boolean;
}

/** GET or HEAD: the agent's server has no others. */
export interface PlainRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
}

export interface PlainResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}
