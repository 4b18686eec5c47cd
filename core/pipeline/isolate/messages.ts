import type { Accepts, EventBatchData, MetricBatch, WriteResult } from '../../../plugins/sdk/index.js';
import type { SinkSource } from '../sink-module.js';

/** What the host asks a sink's worker. Answered by {@link Answer} with the same id. */
export type Ask =
  | { readonly method: 'describe'; readonly source: SinkSource }
  | { readonly method: 'validate'; readonly value: unknown }
  | { readonly method: 'accepts'; readonly options: unknown }
  | { readonly method: 'open'; readonly options: unknown; readonly name: string }
  | { readonly method: 'write'; readonly batch: EventBatchData; readonly accepts: Accepts }
  | { readonly method: 'writeMetrics'; readonly batch: MetricBatch }
  | { readonly method: 'flush' }
  | { readonly method: 'close' }
  | { readonly method: 'fetch'; readonly request: PlainRequest };

export type ToWorker =
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  /** The signal of the ask `id` is aborted; without an id: the agent stops. */
  | { readonly kind: 'abort'; readonly id?: number; readonly reason: string }
  | {
      readonly kind: 'collected';
      readonly id: number;
      readonly batch?: MetricBatch;
      readonly error?: string;
    };

export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string }
  | { readonly kind: 'collect'; readonly id: number }
  | {
      readonly kind: 'metric';
      readonly type: 'counter' | 'gauge';
      readonly name: string;
      readonly help: string;
      readonly value: number;
    };

export interface Description {
  readonly type: string;
  readonly concurrency?: number;
  /** Seconds, unless it depends on the options. */
  readonly interval?: number;
}

export interface Opened {
  readonly write: boolean;
  readonly writeMetrics: boolean;
  readonly flush: boolean;
  readonly fetch: boolean;
}

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

export type { WriteResult };
