import { realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import {
  type Config,
  type ConfigPath,
  knownKeys,
  type LoadedConfig,
  requireTrusted,
  type SinkConfig,
  suggest,
} from '../../config/index.js';
import {
  type Accepts,
  resolveAccepts,
  resolveInterval,
  type SinkDefinition,
} from '../../plugins/sdk/index.js';
import { type BatchLimits, createIsolatedSink, loadSinkModule } from '../pipeline/index.js';
import { messageOf } from './error.js';
import { optionProblems } from './option-problems.js';
import type { Problem } from './plan/problem.js';

/** Built-in sinks, loaded when a config asks for them. */
const BUILT_IN: Readonly<Record<string, () => Promise<{ default: unknown }>>> = {
  stdout: () => import('../../plugins/stdout/index.js'),
  prometheus: () => import('../../plugins/prometheus/index.js'),
  file: () => import('../../plugins/file/index.js'),
  loki: () => import('../../plugins/loki/index.js'),
  otlp: () => import('../../plugins/otlp/index.js'),
};

export interface PreparedSink {
  readonly config: SinkConfig;
  readonly definition: SinkDefinition<unknown>;
  /** Validated by the sink's schema. */
  readonly options: unknown;
  readonly accepts: Accepts;
  /** ms between metric writes. */
  readonly interval: number;
  /** Our own sinks keep nothing of a batch that they have answered for; isolated ones have a copy. */
  readonly letsGo: boolean;
  /** It runs on the main thread, and can hold it. */
  readonly onMainThread: boolean;
  /** Where small batches are put together. */
  readonly batch?: BatchLimits;
}

const DEFAULT_INTERVAL_S = 15;
const DEFAULT_BATCH: BatchLimits = { maxEvents: 10_000, maxBytes: 2 ** 20, maxWait: 1_000 };

/** Sinks that are prepared at once: a custom one has a process to start, but many would be in each other's way. */
const PREPARED_AT_ONCE = 4;

/** Load every sink's definition and validate its options. Nothing is opened. */
export async function prepareSinks(
  loaded: LoadedConfig,
  given: Readonly<Record<string, SinkDefinition<unknown>>> = {},
): Promise<{ sinks: PreparedSink[]; problems: Problem[] }> {
  const configs = Object.values(loaded.config.sinks);
  const prepared: Prepared[] = new Array(configs.length);
  const left = configs.entries();
  const prepareNext = async (): Promise<void> => {
    for (const [i, config] of left) prepared[i] = await prepareSink(config, loaded, given);
  };
  await Promise.all(Array.from({ length: PREPARED_AT_ONCE }, prepareNext));
  const sinks = prepared.flatMap(({ sink }) => sink ?? []);
  const problems = prepared.flatMap((one) => one.problems);
  return { sinks, problems: [...problems, ...pathClashes(sinks), ...bufferClashes(sinks)] };
}

interface Prepared {
  readonly sink?: PreparedSink;
  readonly problems: readonly Problem[];
}

async function prepareSink(
  config: SinkConfig,
  loaded: LoadedConfig,
  given: Readonly<Record<string, SinkDefinition<unknown>>>,
): Promise<Prepared> {
  try {
    const definition = given[config.type] ?? (await loadDefinition(config, loaded));
    const result = await definition.options['~standard'].validate(config.options);
    if (result.issues)
      return { problems: optionProblems(config, result.issues, optionsOf(config, definition)) };
    const options = result.value;
    const accepts = resolveAccepts(definition, options);
    const own = resolveInterval(definition, options);
    const problems = concurrencyProblems(config, definition);
    if (config.buffer && (!accepts.events || accepts.events.length === 0))
      problems.push({
        path: ['sinks', config.name, 'buffer'],
        message: `sink "${config.name}" (${config.type}) takes no events, and metrics are not buffered. Remove buffer`,
      });
    const batch = batchLimits(config, definition);
    const sink = {
      ...(batch ? { batch } : {}),
      config,
      definition,
      options,
      accepts,
      interval: config.interval ?? (own ?? DEFAULT_INTERVAL_S) * 1000,
      onMainThread: config.type in given || config.type in BUILT_IN || !config.isolate,
      letsGo: !(config.type in given) && (config.type in BUILT_IN || config.isolate !== false),
    };
    return { sink, problems };
  } catch (error) {
    const message = `sink "${config.name}": ${messageOf(error)}${slip(config)}`;
    return { problems: [{ path: ['sinks', config.name, 'type'], message }] };
  }
}

/** The options of our own sinks: their schemas are zod's, of which others' need not be. */
function optionsOf(
  { type }: SinkConfig,
  { options }: SinkDefinition<unknown>,
): (path: ConfigPath) => string[] {
  return (path) => (options instanceof z.ZodType && type in BUILT_IN ? knownKeys(options, path) : []);
}

function slip({ type }: SinkConfig): string {
  const near = type in BUILT_IN ? undefined : suggest(type, Object.keys(BUILT_IN));
  return near === undefined ? '' : `. Did you mean "${near}"?`;
}

/** Put together of what the config, the sink and the host say; undefined where neither of the first two says anything. */
function batchLimits(
  { batch: chosen }: SinkConfig,
  { batch: hint }: SinkDefinition<unknown>,
): BatchLimits | undefined {
  if (!chosen && !hint) return undefined;
  return {
    ...DEFAULT_BATCH,
    ...(hint?.maxEvents === undefined ? {} : { maxEvents: hint.maxEvents }),
    ...(hint?.maxBytes === undefined ? {} : { maxBytes: hint.maxBytes }),
    ...(hint?.maxWait === undefined ? {} : { maxWait: hint.maxWait * 1000 }),
    ...chosen,
  };
}

function concurrencyProblems(config: SinkConfig, definition: SinkDefinition<unknown>): Problem[] {
  const { concurrency } = config.queue;
  const most = Math.max(definition.maxConcurrency ?? 1, definition.concurrency ?? 1);
  if (concurrency === undefined || concurrency <= most) return [];
  return [
    {
      path: ['sinks', config.name, 'queue', 'concurrency'],
      message: `sink "${config.name}" (${config.type}): found concurrency ${concurrency}, but it takes ${most === 1 ? 'one write' : `${most} writes`} at a time`,
    },
  ];
}

/** Paths of the agent's own. */
const OWN_PATHS = ['/', '/events', '/api/v1/probes', '/healthz', '/readyz'];

/** Scraped sinks that would hide behind another one, or behind the agent. */
function pathClashes(sinks: readonly PreparedSink[]): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map(OWN_PATHS.map((path) => [path, "the agent's own"]));
  for (const { config, options } of sinks) {
    const { path, listen } = (options ?? {}) as { path?: unknown; listen?: unknown };
    if (config.type !== 'prometheus' || typeof path !== 'string' || listen !== undefined) continue;
    const owner = taken.get(path);
    if (owner !== undefined)
      problems.push({
        path: ['sinks', config.name, 'path'],
        message: `sink "${config.name}" (prometheus), path: ${path} is ${owner}: choose another path, or an address of its own with \`listen:\``,
      });
    else taken.set(path, `that of sink "${config.name}"`);
  }
  return problems;
}

function bufferClashes(sinks: readonly PreparedSink[]): Problem[] {
  const owners = new Map<string, string>();
  return sinks.flatMap(({ config: { name, buffer } }) => {
    const owner = buffer && owners.get(buffer.path);
    if (buffer && owner === undefined) owners.set(buffer.path, name);
    if (owner === undefined) return [];
    const message = `sink "${name}", buffer.path: that of sink "${owner}". Choose another directory`;
    return [{ path: ['sinks', name, 'buffer', 'path'], message }];
  });
}

async function loadDefinition(config: SinkConfig, loaded: LoadedConfig): Promise<SinkDefinition<unknown>> {
  const builtIn = BUILT_IN[config.type];
  if (builtIn) return (await builtIn()).default as SinkDefinition<unknown>;
  if (isAbsolute(config.type) && process.getuid?.() === 0) await requireTrustedModule(config.type);
  const source = { module: config.type, resolveFrom: loaded.file, name: config.name };
  return config.isolate ? createIsolatedSink(source, config.isolate) : loadSinkModule(source);
}

/** Code that root runs is held to what the config is: nobody else may be able to write it. */
async function requireTrustedModule(module: string): Promise<void> {
  const file = await realpath(module).catch(() => undefined);
  // What is not there, the loader explains.
  if (file !== undefined) await requireTrusted(file, await stat(file), process.env);
}

/** The sinks of a probe: those that it names, or every sink. */
export function sinksOf(probe: Config['probes'][number], sinks: readonly PreparedSink[]): PreparedSink[] {
  return sinks.filter((sink) => !probe.sinks || probe.sinks.includes(sink.config.name));
}
