import type {
  Accepts,
  EventBatch,
  EventBatchData,
  Sink,
  SinkContext,
  SinkDefinition,
  WriteCall,
  WriteResult,
} from '../../../plugins/sdk/index.js';
import { Backoff } from '../backoff.js';
import { messageOf, PipelineError } from '../error.js';
import type { SinkSource } from '../sink-module.js';
import type { Supervised, Supervisor } from '../supervised.js';
import type { Opened, PlainResponse, Prepared } from './messages.js';
import { type Isolation, SinkWorker } from './sink-worker.js';

const FLUSH_MS = 5_000;
const REOPEN_MS = 5_000;
const CLOSE_MS = 1_000;
/** A scrape's patience: Prometheus's default. */
const FETCH_MS = 10_000;
/** A worker that lived this long did not die of being started. */
const SETTLED_MS = 60_000;
const TIMER_SLACK_MS = 10;

type Ready = Exclude<Prepared, { issues: unknown }>;

/**
 * A custom sink in a process or thread of its own, as a definition like any other. The module is imported there only.
 * A worker that dies or hangs counts as a failed attempt; a later one begins with a new worker. One that dies between
 * two attempts is replaced at once, or as soon as it may be.
 */
export async function createIsolatedSink(
  source: SinkSource,
  isolation: Isolation = 'process',
): Promise<SinkDefinition<unknown>> {
  // The one that describes serves the first open.
  let first: SinkWorker | undefined = await SinkWorker.start(source, isolation);
  const { description } = first;
  const scout = first;
  let settings: { readonly raw: unknown; readonly ready: Ready } | undefined;
  const ready = (): Ready => {
    if (!settings)
      throw new PipelineError('SINK_WORKER', 'options are validated before anything else is asked');
    return settings.ready;
  };
  return {
    apiVersion: 1,
    ...description,
    accepts: () => ready().accepts,
    // The host's default, where the sink does not say.
    interval: () => ready().interval ?? 15,
    options: {
      '~standard': {
        version: 1,
        vendor: 'bee-agent',
        validate: async (raw) => {
          const prepared = await scout.prepare(raw);
          if ('issues' in prepared) return { issues: prepared.issues };
          settings = { raw, ready: prepared };
          return { value: prepared.options };
        },
      },
    },
    async open(_options, context) {
      const { accepts } = ready();
      const begin = async (): Promise<{ worker: SinkWorker; opened: Opened }> => {
        let worker = first;
        first = undefined;
        if (!worker || worker.death) {
          worker = await SinkWorker.start(source, isolation);
          await prepareAgain(worker, settings!.raw);
        }
        return { worker, opened: (await worker.open(context)) as Opened };
      };
      return new IsolatedSink(begin, await begin(), accepts, context);
    },
  };
}

/** The worker that replaces another one is told the options anew. It is ended where it does not take them. */
async function prepareAgain(worker: SinkWorker, raw: unknown): Promise<void> {
  try {
    const prepared = await worker.prepare(raw);
    if (!('issues' in prepared)) return;
    const [issue] = prepared.issues;
    throw new PipelineError(
      'SINK_WORKER',
      `the options were valid before, and are not now: ${issue?.message ?? 'no reason given'}`,
    );
  } catch (error) {
    await worker.end();
    throw error;
  }
}

class IsolatedSink implements Supervised {
  private worker: SinkWorker;
  private started = performance.now();
  private restarting: Promise<SinkWorker> | undefined;
  private readonly backoff = new Backoff();
  private wait: number;
  private readonly restarts: { add(value: number): void };
  private closing: Promise<void> | undefined;
  /** Batches that were handed over and not answered for. */
  private delivering = 0;
  private supervisor: Supervisor | undefined;
  private mending: NodeJS.Timeout | undefined;
  /** What a batch is called in the worker, where each attempt is a copy of its own. */
  private readonly keys = new WeakMap<EventBatchData, number>();
  private lastKey = 0;
  readonly writeMetrics?: NonNullable<Sink['writeMetrics']>;
  readonly flush?: NonNullable<Sink['flush']>;
  readonly reopen?: NonNullable<Sink['reopen']>;
  readonly fetch?: NonNullable<Sink['fetch']>;

  constructor(
    private readonly begin: () => Promise<{ worker: SinkWorker; opened: Opened }>,
    { worker, opened }: { worker: SinkWorker; opened: Opened },
    private readonly accepts: Accepts,
    context: SinkContext,
  ) {
    this.worker = worker;
    worker.onDeath = () => this.died();
    this.wait = this.backoff.delay();
    this.restarts = context.telemetry.counter(
      'restarts_total',
      'Workers of a sink that died and were replaced.',
    );
    if (opened.writeMetrics)
      this.writeMetrics = (batch, call) =>
        this.deliver((worker) => worker.ask({ method: 'writeMetrics', batch }, undefined, call.signal));
    if (opened.flush) this.flush = async () => void (await this.worker.ask({ method: 'flush' }, FLUSH_MS));
    if (opened.reopen) this.reopen = () => this.openFilesAnew();
    if (opened.fetch) this.fetch = (request) => this.answer(request);
  }

  /** One that is dead opens them by itself, later. One that takes its place now may have them open already. */
  private async openFilesAnew(): Promise<void> {
    const worker = this.restarting ? await this.restarting.catch(() => undefined) : this.worker;
    if (worker && !worker.death) await worker.ask({ method: 'reopen' }, REOPEN_MS);
  }

  supervise(supervisor: Supervisor): void {
    this.supervisor = supervisor;
    if (this.worker.death) this.died();
  }

  /** Where an attempt is under way it has failed, and the next one sees to the rest. */
  private died(): void {
    if (this.closing || this.delivering > 0) return;
    const { death } = this.worker;
    if (death) this.supervisor?.failed(death);
    this.mend();
  }

  private mend(): void {
    clearTimeout(this.mending);
    this.mending = setTimeout(() => {
      if (this.closing) return;
      this.living().then(
        () => this.supervisor?.recovered(),
        (error) => {
          if (this.closing) return;
          this.supervisor?.failed(error);
          this.mend();
        },
      );
    }, this.restartIn()).unref();
  }

  write(batch: EventBatch, call: WriteCall): Promise<WriteResult> {
    const { data } = batch;
    return this.deliver((worker) =>
      worker.write(this.keyOf(data), data, { accepts: this.accepts, signal: call.signal }),
    );
  }

  private keyOf(batch: EventBatchData): number {
    const key = this.keys.get(batch) ?? ++this.lastKey;
    this.keys.set(batch, key);
    return key;
  }

  private async deliver(ask: (worker: SinkWorker) => Promise<unknown>): Promise<WriteResult> {
    if (this.closing) return { status: 'closed', error: 'the sink is closed' };
    if (this.restartIn() > 0) return this.later(this.worker.death);
    this.delivering++;
    try {
      return (await ask(await this.living())) as WriteResult;
    } catch (error) {
      return this.later(error);
    } finally {
      this.delivering--;
    }
  }

  /** No sooner than there can be another worker, where one is needed. */
  private later(error: unknown): WriteResult {
    return { status: 'retry', after: this.restartIn(), error: messageOf(error) };
  }

  private async answer(request: Request): Promise<Response> {
    if (this.closing || this.restartIn() > 0) {
      return new Response(`${messageOf(this.worker.death ?? 'the sink is closed')}\n`, { status: 503 });
    }
    const plain = { method: request.method, url: request.url, headers: [...request.headers] };
    const worker = await this.living();
    const { status, headers, body } = (await worker.ask(
      { method: 'fetch', request: plain },
      undefined,
      AbortSignal.timeout(FETCH_MS),
    )) as PlainResponse;
    // 204 and 304 may have none, not even an empty one.
    const content = body.byteLength > 0 ? (body as Uint8Array<ArrayBuffer>) : null;
    return new Response(content, { status, headers: headers as [string, string][] });
  }

  /** ms until a dead worker may be replaced; a sink that dies of being started is started ever more rarely. */
  private restartIn(): number {
    if (!this.worker.death || this.restarting) return 0;
    // Timers are a little early now and then.
    const ms = this.started + this.wait - performance.now();
    return ms > TIMER_SLACK_MS ? ms : 0;
  }

  /** The worker, or the one that replaces it: one for all who ask. */
  private async living(): Promise<SinkWorker> {
    if (!this.worker.death) return this.worker;
    this.restarting ??= this.restart().finally(() => {
      this.restarting = undefined;
    });
    return this.restarting;
  }

  private async restart(): Promise<SinkWorker> {
    const now = performance.now();
    if (now - this.started > SETTLED_MS) this.backoff.reset();
    this.wait = this.backoff.delay();
    this.started = now;
    this.restarts.add(1);
    const { worker } = await this.begin();
    if (this.closing) {
      await worker.end();
      throw new PipelineError('STOPPED', 'the sink is closed');
    }
    this.worker = worker;
    worker.onDeath = () => this.died();
    // It may have died before anybody listened.
    if (worker.death) throw worker.death;
    return worker;
  }

  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<void> {
    clearTimeout(this.mending);
    try {
      if (!this.worker.death) await this.worker.ask({ method: 'close' }, CLOSE_MS);
    } finally {
      await this.worker.end();
    }
  }
}
