import { deserialize, serialize } from 'node:v8';
import {
  type Accepts,
  checkSink,
  checkWriteResult,
  EventBatch,
  type EventBatchData,
  type MetricBatch,
  resolveAccepts,
  resolveInterval,
  type Sink,
  type SinkContext,
  type SinkDefinition,
  type SinkTelemetry,
  type WriteResult,
} from '../../../plugins/sdk/index.js';
import { decodeBatch } from '../batch/batch-codec.js';
import { messageOf, PipelineError } from '../error.js';
import { loadSinkModule } from '../sink-module.js';
import type { Slot } from './batch-file.js';
import { LineLimit } from './line-limit.js';
import { MemoryWatch } from './memory.js';
import type {
  Ask,
  Description,
  FromWorker,
  LogLevel,
  MetricChange,
  Opened,
  PackedBatch,
  PlainRequest,
  PlainResponse,
  Prepared,
  ToWorker,
} from './messages.js';
import { Unfinished } from './unfinished.js';

/** Hosts one custom sink, the only one of its thread or process. */

/** The way to the agent. */
export interface HostPort {
  send(message: FromWorker): void;
  receive(use: (message: ToWorker) => void): void;
  /** Of what did not come along. */
  read?(slot: Slot): Uint8Array;
}

/** What a sink counts of itself crosses with the next answer, or after this long. */
const METRICS_MS = 1_000;
/** Metrics that a sink may keep of itself: no more names than these cross, right or wrong. */
const MAX_METRICS = 100;
/** Of a name that is told, characters. */
const MAX_NAME = 100;
/** Of what a metric says about itself, characters. */
const MAX_HELP = 1_000;

let port: HostPort;
const send = (message: FromWorker): void => port.send(message);
const stopping = new AbortController();
const running = new Map<number, AbortController>();
const unfinished = new Unfinished();
let collecting: Promise<MetricBatch> | undefined;
let collected: { resolve: (batch: MetricBatch) => void; reject: (error: Error) => void } | undefined;
let name = '';
let directory = '';
let labels: SinkContext['labels'] = {};
let definition: SinkDefinition<unknown>;
let options: unknown;
let accepts: Accepts;
let sink: Sink;

let memory: MemoryWatch;

/** Answer what comes through `at`, from now on. Once. */
export function hostSink(at: HostPort): void {
  port = at;
  memory = new MemoryWatch((what) => send({ kind: 'exhausted', what }));
  port.receive((message) => {
    if (message.kind === 'ask') void answer(message.id, message.ask);
    else if (message.kind === 'abort')
      (message.id === undefined ? stopping : running.get(message.id))?.abort(new Error(message.reason));
    else if (message.batch) collected?.resolve(message.batch);
    else collected?.reject(new Error(message.error));
  });
}

async function answer(id: number, ask: Ask): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    const value = await perform(ask, abort.signal);
    sendMetrics();
    send({ kind: 'answer', id, value });
  } catch (error) {
    const code = error instanceof PipelineError ? error.code : 'SINK_WORKER';
    send({ kind: 'answer', id, error: { code, message: messageOf(error) } });
  } finally {
    running.delete(id);
    memory.look();
  }
}

async function perform(ask: Ask, signal: AbortSignal): Promise<unknown> {
  switch (ask.method) {
    case 'describe': {
      definition = await loadSinkModule(ask.source);
      const { type, concurrency, maxConcurrency, batch } = definition;
      return {
        type,
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
        ...(batch === undefined ? {} : { batch }),
      } satisfies Description;
    }
    case 'prepare':
      return prepare(ask.options);
    case 'open':
      name = ask.name;
      directory = ask.directory;
      labels = ask.labels;
      return open();
    case 'write':
      return write(ask.key, unfinished.take(ask.key) ?? unpack(ask.batch), signal);
    case 'writeMetrics':
      return checkWriteResult(await sink.writeMetrics!(ask.batch, { signal }), 'writeMetrics');
    case 'flush':
      await sink.flush!();
      return undefined;
    case 'reopen':
      await sink.reopen!();
      return undefined;
    case 'close':
      await sink.close();
      return undefined;
    case 'fetch':
      return respond(ask.request, signal);
  }
}

/** Where it fails, the next batch would as well: the agent is to start another host. */
function unpack(batch: PackedBatch): EventBatchData {
  try {
    return decoded(batch);
  } catch (error) {
    send({ kind: 'fatal', message: `a batch cannot be read: ${messageOf(error)}` });
    throw error;
  }
}

function decoded({ count, meta, body }: PackedBatch): EventBatchData {
  if (body instanceof Uint8Array) {
    // From a channel of bytes it comes at any place of a larger buffer.
    const isAlone = body.byteOffset === 0 && body.buffer.byteLength === body.byteLength;
    return decodeBatch(count, meta, isAlone ? body : new Uint8Array(body));
  }
  if (!port.read) throw new Error('there is no file to read batches from');
  return decodeBatch(count, meta, port.read(body));
}

async function write(key: number, batch: EventBatchData, signal: AbortSignal): Promise<WriteResult> {
  const view = { forms: accepts.events || [], numbers: accepts.numbers ?? 'bigint', sink: name };
  let comesAgain = true;
  try {
    const result = checkWriteResult(await sink.write!(new EventBatch(batch, view), { signal }), 'write');
    comesAgain = result.status === 'retry';
    return result;
  } finally {
    if (comesAgain) unfinished.keep(key, batch);
  }
}

async function prepare(raw: unknown): Promise<Prepared> {
  const result = await definition.options['~standard'].validate(raw);
  if (result.issues) {
    return {
      issues: result.issues.map(({ message, path = [] }) => ({
        message: String(message),
        path: path.map((part) => {
          const key = typeof part === 'object' ? part.key : part;
          return typeof key === 'number' ? key : String(key);
        }),
      })),
    };
  }
  options = result.value;
  accepts = resolveAccepts(definition, options);
  const interval = resolveInterval(definition, options);
  return {
    options: clonable(options),
    accepts: structuredClone(accepts),
    ...(interval === undefined ? {} : { interval }),
  };
}

/** As much of a value as can cross. */
function clonable(value: unknown): unknown {
  try {
    return deserialize(serialize(value));
  } catch {
    if (typeof value !== 'object' || value === null) return undefined;
    const entries = Object.entries(value).map(([key, field]) => [key, clonable(field)]);
    return Object.fromEntries(entries.filter(([, field]) => field !== undefined));
  }
}

async function open(): Promise<Opened> {
  sink = checkSink(await definition.open(options, context()), accepts);
  return {
    writeMetrics: sink.writeMetrics !== undefined,
    flush: sink.flush !== undefined,
    reopen: sink.reopen !== undefined,
    fetch: sink.fetch !== undefined,
  };
}

async function respond({ method, url, headers }: PlainRequest, signal: AbortSignal): Promise<PlainResponse> {
  const request = new Request(url, { method, headers: headers as [string, string][], signal });
  const response = await sink.fetch!(request);
  if (!(response instanceof Response)) throw new TypeError('fetch() gave no Response');
  return {
    status: response.status,
    headers: [...response.headers],
    body: new Uint8Array(await response.arrayBuffer()),
  };
}

function context(): SinkContext {
  const limit = new LineLimit();
  const log = (level: LogLevel) => (message: string) => {
    for (const line of limit.admit(String(message))) send({ kind: 'log', level, message: line });
  };
  return {
    name,
    directory,
    labels,
    signal: stopping.signal,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    telemetry,
    // One at a time crosses, for all who ask meanwhile.
    collect: () => {
      collecting ??= new Promise<MetricBatch>((resolve, reject) => {
        collected = { resolve, reject };
        send({ kind: 'collect' });
      }).finally(() => {
        collecting = undefined;
      });
      return collecting;
    },
  };
}

/** A sink may count a million times a second: sums cross, not steps. */
const changes = new Map<string, MetricChange>();
let metricsTimer: NodeJS.Timeout | undefined;

const telemetry: SinkTelemetry = {
  counter: (metric, help) => {
    change('counter', metric, help).value += 0;
    return {
      add: (value) => {
        if (value >= 0) change('counter', metric, help).value += value;
      },
    };
  },
  gauge: (metric, help) => ({
    set: (value) => {
      change('gauge', metric, help).value = value;
    },
  }),
};

/** Every name that has crossed. */
const names = new Set<string>();
let isFull = false;

function change(type: 'counter' | 'gauge', metric: string, help: string): MetricChange {
  const key = `${type} ${metric}`;
  let entry = changes.get(key);
  if (!entry) {
    entry = { type, name: String(metric), help: String(help).slice(0, MAX_HELP), value: 0 };
    if (!names.has(key) && names.size >= MAX_METRICS) {
      if (!isFull)
        send({
          kind: 'log',
          level: 'warn',
          message: `telemetry: "${entry.name.slice(0, MAX_NAME)}" and what comes after it is left out: a sink may have ${MAX_METRICS} metrics`,
        });
      isFull = true;
      return entry;
    }
    names.add(key);
    changes.set(key, entry);
  }
  metricsTimer ??= setTimeout(sendMetrics, METRICS_MS).unref();
  return entry;
}

function sendMetrics(): void {
  clearTimeout(metricsTimer);
  metricsTimer = undefined;
  if (changes.size === 0) return;
  const sent = [...changes.values()];
  changes.clear();
  send({ kind: 'metrics', changes: sent });
}
