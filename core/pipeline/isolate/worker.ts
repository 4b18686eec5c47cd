import { parentPort } from 'node:worker_threads';
import {
  EventBatch,
  type MetricBatch,
  type Sink,
  type SinkContext,
  type SinkDefinition,
} from '../../../plugins/sdk/index.js';
import { loadSinkModule } from '../sink-module.js';
import type { Ask, Description, FromWorker, Opened, PlainResponse, ToWorker } from './messages.js';

/** Hosts one custom sink in a thread of its own. */
const port = parentPort!;
const send = (message: FromWorker): void => port.postMessage(message);
const stopping = new AbortController();
const running = new Map<number, AbortController>();
const collecting = new Map<
  number,
  { resolve: (batch: MetricBatch) => void; reject: (error: Error) => void }
>();
let collects = 0;
let definition: SinkDefinition<unknown> | undefined;
let sink: Sink | undefined;

port.on('message', (message: ToWorker) => {
  if (message.kind === 'ask') void answer(message.id, message.ask);
  else if (message.kind === 'abort')
    (message.id === undefined ? stopping : running.get(message.id))?.abort(new Error(message.reason));
  else {
    const waiting = collecting.get(message.id);
    collecting.delete(message.id);
    if (message.batch) waiting?.resolve(message.batch);
    else waiting?.reject(new Error(message.error));
  }
});

async function answer(id: number, ask: Ask): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    send({ kind: 'answer', id, value: await perform(ask, abort.signal) });
  } catch (error) {
    send({ kind: 'answer', id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    running.delete(id);
  }
}

async function perform(ask: Ask, signal: AbortSignal): Promise<unknown> {
  switch (ask.method) {
    case 'describe': {
      definition = await loadSinkModule(ask.source);
      const { type, concurrency, interval } = definition;
      return {
        type,
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(typeof interval === 'number' ? { interval } : {}),
      } satisfies Description;
    }
    case 'validate': {
      const result = await definition!.options['~standard'].validate(ask.value);
      if (!result.issues) return { value: result.value };
      return {
        issues: result.issues.map((issue) => ({
          message: issue.message,
          path: (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)),
        })),
      };
    }
    case 'accepts':
      return typeof definition!.accepts === 'function'
        ? definition!.accepts(ask.options)
        : definition!.accepts;
    case 'open':
      sink = await definition!.open(ask.options, context(ask.name));
      return {
        write: sink.write !== undefined,
        writeMetrics: sink.writeMetrics !== undefined,
        flush: sink.flush !== undefined,
        fetch: sink.fetch !== undefined,
      } satisfies Opened;
    case 'write': {
      const { accepts } = ask;
      return sink!.write!(
        new EventBatch(ask.batch, { forms: accepts.events || [], numbers: accepts.numbers ?? 'bigint' }),
        { signal },
      );
    }
    case 'writeMetrics':
      return sink!.writeMetrics!(ask.batch, { signal });
    case 'flush':
      return sink?.flush?.();
    case 'close':
      return sink?.close();
    case 'fetch': {
      const { method, url, headers } = ask.request;
      const response = await sink!.fetch!(
        new Request(url, { method, headers: headers as [string, string][] }),
      );
      return {
        status: response.status,
        headers: [...response.headers],
        body: new Uint8Array(await response.arrayBuffer()),
      } satisfies PlainResponse;
    }
  }
}

function context(name: string): SinkContext {
  const log = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string) =>
    send({ kind: 'log', level, message: String(message) });
  return {
    name,
    signal: stopping.signal,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    telemetry: {
      counter: (metric, help) => ({
        add: (value) => send({ kind: 'metric', type: 'counter', name: metric, help, value }),
      }),
      gauge: (metric, help) => ({
        set: (value) => send({ kind: 'metric', type: 'gauge', name: metric, help, value }),
      }),
    },
    collect: () =>
      new Promise((resolve, reject) => {
        const id = ++collects;
        collecting.set(id, { resolve, reject });
        send({ kind: 'collect', id });
      }),
  };
}
