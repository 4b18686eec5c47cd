import type {
  Accepts,
  EventBatchData,
  MetricBatch,
  SinkContext,
  SinkDefinition,
} from '../../plugins/sdk/index.js';
import type { BackoffOptions } from './backoff.js';
import type { BatchLimits } from './batch/assembler.js';
import type { BufferOptions } from './buffer/disk-store.js';
import type { Hold } from './hold.js';
import type { WhenFull } from './store.js';

/** Why events did not reach a sink. */
export type LossReason =
  | 'queue_full'
  /** The disk buffer has its `max_size`. */
  | 'buffer_full'
  /** The disk buffer gave back something else than it was given. */
  | 'unreadable'
  | 'dropped'
  | 'rejected'
  | 'expired'
  | 'closed'
  | 'shutdown';

/** In events, since start: `received = delivered + sum(lost) + queued`. Filtering is done before, in the decoder. */
export interface DeliveryCounts {
  received: number;
  /** Of those received: found in the disk buffer that an earlier run left. */
  recovered: number;
  delivered: number;
  queued: number;
  lost: Partial<Record<LossReason, number>>;
}

/** `opening` until `open` succeeded; `retrying` while attempts fail; `closed` when the sink ended or was closed. */
export type OutletState = 'opening' | 'up' | 'retrying' | 'closed';

/** Whether attempts are made: `closed`, they are; `open`, they wait after a failure; `half_open`, one finds out. */
export interface Circuit {
  readonly state: 'closed' | 'open' | 'half_open';
  /** Failed attempts in a row. */
  readonly failures: number;
  /** Unix time, ms, of the next attempt, where `open`. */
  readonly retryAt?: number;
}

export interface OutletOptions {
  readonly name: string;
  readonly definition: SinkDefinition<unknown>;
  /** Validated. */
  readonly options: unknown;
  readonly maxBatches: number;
  readonly maxBytes: number;
  /** Default `drop_newest`. */
  readonly whenFull?: WhenFull;
  /** Small batches are put together, and big ones cut. Default: they are written as they come. */
  readonly batch?: BatchLimits;
  /** Batches wait on the disk. Default: in memory, and are lost with the process. */
  readonly buffer?: BufferOptions;
  /** Writes at once. Default: what the sink declares. */
  readonly concurrency?: number;
  /** ms an attempt. */
  readonly timeout: number;
  /** ms a batch is tried for; 0: for ever. */
  readonly maxElapsed: number;
  /** Pauses after failures. Default: 1 s, then 1.5 times as long each time, up to 30 s. */
  readonly retry?: BackoffOptions;
  /** ms between metric writes. */
  readonly interval: number;
  /** The sink looks at a batch no more once `write` has answered, so that its memory may be written again. Default false. */
  readonly letsGo?: boolean;
  /** Everything of the sink's context but what the pipeline adds itself. */
  readonly context: Pick<SinkContext, 'directory' | 'labels' | 'log' | 'telemetry' | 'collect'>;
}

/** One sink with its queue: takes batches, never blocks, never throws. */
export interface Outlet {
  readonly name: string;
  readonly accepts: Accepts;
  readonly state: OutletState;
  readonly circuit: Circuit;
  /** How long the sink held the main thread. */
  readonly hold: Hold;
  /** Last error, for `/readyz` and the log. */
  readonly error?: string | undefined;
  /** `open` threw an error whose `fatal` is true: no later attempt would be better, and the agent ends. */
  readonly fatal: boolean;
  readonly letsGo: boolean;
  /** Take a batch; when there is no room, `whenFull` says what is lost. `onDelivered` is not called for a lost one. */
  offer(batch: EventBatchData, onDelivered?: () => void): void;
  /** Undefined while there is room; with `whenFull: block`, resolves when there is room again: offer nothing until then. */
  room(): Promise<void> | undefined;
  /** Metric batches: replaced by newer ones while they wait, as they are cumulative. */
  offerMetrics(batch: MetricBatch): void;
  /** By probe and map, in events. */
  counts(): Iterable<{ readonly probe: string; readonly map: string; readonly counts: DeliveryCounts }>;
  /** The sink's own `fetch`, where it has one and is open. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
  /** Have the sink open its files anew; false where it has none now. One that is opening does so afterwards. */
  reopen(): boolean;
  /** Resolves when the sink ends by itself (`closed` result, fatal error of `open`). */
  readonly ended: Promise<void>;
  /** Begin: open the sink (with back-off), then deliver. */
  start(): void;
  /** Deliver what is queued until `deadline` (ms from now), flush, close; what is left is kept in the disk buffer, or lost with reason `shutdown`. Idempotent. */
  stop(deadline: number): Promise<void>;
}
