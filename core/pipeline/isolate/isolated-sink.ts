import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type {
  Accepts,
  EventBatchData,
  Sink,
  SinkContext,
  SinkDefinition,
  WriteResult,
} from '../../../plugins/sdk/index.js';
import { PipelineError } from '../error.js';
import type { SinkSource } from '../sink-module.js';
import type { Ask, Description, FromWorker, Opened, PlainResponse, ToWorker } from './messages.js';

const DESCRIBE_MS = 10_000;
/** A worker that does not react to its signal for this long is ended, and another one begun. */
const STUCK_MS = 250;
const HEAP_MB = 256;

/**
 * A custom sink in a worker thread of its own, as a definition like any other. The module is imported there only.
 * A worker that dies or hangs counts as a failed attempt; the next one begins with a new worker.
 */
export async function createIsolatedSink(source: SinkSource): Promise<SinkDefinition<unknown>> {
  const scout = await SinkWorker.start(source);
  const { description } = scout;
  const options = new Map<unknown, Accepts>();
  // The one that described serves the first open.
  let ready: SinkWorker | undefined = scout;
  scout.unref();
  return {
    apiVersion: 1,
    type: description.type,
    ...(description.concurrency === undefined ? {} : { concurrency: description.concurrency }),
    ...(description.interval === undefined ? {} : { interval: description.interval }),
    accepts: (value) => options.get(value) ?? { events: false, metrics: false },
    options: {
      '~standard': {
        version: 1,
        vendor: 'bee-agent',
        validate: async (value) => {
          const result = (await scout.ask({ method: 'validate', value }, DESCRIBE_MS)) as
            | { value: unknown; issues?: undefined }
            | { issues: { message: string; path: string[] }[] };
          if (result.issues) return { issues: result.issues };
          options.set(
            result.value,
            (await scout.ask({ method: 'accepts', options: result.value }, DESCRIBE_MS)) as Accepts,
          );
          return { value: result.value };
        },
      },
    },
    async open(value, context) {
      const accepts = options.get(value) ?? { events: false, metrics: false };
      const worker = ready ?? (await SinkWorker.start(source));
      ready = undefined;
      return IsolatedSink.open(worker, source, value, accepts, context);
    },
  };
}

class IsolatedSink implements Sink {
  private closed = false;
  readonly writeMetrics?: NonNullable<Sink['writeMetrics']>;
  readonly fetch?: NonNullable<Sink['fetch']>;

  private constructor(
    private worker: SinkWorker | undefined,
    private readonly source: SinkSource,
    private readonly options: unknown,
    private readonly accepts: Accepts,
    private readonly context: SinkContext,
    opened: Opened,
  ) {
    if (opened.writeMetrics) {
      this.writeMetrics = async (batch, { signal }) =>
        (await this.call({ method: 'writeMetrics', batch }, signal)) as WriteResult;
    }
    if (opened.fetch) this.fetch = (request) => this.answerFetch(request);
  }

  static async open(
    worker: SinkWorker,
    source: SinkSource,
    options: unknown,
    accepts: Accepts,
    context: SinkContext,
  ): Promise<IsolatedSink> {
    worker.serve(context);
    try {
      const opened = (await worker.ask(
        { method: 'open', options, name: context.name },
        DESCRIBE_MS,
      )) as Opened;
      return new IsolatedSink(worker, source, options, accepts, context, opened);
    } catch (error) {
      await worker.end();
      throw error;
    }
  }

  async write(batch: { data: EventBatchData }, { signal }: { signal: AbortSignal }): Promise<WriteResult> {
    return (await this.call(
      { method: 'write', batch: only(batch.data, this.accepts), accepts: this.accepts },
      signal,
    )) as WriteResult;
  }

  private async answerFetch(request: Request): Promise<Response> {
    const plain = { method: request.method, url: request.url, headers: [...request.headers] };
    const { status, headers, body } = (await this.call(
      { method: 'fetch', request: plain },
      AbortSignal.timeout(10_000),
    )) as PlainResponse;
    return new Response(body as Uint8Array<ArrayBuffer>, { status, headers: headers as [string, string][] });
  }

  async flush(): Promise<void> {
    await this.worker?.ask({ method: 'flush' }, 5_000);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const { worker } = this;
    this.worker = undefined;
    try {
      await worker?.ask({ method: 'close' }, 1_000);
    } finally {
      await worker?.end();
    }
  }

  /** Ask the worker; begin another one if it is gone, and end it when it does not react to its signal. */
  private async call(ask: Ask, signal: AbortSignal): Promise<unknown> {
    if (this.closed) throw new PipelineError('SINK_WORKER', 'the sink is closed');
    if (!this.worker || this.worker.dead) {
      const worker = await SinkWorker.start(this.source);
      worker.serve(this.context);
      await worker.ask({ method: 'validate', value: this.options }, DESCRIBE_MS);
      await worker.ask({ method: 'open', options: this.options, name: this.context.name }, DESCRIBE_MS);
      this.worker = worker;
    }
    const { worker } = this;
    return worker.ask(ask, undefined, signal);
  }
}

/** A batch with the forms that the sink declared, and no others: less to copy. */
function only(data: EventBatchData, accepts: Accepts): EventBatchData {
  const { ndjson, lineEnds, columns, ...rest } = data;
  const forms = accepts.events || [];
  return {
    ...rest,
    ...(forms.includes('ndjson') && ndjson && lineEnds ? { ndjson, lineEnds } : {}),
    ...((forms.includes('columns') || forms.includes('rows')) && columns ? { columns } : {}),
  };
}

class SinkWorker {
  dead = false;
  description!: Description;
  private readonly worker: Worker;
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  private asks = 0;
  private context: SinkContext | undefined;

  private constructor() {
    this.worker = new Worker(workerFile(), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      stdout: true,
      stderr: false,
    });
    this.worker.stdout.resume();
    this.worker.on('message', (message: FromWorker) => this.receive(message));
    this.worker.on('error', (error) => this.fail(`the sink's worker died: ${error.message}`));
    this.worker.on('exit', (code) => this.fail(`the sink's worker ended with code ${code}`));
  }

  static async start(source: SinkSource): Promise<SinkWorker> {
    const worker = new SinkWorker();
    try {
      worker.description = (await worker.ask({ method: 'describe', source }, DESCRIBE_MS)) as Description;
      return worker;
    } catch (error) {
      await worker.end();
      throw error;
    }
  }

  serve(context: SinkContext): void {
    this.context = context;
    context.signal.addEventListener('abort', () => this.post({ kind: 'abort', reason: 'the agent stops' }), {
      once: true,
    });
  }

  unref(): void {
    this.worker.unref();
  }

  /** `ms`: the most to wait. With a signal: it is passed on, and a worker that does not react is ended. */
  ask(ask: Ask, ms?: number, signal?: AbortSignal): Promise<unknown> {
    if (this.dead) return Promise.reject(new PipelineError('SINK_WORKER', "the sink's worker is gone"));
    const id = ++this.asks;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        this.post({ kind: 'abort', id, reason: messageOf(signal?.reason) });
        timer = setTimeout(() => {
          this.fail('the sink did not react to its signal: its worker is replaced');
          void this.end();
        }, STUCK_MS);
      };
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.waiting.delete(id);
      };
      this.waiting.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      if (ms !== undefined) {
        timer = setTimeout(
          () =>
            this.waiting
              .get(id)
              ?.reject(new PipelineError('TIMEOUT', `${ask.method}: no answer within ${ms} ms`)),
          ms,
        );
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.post({ kind: 'ask', id, ask });
    });
  }

  private post(message: ToWorker): void {
    if (!this.dead) this.worker.postMessage(message);
  }

  private receive(message: FromWorker): void {
    switch (message.kind) {
      case 'answer': {
        const waiting = this.waiting.get(message.id);
        if (message.error === undefined) waiting?.resolve(message.value);
        else waiting?.reject(new Error(message.error));
        return;
      }
      case 'log':
        this.context?.log[message.level](message.message);
        return;
      case 'metric':
        this.measure(message);
        return;
      case 'collect':
        void this.context?.collect().then(
          (batch) => this.post({ kind: 'collected', id: message.id, batch }),
          (error) => this.post({ kind: 'collected', id: message.id, error: messageOf(error) }),
        );
    }
  }

  private measure(message: Extract<FromWorker, { kind: 'metric' }>): void {
    const { telemetry, log } = this.context ?? {};
    try {
      if (message.type === 'counter') telemetry?.counter(message.name, message.help).add(message.value);
      else telemetry?.gauge(message.name, message.help).set(message.value);
    } catch (error) {
      log?.warn(messageOf(error));
    }
  }

  private fail(message: string): void {
    this.dead = true;
    for (const { reject } of [...this.waiting.values()]) reject(new PipelineError('SINK_WORKER', message));
  }

  async end(): Promise<void> {
    this.dead = true;
    await this.worker.terminate();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Threads run JavaScript: from TypeScript sources (tests), that is the file in `dist/`. */
function workerFile(): string {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith('.js')) return join(dirname(here), 'worker.js');
  const compiled = join(dirname(here), '..', '..', '..', 'dist', 'core', 'pipeline', 'isolate', 'worker.js');
  if (!existsSync(compiled))
    throw new PipelineError('SINK_WORKER', `${compiled} is missing: run npm run build`);
  return compiled;
}
