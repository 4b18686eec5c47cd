import {
  type Accepts,
  checkSink,
  EventBatch,
  type EventBatchData,
  type MetricBatch,
  resolveAccepts,
  type Sink,
} from '../../plugins/sdk/index.js';
import { messageOf, PipelineError } from './error.js';
import { Ledger, type LedgerEntry } from './ledger.js';
import { BatchQueue, type QueuedBatch } from './queue.js';
import { RetryGate } from './retry-gate.js';
import { GRACE_MS, Slot } from './slot.js';
import type { Outlet, OutletOptions } from './types.js';

/** Shares of what is left of a stop's deadline: collecting metrics, delivering, flushing and ending what is stuck. */
const COLLECT_SHARE = 0.25;
const DELIVER_SHARE = 0.7;
const FLUSH_SHARE = 0.5;
/** ms that a sink which ended by itself may take to close. */
const CLOSE_MS = 1_000;
/** A sink may refuse a thousand batches a second: ms between two lines in the log. */
const REFUSAL_LOG_MS = 10_000;

export function createOutlet(options: OutletOptions): Outlet {
  return new SinkOutlet(options);
}

class SinkOutlet implements Outlet {
  readonly name: string;
  readonly accepts: Accepts;
  state: Outlet['state'] = 'opening';
  error?: string | undefined;
  fatal = false;
  readonly ended: Promise<void>;
  private resolveEnded!: () => void;
  private readonly queue: BatchQueue;
  private readonly ledger = new Ledger();
  private readonly gate = new RetryGate();
  private readonly slots: readonly Slot[];
  private readonly failures: { add(value: number): void };
  /** Aborted when nothing more is to be written; the sink's `context.signal`. */
  private readonly closing = new AbortController();
  /** Why what is left then is lost. */
  private leftover: 'closed' | 'shutdown' = 'shutdown';
  private sink: Sink | undefined;
  private metrics: MetricBatch | undefined;
  private metricsTimer: NodeJS.Timeout | undefined;
  private collecting = false;
  private delivering: Promise<void> | undefined;
  private readonly idle = new Set<() => void>();
  private readonly inFlight = new Set<QueuedBatch>();
  private stopping: Promise<void> | undefined;
  private draining = false;
  private refused = 0;
  private refusalLogged = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: OutletOptions) {
    const { definition, context } = options;
    this.name = options.name;
    this.accepts = resolveAccepts(definition, options.options);
    this.queue = new BatchQueue(options.maxBatches, options.maxBytes);
    this.slots = Array.from({ length: definition.concurrency ?? 1 }, () => new Slot());
    this.failures = context.telemetry.counter('errors_total', 'Attempts of a sink that failed.');
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  get fetch(): ((request: Request) => Promise<Response>) | undefined {
    const { sink } = this;
    if (!sink?.fetch || this.state === 'closed') return undefined;
    return async (request) => sink.fetch!(request);
  }

  counts(): Iterable<LedgerEntry> {
    return this.ledger;
  }

  get letsGo(): boolean {
    return this.options.letsGo ?? false;
  }

  offer(batch: EventBatchData, onDelivered?: () => void): void {
    this.ledger.receive(batch);
    if (this.state === 'closed') this.ledger.lose(batch, 'closed');
    else if (!this.queue.push(batch, onDelivered)) this.ledger.lose(batch, 'queue_full');
    else this.wake();
  }

  offerMetrics(batch: MetricBatch): void {
    if (this.state === 'closed') return;
    this.metrics = batch;
    this.wake();
  }

  start(): void {
    this.delivering ??= this.run();
  }

  private async run(): Promise<void> {
    if (!(await this.open())) return;
    this.startMetrics();
    await Promise.all(this.slots.map((slot) => this.deliver(slot)));
  }

  /** Open with back-off; false when the outlet was stopped first. */
  private async open(): Promise<boolean> {
    while (!this.closing.signal.aborted) {
      const epoch = this.gate.begin();
      try {
        const sink = await this.openOnce();
        if (!sink) return false;
        this.sink = sink;
        this.state = 'up';
        this.clearError();
        this.gate.succeeded(epoch);
        return true;
      } catch (error) {
        if ((error as { fatal?: unknown } | null)?.fatal === true) {
          this.fatal = true;
          this.end(messageOf(error));
          return false;
        }
        this.fail(error);
        if (this.draining) return false;
        this.gate.failed(epoch);
        await this.gate.wait();
      }
    }
    return false;
  }

  /** Undefined when the outlet closes first; a sink that opens after that is closed again. */
  private async openOnce(): Promise<Sink | undefined> {
    const { definition, options, context, timeout } = this.options;
    const { signal } = this.closing;
    const slow = setTimeout(() => this.fail(new Error(`open() has not answered for ${timeout} ms`)), timeout);
    const closed = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    const opening = (async () => definition.open(options, { ...context, name: this.name, signal }))();
    const release = async (): Promise<void> => void (await (await opening)?.close?.());
    try {
      const opened = await Promise.race([opening.then((sink) => ({ sink })), closed]);
      if (opened && !signal.aborted) return checkSink(opened.sink, this.accepts);
      void release().catch(() => {});
      return undefined;
    } catch (error) {
      void release().catch(() => {});
      throw error;
    } finally {
      clearTimeout(slow);
    }
  }

  private startMetrics(): void {
    if (!this.accepts.metrics || !this.sink?.writeMetrics || this.draining) return;
    this.metricsTimer = setInterval(() => void this.collect(), this.options.interval);
    this.metricsTimer.unref();
  }

  private async collect(): Promise<void> {
    if (this.collecting) return;
    this.collecting = true;
    try {
      this.offerMetrics(await this.options.context.collect());
    } catch (error) {
      this.options.context.log.warn(`collecting metrics failed: ${messageOf(error)}`);
    } finally {
      this.collecting = false;
    }
  }

  private wake(): void {
    const idle = [...this.idle];
    this.idle.clear();
    for (const resume of idle) resume();
  }

  /** One of `concurrency` loops: take a batch, try until it is settled, take the next. */
  private async deliver(slot: Slot): Promise<void> {
    for (;;) {
      await this.gate.wait();
      if (this.closing.signal.aborted) return;
      // Metrics first: they are few, and events may never end.
      const { metrics } = this;
      if (metrics) {
        this.metrics = undefined;
        await this.writeMetrics(slot, metrics);
        continue;
      }
      const queued = this.queue.shift();
      if (queued) {
        this.inFlight.add(queued);
        await this.settle(slot, queued);
        this.inFlight.delete(queued);
        continue;
      }
      if (this.draining) return;
      await new Promise<void>((resolve) => this.idle.add(resolve));
    }
  }

  /** Attempts until the batch is delivered, refused or expired, or the outlet closes. Its counts are settled then. */
  private async settle(slot: Slot, queued: QueuedBatch): Promise<void> {
    const { batch } = queued;
    const { maxElapsed, timeout } = this.options;
    const view = {
      forms: this.accepts.events || [],
      numbers: this.accepts.numbers ?? 'bigint',
      sink: this.name,
    };
    const expiry = maxElapsed > 0 ? performance.now() + maxElapsed : Number.POSITIVE_INFINITY;
    for (;;) {
      const epoch = this.gate.begin();
      const result = await slot.attempt(
        queued,
        'write',
        (call) => this.sink!.write!(new EventBatch(batch, view), call),
        timeout,
        this.closing.signal,
      );
      // While this attempt ran, stop() may have counted the batch as lost.
      if (!this.inFlight.has(queued)) return;
      switch (result.status) {
        case 'ok':
          this.ledger.deliver(batch, result.rejected ?? 0);
          if (result.rejected)
            this.refuse(Math.min(result.rejected, batch.count), 'the destination rejected them');
          this.succeed(epoch);
          queued.onDelivered?.();
          return;
        case 'drop':
          this.ledger.lose(batch, 'dropped');
          this.failures.add(1);
          this.refuse(batch.count, result.error ?? 'the sink dropped them, and gave no reason');
          this.succeed(epoch);
          return;
        case 'closed':
          this.ledger.lose(batch, 'closed');
          this.end(result.error);
          return;
        case 'retry': {
          if (!this.closing.signal.aborted) {
            this.fail(new Error(result.error ?? 'the sink asked to retry'));
            this.gate.failed(epoch, result.after);
            await this.gate.wait(expiry);
            if (!this.inFlight.has(queued)) return;
          }
          if (this.closing.signal.aborted) {
            this.ledger.lose(batch, this.leftover);
            return;
          }
          if (performance.now() >= expiry) {
            this.ledger.lose(batch, 'expired');
            return;
          }
        }
      }
    }
  }

  /** Metrics are cumulative: a batch that fails is tried again unless a newer one waits by then. */
  private async writeMetrics(slot: Slot, batch: MetricBatch): Promise<void> {
    const { sink } = this;
    if (!sink?.writeMetrics) return;
    const epoch = this.gate.begin();
    const { timeout } = this.options;
    const write = sink.writeMetrics.bind(sink, batch);
    const result = await slot.attempt(batch, 'writeMetrics', write, timeout, this.closing.signal);
    if (result.status === 'ok') this.succeed(epoch);
    else if (result.status === 'closed') this.end(result.error);
    else if (!this.closing.signal.aborted) {
      this.fail(new Error(result.error ?? 'metrics were not taken'));
      if (result.status === 'retry') {
        this.gate.failed(epoch, result.after);
        this.metrics ??= batch;
      }
    }
  }

  /** The destination answers. */
  private succeed(epoch: number): void {
    this.gate.succeeded(epoch);
    if (this.state === 'retrying') {
      this.state = 'up';
      this.options.context.log.info('delivers again');
    }
    if (this.state === 'up') this.clearError();
  }

  private clearError(): void {
    this.error = undefined;
  }

  private fail(error: unknown): void {
    const message = messageOf(error);
    this.failures.add(1);
    if (this.error !== message) {
      const what = this.state === 'opening' ? 'cannot open' : 'cannot deliver';
      this.options.context.log.warn(`${what}: ${message}`);
    }
    this.error = message;
    if (this.state === 'up') this.state = 'retrying';
  }

  private refuse(events: number, why: string): void {
    this.refused += events;
    const now = performance.now();
    if (now - this.refusalLogged < REFUSAL_LOG_MS) return;
    this.options.context.log.warn(`${this.refused} events lost: ${why}`);
    this.refusalLogged = now;
    this.refused = 0;
  }

  /** The sink is finished by itself. */
  private end(error: string | undefined): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.leftover = 'closed';
    if (error) this.error = error;
    this.loseQueued();
    this.halt(new PipelineError('STOPPED', 'the sink has ended'));
    // Other writes that run by now end first.
    void within(this.delivering!, GRACE_MS * 2)
      .catch(() => {})
      .then(() => this.closeSink(CLOSE_MS))
      .then(() => this.resolveEnded());
  }

  /** No attempt begins after this; those that run are told to end. */
  private halt(reason: PipelineError): void {
    clearInterval(this.metricsTimer);
    this.closing.abort(reason);
    this.gate.hurry();
    this.wake();
  }

  private loseQueued(): void {
    for (let queued = this.queue.shift(); queued; queued = this.queue.shift())
      this.ledger.lose(queued.batch, this.leftover);
  }

  private async closeSink(deadline: number): Promise<void> {
    const { sink } = this;
    this.sink = undefined;
    if (!sink) return;
    try {
      await within((async () => sink.close())(), deadline);
    } catch (error) {
      this.options.context.log.warn(`closing failed: ${messageOf(error)}`);
    }
  }

  stop(deadline: number): Promise<void> {
    this.stopping ??= this.stopOnce(deadline);
    return this.stopping;
  }

  private async stopOnce(deadline: number): Promise<void> {
    const end = performance.now() + deadline;
    const left = (share = 1): number => Math.max(0, end - performance.now()) * share;
    if (this.state === 'closed') {
      await within(this.ended, left()).catch(() => {});
      return;
    }
    clearInterval(this.metricsTimer);
    if (this.sink?.writeMetrics && this.accepts.metrics)
      await within(this.collect(), left(COLLECT_SHARE)).catch(() => {});
    this.draining = true;
    this.gate.hurry();
    this.wake();
    const delivering = this.delivering ?? Promise.resolve();
    await within(delivering, left(DELIVER_SHARE)).catch(() => {});
    if (this.inFlight.size === 0 && !this.slots.some((slot) => slot.busy))
      await this.flush(left(FLUSH_SHARE));
    this.halt(new PipelineError('STOPPED', 'the agent stops'));
    await within(delivering, Math.min(left(FLUSH_SHARE), GRACE_MS * 2)).catch(() => {});
    for (const queued of this.inFlight) this.ledger.lose(queued.batch, this.leftover);
    this.inFlight.clear();
    this.loseQueued();
    this.state = 'closed';
    await this.closeSink(left());
    this.resolveEnded();
  }

  private async flush(deadline: number): Promise<void> {
    const { sink } = this;
    if (!sink?.flush) return;
    try {
      await within((async () => sink.flush!())(), deadline);
    } catch (error) {
      this.options.context.log.warn(`flush failed: ${messageOf(error)}`);
    }
  }
}

/** Rejects when `promise` takes longer than `ms`. */
function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new PipelineError('TIMEOUT', `not done within ${Math.round(ms)} ms`)),
      ms,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
