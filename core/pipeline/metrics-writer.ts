import type { MetricBatch, Sink, WriteCall } from '../../plugins/sdk/index.js';
import { messageOf } from './error.js';
import type { Health } from './health.js';
import type { Hold } from './hold.js';
import type { RetryGate } from './retry-gate.js';
import type { Slot } from './slot.js';

export interface MetricsOptions {
  /** ms between two writes. */
  readonly interval: number;
  /** ms an attempt. */
  readonly timeout: number;
  readonly collect: () => Promise<MetricBatch>;
}

/**
 * Metrics are cumulative: of those that wait only the newest is kept, in memory, and a batch that fails is tried
 * again unless a newer one waits by then.
 */
export class MetricsWriter {
  private waiting: MetricBatch | undefined;
  /** After a failure, until there are newer ones. */
  private behindEvents = false;
  private timer: NodeJS.Timeout | undefined;
  private collecting: Promise<void> | undefined;

  constructor(
    private readonly options: MetricsOptions,
    private readonly gate: RetryGate,
    private readonly health: Health,
    private readonly hold: Hold,
    private readonly closing: AbortSignal,
    private readonly onReady: () => void,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.collect(), this.options.interval);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  offer(batch: MetricBatch): void {
    this.waiting = batch;
    this.behindEvents = false;
    this.onReady();
  }

  /**
   * Whether they come before events: they are few, and events may never end. Those that failed come after: where a
   * destination takes no metrics, its events get there all the same.
   */
  get first(): boolean {
    return !this.behindEvents;
  }

  take(): MetricBatch | undefined {
    const { waiting } = this;
    this.waiting = undefined;
    return waiting;
  }

  /** One at a time: who asks meanwhile waits for it. */
  collect(): Promise<void> {
    this.collecting ??= this.collectOnce().finally(() => {
      this.collecting = undefined;
    });
    return this.collecting;
  }

  /** At the stop: one that has begun may lack what its sources counted last. */
  async collectLast(): Promise<void> {
    await this.collecting;
    await this.collect();
  }

  private async collectOnce(): Promise<void> {
    try {
      this.offer(await this.options.collect());
    } catch (error) {
      this.health.log.warn(`collecting metrics failed: ${messageOf(error)}`);
    }
  }

  /** One attempt. Gives what the sink said where that is its end. */
  async write(slot: Slot, sink: Sink, batch: MetricBatch): Promise<{ readonly closed?: { error?: string } }> {
    if (!sink.writeMetrics) return {};
    const { gate, health, closing } = this;
    const epoch = gate.begin();
    const write = (call: WriteCall) =>
      this.hold.call('in writeMetrics()', () => sink.writeMetrics!(batch, call));
    const result = await slot.attempt(batch, 'writeMetrics', write, this.options.timeout);
    if (result.status === 'ok') {
      const { rejected = 0, error = 'the destination rejected them' } = result;
      if (rejected > 0) health.refusePoints(rejected, error);
      gate.succeeded(epoch);
      health.succeed();
    } else if (result.status === 'closed') {
      return { closed: result.error === undefined ? {} : { error: result.error } };
    } else if (!closing.aborted) {
      health.fail(new Error(result.error ?? 'metrics were not taken'));
      // It answers, and wants none of these.
      if (result.status === 'drop') gate.succeeded(epoch);
      if (result.status === 'retry') {
        gate.failed(epoch, result.after);
        if (this.waiting === undefined) this.behindEvents = true;
        this.waiting ??= batch;
      }
    }
    return {};
  }
}
