import {
  type Accepts,
  type EventBatchData,
  type MetricBatch,
  resolveAccepts,
  type Sink,
} from '../../plugins/sdk/index.js';
import { Assembler } from './batch/assembler.js';
import { DiskStore } from './buffer/disk-store.js';
import { Delivery } from './delivery.js';
import { messageOf, PipelineError } from './error.js';
import { Health } from './health.js';
import { Hold } from './hold.js';
import { Ledger, type LedgerEntry } from './ledger.js';
import { MemoryStore } from './memory-store.js';
import { MetricsWriter } from './metrics-writer.js';
import { openSink } from './opening.js';
import { RetryGate } from './retry-gate.js';
import { sharedCollect } from './shared-collect.js';
import { GRACE_MS, Slot } from './slot.js';
import type { Store, StoreEvents } from './store.js';
import { isSupervised } from './supervised.js';
import type { Circuit, Outlet, OutletOptions, OutletState } from './types.js';
import { within } from './within.js';

/** Shares of what is left of a stop's deadline: collecting metrics, delivering, flushing and ending what is stuck. */
const COLLECT_SHARE = 0.25;
const DELIVER_SHARE = 0.7;
const FLUSH_SHARE = 0.5;
/** ms that a sink which ended by itself may take to close. */
const CLOSE_MS = 1_000;
const REOPEN_MS = 10_000;

export function createOutlet(options: OutletOptions): Outlet {
  return new SinkOutlet(options);
}

class SinkOutlet implements Outlet {
  readonly name: string;
  readonly accepts: Accepts;
  readonly ended: Promise<void>;
  private resolveEnded!: () => void;
  private readonly ledger = new Ledger();
  private readonly gate: RetryGate;
  private readonly health: Health;
  readonly hold: Hold;
  private readonly store: Store;
  private readonly assembler: Assembler;
  private readonly delivery: Delivery;
  private readonly metrics: MetricsWriter;
  private readonly slots: readonly Slot[];
  /** Aborted when nothing more is to be written; the sink's `context.signal`. */
  private readonly closing = new AbortController();
  private sink: Sink | undefined;
  private delivering: Promise<void> | undefined;
  private readonly idle = new Set<() => void>();
  private stopping: Promise<void> | undefined;
  private draining = false;
  /** Asked while the sink was opening: it may have its files open by then. */
  private reopenWanted = false;

  constructor(private readonly options: OutletOptions) {
    const { definition, context } = options;
    this.name = options.name;
    this.accepts = resolveAccepts(definition, options.options);
    this.gate = new RetryGate(options.retry);
    this.health = new Health(context, this.gate);
    this.hold = new Hold(context.log);
    this.store = this.createStore();
    this.assembler = new Assembler(this.store, options.batch, () => this.wake());
    const { signal } = this.closing;
    this.delivery = new Delivery(
      { ...options, accepts: this.accepts },
      this.store,
      this.assembler,
      this.ledger,
      this.gate,
      this.health,
      this.hold,
      signal,
    );
    const { collect } = context;
    this.metrics = new MetricsWriter({ ...options, collect }, this.gate, this.health, this.hold, signal, () =>
      this.wake(),
    );
    const concurrency = options.concurrency ?? definition.concurrency ?? 1;
    this.slots = Array.from({ length: concurrency }, () => new Slot());
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  private createStore(): Store {
    const { maxBatches, maxBytes, batch, buffer, context, whenFull = 'drop_newest' } = this.options;
    const on: StoreEvents = {
      lost: (of, reason) => this.ledger.lose(of, reason),
      recovered: (of) => this.ledger.recover(of),
      ready: () => this.wake(),
    };
    if (buffer) return new DiskStore({ ...buffer, maxBytes, whenFull, accepts: this.accepts }, on, context);
    const events = batch && maxBatches * batch.maxEvents;
    return new MemoryStore({ batches: maxBatches, bytes: maxBytes, whenFull, events }, on);
  }

  get state(): OutletState {
    return this.health.state;
  }

  get error(): string | undefined {
    return this.health.error;
  }

  get fatal(): boolean {
    return this.health.fatal;
  }

  get circuit(): Circuit {
    return this.health.circuit;
  }

  get fetch(): ((request: Request) => Promise<Response>) | undefined {
    const { sink } = this;
    if (!sink?.fetch || this.state === 'closed') return undefined;
    return (request) => this.hold.call('in fetch()', () => sink.fetch!(request));
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
    else this.store.push(batch, onDelivered);
  }

  room(): Promise<void> | undefined {
    return this.state === 'closed' ? undefined : this.store.room();
  }

  offerMetrics(batch: MetricBatch): void {
    if (this.state !== 'closed') this.metrics.offer(batch);
  }

  start(): void {
    this.delivering ??= this.run();
  }

  private async run(): Promise<void> {
    try {
      await this.store.open();
    } catch (error) {
      this.health.fatal = true;
      this.end(messageOf(error));
      return;
    }
    const sink = await this.open();
    if (!sink) return;
    this.sink = sink;
    if (this.reopenWanted) this.reopen();
    if (this.accepts.metrics && sink.writeMetrics && !this.draining) this.metrics.start();
    await Promise.all(this.slots.map((slot) => this.deliver(slot, sink)));
  }

  /** Open with back-off; undefined when the outlet was stopped first. */
  private async open(): Promise<Sink | undefined> {
    const { health, gate } = this;
    const { signal } = this.closing;
    while (!signal.aborted) {
      const epoch = gate.begin();
      this.reopenWanted = false;
      try {
        const { context } = this.options;
        const collect = sharedCollect(context.collect, this.hold);
        const options = { ...this.options, accepts: this.accepts, context: { ...context, collect } };
        const sink = await openSink(options, signal, (error) => health.fail(error));
        if (!sink) return undefined;
        health.opened();
        gate.succeeded(epoch);
        if (isSupervised(sink)) sink.supervise(health);
        return sink;
      } catch (error) {
        if ((error as { fatal?: unknown } | null)?.fatal === true) {
          health.fatal = true;
          this.end(messageOf(error));
          return undefined;
        }
        health.fail(error);
        if (this.draining) return undefined;
        gate.failed(epoch);
        await gate.wait();
      }
    }
    return undefined;
  }

  private wake(): void {
    const idle = [...this.idle];
    this.idle.clear();
    for (const resume of idle) resume();
  }

  /** One of `concurrency` loops: take a batch, try until it is settled, take the next. */
  private async deliver(slot: Slot, sink: Sink): Promise<void> {
    for (;;) {
      await this.gate.wait();
      if (this.closing.signal.aborted) return;
      if (!this.gate.passable) continue;
      const early = this.metrics.first ? this.metrics.take() : undefined;
      const unit = early ? undefined : this.assembler.take();
      const metrics = early ?? (unit ? undefined : this.metrics.take());
      if (metrics || unit) {
        const { closed } = metrics
          ? await this.metrics.write(slot, sink, metrics)
          : await this.delivery.deliver(slot, sink, unit!);
        if (closed) this.end(closed.error);
        continue;
      }
      if (this.draining && this.store.idle) return;
      await new Promise<void>((resolve) => this.idle.add(resolve));
    }
  }

  /** The sink is finished by itself. */
  private end(error: string | undefined): void {
    if (this.state === 'closed') return;
    this.health.state = 'closed';
    if (error) this.health.error = error;
    this.delivery.leftover = 'closed';
    this.halt(new PipelineError('STOPPED', 'the sink has ended'));
    // Other writes that run by now end first.
    void within(this.delivering!, GRACE_MS * 2)
      .catch(() => {})
      .then(() => this.delivery.end())
      .then(() => this.store.close('closed', CLOSE_MS))
      .then(() => this.closeSink(CLOSE_MS))
      .then(() => this.resolveEnded());
  }

  /** No attempt begins after this; those that run are told to end. */
  private halt(reason: PipelineError): void {
    this.metrics.stop();
    this.closing.abort(reason);
    for (const slot of this.slots) slot.close(reason);
    this.gate.hurry();
    this.wake();
  }

  private async closeSink(deadline: number): Promise<void> {
    const { sink } = this;
    this.sink = undefined;
    if (!sink) return;
    try {
      await within((async () => sink.close())(), deadline);
    } catch (error) {
      this.health.log.warn(`closing failed: ${messageOf(error)}`);
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
    this.metrics.stop();
    if (this.sink?.writeMetrics && this.accepts.metrics)
      await within(this.metrics.collectLast(), left(COLLECT_SHARE)).catch(() => {});
    this.draining = true;
    this.assembler.hurry();
    this.gate.hurry();
    this.wake();
    const delivering = this.delivering ?? Promise.resolve();
    await within(delivering, left(DELIVER_SHARE)).catch(() => {});
    if (this.delivery.idle && !this.slots.some((slot) => slot.busy))
      await this.tell('flush', left(FLUSH_SHARE));
    this.halt(new PipelineError('STOPPED', 'the agent stops'));
    await within(delivering, Math.min(left(FLUSH_SHARE), GRACE_MS * 2)).catch(() => {});
    this.delivery.end();
    await this.store.close('shutdown', left());
    this.health.state = 'closed';
    this.report();
    await this.closeSink(left());
    this.resolveEnded();
  }

  private report(): void {
    const { queued, lost } = this.ledger.sums('shutdown');
    if (queued > 0) this.health.log.info(`${queued} events stay in the disk buffer`);
    if (lost > 0) this.health.log.warn(`${lost} events lost: not delivered by the end`);
  }

  reopen(): boolean {
    if (!this.sink) this.reopenWanted = true;
    if (!this.sink?.reopen) return false;
    void this.tell('reopen', REOPEN_MS);
    return true;
  }

  private async tell(what: 'flush' | 'reopen', deadline: number): Promise<void> {
    const { sink } = this;
    if (!sink?.[what]) return;
    try {
      await within((async () => sink[what]!())(), deadline);
    } catch (error) {
      this.health.log.warn(`${what} failed: ${messageOf(error)}`);
    }
  }
}
