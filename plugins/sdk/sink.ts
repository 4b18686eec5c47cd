import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { EventBatch } from './batch.js';
import { checkDefinition } from './definition.js';
import type { MetricBatch } from './metrics.js';

/** The forms in which a sink can ask for events. Only forms that some sink declared are ever made. */
export type EventForm = 'ndjson' | 'columns' | 'rows';

/** What a sink takes. Declared up front, so that decoders are generated for just that. */
export interface Accepts {
  /** Forms that `write` reads; empty, or false: no events. */
  readonly events: readonly EventForm[] | false;
  /** Whether `writeMetrics` is called every `interval`. */
  readonly metrics: boolean;
  /** `safe`: every 64-bit field of a row is a number (rounded above 2^53). Default: every one is a bigint. */
  readonly numbers?: 'bigint' | 'safe';
}

/**
 * A sink plugin: inert data, read by `--check` without any I/O. `O` is the type of its validated options.
 */
export interface SinkDefinition<O = unknown> {
  readonly apiVersion: 1;
  readonly type: string;
  /** Data, or a pure function of the validated options. */
  readonly accepts: Accepts | ((options: O) => Accepts);
  /** Validates the options of the config; its output is handed to `open`. */
  readonly options: StandardSchemaV1<unknown, O>;
  /** How many `write`s may run at once. Default 1. */
  readonly concurrency?: number;
  /** How many the config may ask for (`queue.concurrency`). Default: `concurrency`. */
  readonly maxConcurrency?: number;
  /**
   * For destinations that want few big writes: small batches of one map are put together until one of these limits is
   * met, and bigger ones are cut. The config's `batch` wins. Default: batches are written as they are drained.
   */
  readonly batch?: BatchHint;
  /** Seconds between two `writeMetrics`. Default 15. */
  readonly interval?: number | ((options: O) => number);
  /**
   * Acquire what the sink needs. A throw is retried with back-off and shows in `bee_agent_sink_up`; an error whose
   * `fatal` is true (a port in use) ends the agent.
   */
  open(options: O, context: SinkContext): Sink | Promise<Sink>;
}

/** What a sink likes to be given at once; what is left out is the host's default (10000 events, 1 MiB, 1 s). */
export interface BatchHint {
  readonly maxEvents?: number;
  readonly maxBytes?: number;
  /** Seconds that the first event of a batch may wait for others; 0: for none. */
  readonly maxWait?: number;
}

/**
 * An opened sink. The host calls one of its writing methods at a time (with `concurrency`: that many writes), none
 * before `open` has answered, none after `close`. `fetch` may be called at any time in between.
 */
export interface Sink {
  write?(batch: EventBatch, call: WriteCall): WriteResult | Promise<WriteResult>;
  writeMetrics?(batch: MetricBatch, call: WriteCall): WriteResult | Promise<WriteResult>;
  /** Deliver what the sink itself still holds. */
  flush?(): void | Promise<void>;
  /** At SIGHUP, also while a write runs: let go of files that somebody else may have moved, and open them anew. */
  reopen?(): void | Promise<void>;
  /** Release everything. Idempotent. */
  close(): void | Promise<void>;
  /** For sinks that are scraped: mounted at the option `path` on the agent's server. */
  fetch?(request: Request): Response | Promise<Response>;
}

export interface WriteCall {
  /** Aborted at the attempt's time-out, and when the agent's stop deadline passes. */
  readonly signal: AbortSignal;
}

/** What became of a batch. A throw counts as `retry`. */
export type WriteResult =
  /** Delivered; `rejected` of its events were refused for good by the destination (counted as lost, not retried), for `error`. */
  | { readonly status: 'ok'; readonly rejected?: number; readonly error?: string }
  /** Not delivered; try the same batch again, not before `after` ms. */
  | { readonly status: 'retry'; readonly after?: number; readonly error?: string }
  /** Will never be delivered: counted as lost. */
  | { readonly status: 'drop'; readonly error?: string }
  /** The sink is finished (its reader went away): nothing more is sent to it. This batch is counted as lost. */
  | { readonly status: 'closed'; readonly error?: string };

/** What the host injects. Never part of the user's config. */
export interface SinkContext {
  /** Name of the sink in `probes.yaml`. */
  readonly name: string;
  /** Folder of the config file, absolute: where relative paths in options begin. */
  readonly directory: string;
  /** The agent's own labels (`agent.labels`), which every event and metric has: for a destination that wants them once. */
  readonly labels: Readonly<Record<string, string>>;
  readonly log: SinkLog;
  /** Aborted when the agent stops. */
  readonly signal: AbortSignal;
  /** The sink's own metrics: exported as `bee_agent_sink_<name>{sink="…"}`. */
  readonly telemetry: SinkTelemetry;
  /** The state of every metric that is routed to this sink, now. */
  collect(): Promise<MetricBatch>;
}

export interface SinkLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface SinkTelemetry {
  /** `name` in snake_case without prefix; ends in `_total`. */
  counter(name: string, help: string): { add(value: number): void };
  gauge(name: string, help: string): { set(value: number): void };
}

/**
 * Type inference and a shape check, nothing else; throws a SinkDefinitionError that says what is wrong.
 * @example
 * export default defineSink({
 *   apiVersion: 1,
 *   type: 'webhook',
 *   accepts: { events: ['ndjson'], metrics: false },
 *   options: z.strictObject({ url: z.url() }),
 *   open: ({ url }) => ({
 *     async write(batch, { signal }) {
 *       const { ok, status } = await fetch(url, { method: 'POST', body: batch.ndjson, signal });
 *       return ok ? { status: 'ok' } : { status: 'retry', error: `HTTP ${status}` };
 *     },
 *     close() {},
 *   }),
 * });
 */
export function defineSink<O>(definition: SinkDefinition<O>): SinkDefinition<O> {
  checkDefinition(definition);
  return definition;
}
