import { availableParallelism } from 'node:os';
import { dirname, isAbsolute, resolve as resolvePath } from 'node:path';
import type {
  AgentConfig,
  Config,
  ListenAddress,
  MapConfig,
  ParamValue,
  ProbeConfig,
  RegistryConfig,
  RetryConfig,
  SinkConfig,
} from './config.js';
import { defaultProbeName } from './probe-name.js';
import { DEFAULT_SINKS } from './rules.js';
import type {
  ConfigFile,
  MapEntry,
  ProbeEntry,
  RegistryEntry,
  RetryEntry,
  SinkEntry,
  VerifyEntry,
} from './schema/index.js';
import { descend, type SourceNode } from './source-node.js';

const DEFAULT_LISTEN: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 9091 };
const MINUTE = 60_000;

/** The validated file as the {@link Config} that the agent works with: defaults filled in, paths absolute. */
export function resolve(file: ConfigFile, path: string, root: SourceNode): Config {
  const directory = dirname(path);
  const sinks = Object.entries(file.sinks ?? {});
  const entries: [string, SinkEntry][] = file.sinks
    ? sinks
    : DEFAULT_SINKS.map((name) => [name, { type: name }]);
  return {
    probes: file.probes.map((probe) => resolveProbe(probe, file.agent?.verify, directory)),
    sinks: Object.fromEntries(entries.map(([name, sink]) => [name, resolveSink(name, sink, directory)])),
    agent: resolveAgent(file.agent ?? {}, directory, root),
  };
}

function resolveProbe(
  probe: ProbeEntry,
  agentVerify: VerifyEntry | undefined,
  directory: string,
): ProbeConfig {
  const { image, file } = probe;
  const source = image !== undefined ? { image } : { file: absolute(file!, directory) };
  return {
    name: probe.name ?? defaultProbeName(source),
    source,
    pull: probe.pull ?? 'missing',
    params: (probe.params ?? {}) as Record<string, ParamValue>,
    maps: Object.fromEntries(Object.entries(probe.maps ?? {}).map(([name, map]) => [name, resolveMap(map)])),
    frequency: probe.frequency ?? 99,
    ...(image === undefined ? {} : resolveVerify({ ...agentVerify, ...probe.verify }, directory)),
    ...(probe.sinks === undefined ? {} : { sinks: probe.sinks }),
  };
}

function resolveVerify({ key, require }: VerifyEntry, directory: string): Pick<ProbeConfig, 'verify'> {
  if (key === undefined) return {};
  const keys = [key].flat().map((path) => absolute(path, directory));
  return { verify: { keys, require: require ?? true } };
}

function resolveMap({ max_series, ...rest }: MapEntry): MapConfig {
  return { ...defined(rest), maxSeries: max_series ?? 10_000 };
}

function resolveRetry({ initial = 1_000, max, multiplier = 1.5 }: RetryEntry): RetryConfig {
  return { initial, max: max ?? Math.max(30_000, initial), multiplier };
}

function resolveSink(name: string, sink: SinkEntry, directory: string): SinkConfig {
  const { type, isolate, interval, queue, batch, buffer, ...options } = sink;
  return {
    name,
    type: /^\.{0,2}\//.test(type) ? absolute(type, directory) : type,
    isolate: isolate === undefined || isolate === true ? 'process' : isolate,
    ...(interval === undefined ? {} : { interval }),
    queue: {
      maxBatches: queue?.max_batches ?? 1000,
      maxBytes: queue?.max_bytes ?? 64 * 2 ** 20,
      timeout: queue?.timeout ?? 10_000,
      // What is on the disk waits there for as long as there is room: at least once, whatever the outage.
      maxElapsed: queue?.max_elapsed ?? (buffer === undefined ? 5 * MINUTE : 0),
      whenFull: queue?.when_full ?? 'drop_newest',
      retry: resolveRetry(queue?.retry ?? {}),
      ...(queue?.concurrency === undefined ? {} : { concurrency: queue.concurrency }),
    },
    ...(buffer === undefined
      ? {}
      : {
          buffer: {
            path: absolute(buffer.path, directory),
            maxSize: buffer.max_size ?? 2 ** 30,
            fsync: buffer.fsync ?? 'interval',
          },
        }),
    ...(batch === undefined
      ? {}
      : {
          batch: defined({
            maxEvents: batch.max_events,
            maxBytes: batch.max_bytes,
            maxWait: batch.max_wait,
          }),
        }),
    options,
  };
}

function resolveAgent(
  agent: NonNullable<ConfigFile['agent']>,
  directory: string,
  root: SourceNode,
): AgentConfig {
  const { listen = DEFAULT_LISTEN, workers, labels = {}, storage, allow, registries = {} } = agent;
  return {
    listen: listen.kind === 'unix' ? { kind: 'unix', path: absolute(listen.path, directory) } : listen,
    workers: workers ?? Math.min(2, availableParallelism()),
    // As written: 007 and 1.10 are names of racks and versions here, no numbers.
    labels: Object.fromEntries(
      Object.entries(labels).map(([name, value]) => [
        name,
        descend(root, ['agent', 'labels', name]).node.text ?? String(value),
      ]),
    ),
    registries: Object.fromEntries(
      Object.entries(registries).map(([host, entry]) => [
        host.toLowerCase(),
        resolveRegistry(entry, directory),
      ]),
    ),
    pullTimeout: agent.pull_timeout ?? 2 * MINUTE,
    ...(allow === undefined ? {} : { allow }),
    ...(storage === undefined ? {} : { storage: absolute(storage, directory) }),
  };
}

function resolveRegistry({ plain_http, insecure, ca }: RegistryEntry, directory: string): RegistryConfig {
  return defined({
    plainHttp: plain_http,
    insecure,
    caFile: ca === undefined ? undefined : absolute(ca, directory),
  });
}

function absolute(path: string, directory: string): string {
  return isAbsolute(path) ? path : resolvePath(directory, path);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
