import {
  type Accepts,
  EventBatch,
  type EventBatchData,
  type MetricBatch,
  type Sink,
  type WriteCall,
  type WriteResult,
} from '../../plugins/sdk/index.js';
import { Backoff } from './backoff.js';
import { PipelineError } from './error.js';
import { Ledger } from './ledger.js';
import { BatchQueue, type QueuedBatch } from './queue.js';
import type { Outlet, OutletOptions } from './types.js';

/** How long a write may go on after its signal, before its attempt is abandoned. */
const GRACE_MS = 500;

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
  private readonly backoff = new Backoff();
  private readonly closing = new AbortController();
  private sink: Sink | undefined;
  private metrics: MetricBatch | undefined;
  private metricsTimer: NodeJS.Timeout | undefined;
  private delivering: Promise<void> | undefined;
  private wake: (() => void) | undefined;
  private inFlight = new Set<QueuedBatch>();
  private stopping: Promise<void> | undefined;
  private draining = false;

  constructor(private readonly options: OutletOptions) {
    const { definition } = options;
    this.name = options.name;
    this.accepts =
      typeof definition.accepts === 'function' ? definition.accepts(options.options) : definition.accepts;
    this.queue = new BatchQueue(options.maxBatches, options.maxBytes);
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  get fetch(): ((request: Request) => Promise<Response>) | undefined {
    const { sink } = this;
    if (!sink?.fetch || this.state === 'closed') return undefined;
    return async (request) => sink.fetch!(request);
  }

  counts(): Iterable<{ probe: string; map: string; counts: import('./types.js').DeliveryCounts }> {
    return this.ledger;
  }

  offer(batch: EventBatchData): void {
    this.ledger.receive(batch);
    if (this.state === 'closed') this.ledger.lose(batch, 'closed');
    else if (!this.queue.push(batch)) this.ledger.lose(batch, 'queue_full');
    else this.wake?.();
  }

  offerMetrics(batch: MetricBatch): void {
    this.metrics = batch;
    this.wake?.();
  }

  start(): void {
    const workers = Math.max(1, this.options.definition.concurrency ?? 1);
    this.delivering = (async () => {
      if (!(await this.open())) return;
      this.startMetrics();
      await Promise.all(Array.from({ length: workers }, () => this.deliver()));
    })();
  }

  /** Open with back-off; false when the outlet was stopped first. */
  private async open(): Promise<boolean> {
    const { definition, context } = this.options;
    while (!this.closing.signal.aborted && !this.draining) {
      try {
        this.sink = await definition.open(this.options.options, {
          ...context,
          name: this.name,
          signal: this.closing.signal,
        });
        this.state = 'up';
        this.clearError();
        this.backoff.reset();
        return true;
      } catch (error) {
        if ((error as { fatal?: unknown } | null)?.fatal === true) {
          this.fatal = true;
          this.end(messageOf(error));
          return false;
        }
        this.fail(error);
        await this.pause(this.backoff.delay());
      }
    }
    return false;
  }

  private startMetrics(): void {
    if (!this.accepts.metrics || !this.sink?.writeMetrics) return;
    this.metricsTimer = setInterval(() => void this.collect(), this.options.interval);
    this.metricsTimer.unref();
  }

  private async collect(): Promise<void> {
    try {
      this.offerMetrics(await this.options.context.collect());
    } catch (error) {
      this.options.context.log.warn(`collecting metrics failed: ${messageOf(error)}`);
    }
  }

  /** One of `concurrency` loops: take a batch, try until it is settled, take the next. */
  private async deliver(): Promise<void> {
    while (this.state !== 'closed' && !this.closing.signal.aborted) {
      const queued = this.queue.shift();
      if (queued) {
        this.inFlight.add(queued);
        await this.settle(queued);
        this.inFlight.delete(queued);
        continue;
      }
      const metrics = this.metrics;
      if (metrics) {
        this.metrics = undefined;
        await this.writeMetrics(metrics);
        continue;
      }
      if (this.draining) return;
      await new Promise<void>((resolve) => {
        const before = this.wake;
        this.wake = () => {
          before?.();
          resolve();
        };
      });
      this.wake = undefined;
    }
  }

  /** Attempts until the batch is delivered, dropped, expired, or the outlet closes. Its counts are settled then. */
  private async settle(queued: QueuedBatch): Promise<void> {
    const { batch } = queued;
    queued.firstAttempt ??= performance.now();
    const view = {
      forms: this.accepts.events || [],
      numbers: this.accepts.numbers ?? 'bigint',
    } as const;
    for (;;) {
      const result = await this.attempt((call) => {
        if (!this.sink?.write)
          throw new PipelineError('SINK_SHAPE', 'the sink accepts events but has no write()');
        return this.sink.write(new EventBatch(batch, view), call);
      });
      // While this attempt ran, stop() may have counted the batch as lost.
      if (!this.inFlight.has(queued)) return;
      switch (result.status) {
        case 'ok':
          this.ledger.deliver(batch, result.rejected ?? 0);
          this.succeed();
          return;
        case 'drop':
          this.ledger.lose(batch, 'dropped');
          this.options.context.log.warn(
            `${batch.count} events dropped: ${result.error ?? 'the sink gave no reason'}`,
          );
          return;
        case 'closed':
          this.ledger.lose(batch, 'closed');
          this.end(result.error);
          return;
        case 'retry': {
          this.fail(new Error(result.error ?? 'the sink asked to retry'));
          const spent = performance.now() - queued.firstAttempt;
          if (this.options.maxElapsed > 0 && spent > this.options.maxElapsed) {
            this.ledger.lose(batch, 'expired');
            return;
          }
          await this.pause(this.backoff.delay(result.after));
          if (!this.inFlight.has(queued)) return;
          if (this.closing.signal.aborted) {
            this.ledger.lose(batch, 'shutdown');
            return;
          }
        }
      }
    }
  }

  /** Metrics are cumulative: a batch that fails is not kept, the next one says more. */
  private async writeMetrics(batch: MetricBatch): Promise<void> {
    const { sink } = this;
    if (!sink?.writeMetrics) return;
    const result = await this.attempt((call) => sink.writeMetrics!(batch, call));
    if (result.status === 'ok') this.succeed();
    else if (result.status === 'closed') this.end(result.error);
    else {
      this.fail(new Error(result.error ?? 'metrics were not taken'));
      if (result.status === 'retry') {
        await this.pause(this.backoff.delay(result.after));
        this.metrics ??= batch;
      }
    }
  }

  /** One attempt under its time-out. Never throws: what a sink throws, or answers wrongly, is a retry. */
  private async attempt(
    write: (call: WriteCall) => WriteResult | Promise<WriteResult>,
  ): Promise<WriteResult> {
    const abort = new AbortController();
    const onClose = (): void => abort.abort(this.closing.signal.reason);
    this.closing.signal.addEventListener('abort', onClose, { once: true });
    const timeout = setTimeout(
      () => abort.abort(new PipelineError('TIMEOUT', `no answer within ${this.options.timeout} ms`)),
      this.options.timeout,
    );
    let grace: NodeJS.Timeout | undefined;
    const abandoned = new Promise<WriteResult>((resolve) => {
      abort.signal.addEventListener('abort', () => {
        grace = setTimeout(
          () => resolve({ status: 'retry', error: messageOf(abort.signal.reason) }),
          GRACE_MS,
        );
      });
    });
    const answer = this.lastWrite.then(async () => {
      if (abort.signal.aborted) return { status: 'retry', error: messageOf(abort.signal.reason) } as const;
      return checked(await write({ signal: abort.signal }));
    });
    const settled = answer.catch((error): WriteResult => ({ status: 'retry', error: messageOf(error) }));
    // Without concurrency, a write that was abandoned and still runs holds back the next one.
    if ((this.options.definition.concurrency ?? 1) <= 1) this.lastWrite = settled.then(() => {});
    try {
      return await Promise.race([settled, abandoned]);
    } finally {
      clearTimeout(timeout);
      clearTimeout(grace);
      this.closing.signal.removeEventListener('abort', onClose);
    }
  }
  private lastWrite: Promise<void> = Promise.resolve();

  private succeed(): void {
    this.backoff.reset();
    if (this.state === 'retrying') {
      this.state = 'up';
      this.options.context.log.info('delivers again');
    }
    this.clearError();
  }

  private clearError(): void {
    delete this.error;
  }

  private fail(error: unknown): void {
    const message = messageOf(error);
    if (this.error !== message)
      this.options.context.log.warn(
        `${this.state === 'opening' ? 'cannot open' : 'cannot deliver'}: ${message}`,
      );
    this.error = message;
    if (this.state === 'up') this.state = 'retrying';
  }

  /** The sink is finished by itself. */
  private end(error: string | undefined): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    if (error) this.error = error;
    this.loseQueued('closed');
    clearInterval(this.metricsTimer);
    this.wake?.();
    void this.closeSink(1000).then(() => this.resolveEnded());
  }

  private loseQueued(reason: 'closed' | 'shutdown'): void {
    for (let queued = this.queue.shift(); queued; queued = this.queue.shift())
      this.ledger.lose(queued.batch, reason);
  }

  private async closeSink(deadline: number): Promise<void> {
    const { sink } = this;
    this.sink = undefined;
    if (!sink) return;
    try {
      await within(Promise.resolve(sink.close()), deadline);
    } catch (error) {
      this.options.context.log.warn(`closing failed: ${messageOf(error)}`);
    }
  }

  /** Interruptible by a stop. */
  private pause(ms: number): Promise<void> {
    if (this.closing.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.closing.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.closing.signal.addEventListener('abort', done, { once: true });
    });
  }

  stop(deadline: number): Promise<void> {
    this.stopping ??= this.stopOnce(deadline);
    return this.stopping;
  }

  private async stopOnce(deadline: number): Promise<void> {
    const end = performance.now() + deadline;
    const left = (): number => Math.max(0, end - performance.now());
    clearInterval(this.metricsTimer);
    if (this.state !== 'closed' && this.sink?.writeMetrics)
      await within(this.collect(), left()).catch(() => {});
    this.draining = true;
    this.wake?.();
    // Keep the last part of the deadline for flush and close.
    await within(this.delivering ?? Promise.resolve(), left() * 0.7).catch(() => {});
    try {
      if (this.state === 'up' && this.sink?.flush)
        await within(Promise.resolve(this.sink.flush()), left() * 0.5);
    } catch (error) {
      this.options.context.log.warn(`flush failed: ${messageOf(error)}`);
    }
    const unsettled = [...this.inFlight];
    this.inFlight.clear();
    for (const { batch } of unsettled) this.ledger.lose(batch, 'shutdown');
    this.loseQueued('shutdown');
    this.state = 'closed';
    this.closing.abort(new PipelineError('TIMEOUT', 'the agent stops'));
    await this.closeSink(left());
    this.resolveEnded();
  }
}

const STATUSES = new Set(['ok', 'retry', 'drop', 'closed']);

function checked(result: WriteResult): WriteResult {
  if (typeof result === 'object' && result !== null && STATUSES.has(result.status)) return result;
  throw new PipelineError(
    'SINK_SHAPE',
    `write() answered ${JSON.stringify(result) ?? String(result)}: expected { status: 'ok' | 'retry' | 'drop' | 'closed' }`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
