import type { Accepts, EventBatchData, SinkContext } from '../../../plugins/sdk/index.js';
import { messageOf, PipelineError } from '../error.js';
import type { SinkSource } from '../sink-module.js';
import type { Carrier, CarrierEvents } from './carrier.js';
import { LineLimit } from './line-limit.js';
import {
  type Ask,
  BUFFER_LIMIT,
  type Description,
  HEAP_LIMIT,
  isFromWorker,
  type LogLevel,
  type MetricChange,
  type Prepared,
  type ToWorker,
} from './messages.js';
import { ProcessCarrier } from './process.js';
import { ThreadCarrier } from './thread.js';

/** For everything before the first write, `flush` excepted: importing, validating, opening. */
const START_MS = 10_000;
/** A worker that does not react to a signal for this long is ended. */
const STUCK_MS = 250;
/** Lines kept until there is a log to write them to. */
const EARLY_LINES = 50;

/** Where a custom sink runs: what each of them protects from is in docs/sinks.md. */
export type Isolation = 'process' | 'thread';

const CARRIERS: Readonly<Record<Isolation, new (name: string, events: CarrierEvents) => Carrier>> = {
  process: ProcessCarrier,
  thread: ThreadCarrier,
};

/** The host of one custom sink, seen from the main thread. Dies once; whoever needs another starts one. */
export class SinkWorker {
  /** Why it can answer no more. */
  death: PipelineError | undefined;
  /** Called when it dies by itself, after all who wait for an answer were told. */
  onDeath: (() => void) | undefined;
  description!: Description;
  private readonly carrier: Carrier;
  private readonly waiting = new Map<number, Waiting>();
  private asks = 0;
  private context: SinkContext | undefined;
  private readonly early: [LogLevel, string][] = [];
  /** Of what it prints; what it logs is limited in the worker already. */
  private readonly limit = new LineLimit();
  /** Of its metrics, those that cannot be: told once. As many as may cross. */
  private readonly refused = new Set<string>();
  private unserve = (): void => {};

  private constructor(
    private readonly source: SinkSource,
    isolation: Isolation,
  ) {
    this.carrier = new CARRIERS[isolation](source.name, {
      message: (message) => this.receive(message),
      print: (level, line) => this.print(level, line),
      exit: (why) => this.die(why),
    });
  }

  /** Import the module in a new thread or process. */
  static async start(source: SinkSource, isolation: Isolation): Promise<SinkWorker> {
    const worker = new SinkWorker(source, isolation);
    worker.description = (await worker.orEnd({ method: 'describe', source })) as Description;
    // Whatever runs the sink holds the process; a sink does not.
    worker.carrier.unref();
    return worker;
  }

  prepare(options: unknown): Promise<Prepared> {
    return this.ask({ method: 'prepare', options }, START_MS) as Promise<Prepared>;
  }

  /** Give it its context, and open the sink. */
  async open(context: SinkContext): Promise<unknown> {
    this.context = context;
    const stop = (): void => this.post({ kind: 'abort', reason: 'the agent stops' });
    context.signal.addEventListener('abort', stop, { once: true });
    this.unserve = () => context.signal.removeEventListener('abort', stop);
    for (const [level, line] of this.early.splice(0)) context.log[level](line);
    return this.orEnd({
      method: 'open',
      name: context.name,
      directory: context.directory,
      labels: context.labels,
    });
  }

  private async orEnd(ask: Ask): Promise<unknown> {
    try {
      return await this.ask(ask, START_MS);
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /**
   * `ms`: the most to wait. With a signal: it is passed on, and a worker that does not react to it is ended.
   * `transfer`: buffers of the ask, which are the worker's then.
   */
  ask(ask: Ask, ms?: number, signal?: AbortSignal, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.death) return Promise.reject(this.death);
    const id = ++this.asks;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        this.post({ kind: 'abort', id, reason: messageOf(signal?.reason) });
        timer = setTimeout(() => {
          this.die(`${messageOf(signal?.reason)}, and it did not react to its signal`);
          void this.end();
        }, STUCK_MS);
      };
      this.waiting.set(id, {
        resolve,
        reject,
        settle: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          this.waiting.delete(id);
        },
      });
      if (ms !== undefined) {
        const late = new PipelineError('TIMEOUT', `${ask.method}: no answer within ${ms} ms`);
        timer = setTimeout(() => this.settle(id, (waiting) => waiting.reject(late)), ms);
      }
      this.post({ kind: 'ask', id, ask }, transfer);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** `key`: the same number when the same batch comes again. */
  async write(
    key: number,
    batch: EventBatchData,
    { accepts, signal }: { readonly accepts: Accepts; readonly signal: AbortSignal },
  ): Promise<unknown> {
    if (this.death) throw this.death;
    const packed = this.carrier.pack(batch, accepts);
    try {
      return await this.ask(
        { method: 'write', key, batch: packed.batch },
        undefined,
        signal,
        packed.transfer,
      );
    } finally {
      packed.release();
    }
  }

  private settle(id: number, how: (waiting: Waiting) => void): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    waiting.settle();
    how(waiting);
  }

  private post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.death) this.carrier.post(message, transfer);
  }

  private receive(message: unknown): void {
    if (!isFromWorker(message)) {
      this.die('it sent what is no message');
      void this.end();
      return;
    }
    switch (message.kind) {
      case 'answer': {
        const { value, error } = message;
        this.settle(message.id, (waiting) =>
          error === undefined
            ? waiting.resolve(value)
            : waiting.reject(new PipelineError(error.code, error.message)),
        );
        return;
      }
      case 'log':
        this.say(message.level, message.message);
        return;
      case 'metrics':
        for (const change of message.changes) this.measure(change);
        return;
      case 'exhausted':
        this.die(
          message.what === 'heap'
            ? `it used more than ${HEAP_LIMIT / 2 ** 20} MiB of heap`
            : `it kept more than ${BUFFER_LIMIT / 2 ** 20} MiB in buffers`,
        );
        void this.end();
        return;
      case 'fatal':
        this.die(message.message);
        void this.end();
        return;
      case 'collect':
        void this.collect();
    }
  }

  private async collect(): Promise<void> {
    try {
      if (!this.context) throw new Error('collect() before open()');
      this.post({ kind: 'collected', batch: await this.context.collect() });
    } catch (error) {
      this.post({ kind: 'collected', error: messageOf(error) });
    }
  }

  private print(level: LogLevel, line: string): void {
    for (const admitted of this.limit.admit(line)) this.say(level, admitted);
  }

  private say(level: LogLevel, line: string): void {
    if (this.context) this.context.log[level](line);
    else if (this.early.length < EARLY_LINES) this.early.push([level, line]);
  }

  private measure({ type, name, help, value }: MetricChange): void {
    const { telemetry, log } = this.context ?? {};
    try {
      if (type === 'counter') telemetry?.counter(name, help).add(value);
      else telemetry?.gauge(name, help).set(value);
    } catch (error) {
      if (!this.refused.has(name)) log?.warn(messageOf(error));
      this.refused.add(name);
    }
  }

  private die(why: string): void {
    if (this.death) return;
    this.death = new PipelineError('SINK_WORKER', `the sink's worker is gone: ${why}`);
    this.context?.log.error(this.death.message);
    for (const id of [...this.waiting.keys()]) this.settle(id, (waiting) => waiting.reject(this.death!));
    this.unserve();
    this.onDeath?.();
  }

  /** Idempotent. What is still asked is rejected. */
  async end(): Promise<void> {
    this.death ??= new PipelineError('SINK_WORKER', `the worker of the sink "${this.source.name}" was ended`);
    for (const id of [...this.waiting.keys()]) this.settle(id, (waiting) => waiting.reject(this.death!));
    this.unserve();
    await this.carrier.end();
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly settle: () => void;
}
