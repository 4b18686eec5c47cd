import type { ConfigPath, LoadedConfig } from './config.js';
import type { ConfigProblem } from './error.js';
import { resolve } from './resolve.js';
import { fileSchema } from './schema/index.js';
import type { SourceNode } from './source-node.js';
import { withoutEmpty } from './validate.js';

interface Faulty {
  readonly root: SourceNode;
  readonly problems: readonly ConfigProblem[];
  readonly file: string;
  readonly locate: LoadedConfig['locate'];
}

type Mapping = Record<string, unknown>;

/** Keys of a probe without which nothing can be said of it. */
const VITAL = ['image', 'file', 'name', 'verify', 'maps'];
/** Keys of a sink that are not the sink's own. */
const HOST_KEYS = ['isolate', 'interval', 'queue', 'batch', 'buffer'];

/**
 * What is right in a file that has problems, so that what else is wrong with it can be found: each faulty key is left
 * out, and whatever cannot be judged without it. Undefined where too little is left.
 */
export function salvage({ root, problems, file, locate }: Faulty): LoadedConfig | undefined {
  const value = withoutEmpty(structuredClone(root.value), []);
  if (!isMapping(value) || !Array.isArray(value.probes)) return undefined;
  const dropped = new Set<number>();
  for (const { path } of problems) {
    const [part, name, key] = path;
    if (part === 'probes' && typeof name === 'number') {
      if (!leaveOutOfProbe(value.probes[name], path.slice(2))) dropped.add(name);
    } else if (part === 'sinks' && name !== undefined) {
      leaveOutOfSinks(value, String(name), key);
    } else if (part === 'agent' && name !== undefined && name !== 'storage') {
      if (isMapping(value.agent)) delete value.agent[name];
    } else if (typeof part === 'string' && !['probes', 'sinks', 'agent'].includes(part)) {
      delete value[part];
    } else return undefined;
  }
  const kept = value.probes.map((_, i) => i).filter((i) => !dropped.has(i));
  // The schema wants a probe; this one is taken out again.
  const probes = [...kept.map((i): unknown => (value.probes as unknown[])[i]), { file: '/', name: 'none' }];
  const checked = fileSchema.safeParse({ ...value, probes });
  if (!checked.success) return undefined;
  const config = resolve(checked.data, file, root);
  return {
    config: { ...config, probes: config.probes.slice(0, kept.length) },
    file,
    locate: (path) => locate(asWritten(path, kept)),
  };
}

/** Indices of probes are those of the file again. */
function asWritten(path: ConfigPath, kept: readonly number[]): ConfigPath {
  const [part, index, ...rest] = path;
  return part === 'probes' && typeof index === 'number' ? [part, kept[index] ?? index, ...rest] : path;
}

/** False where nothing can be said of the probe without what is at `path`. */
function leaveOutOfProbe(probe: unknown, [key, name]: ConfigPath): boolean {
  if (!isMapping(probe) || key === undefined) return false;
  if (key === 'maps' && name !== undefined && isMapping(probe.maps)) {
    // That there is a map of this name can still be checked.
    probe.maps[name] = { export: 'none' };
    return true;
  }
  if (VITAL.includes(String(key))) return false;
  const inner = probe[key];
  if (key === 'params' && name !== undefined && isMapping(inner)) delete inner[name];
  else delete probe[key];
  return true;
}

function leaveOutOfSinks(value: Mapping, name: string, key: ConfigPath[0] | undefined): void {
  const { sinks } = value;
  if (!isMapping(sinks)) return;
  const sink = sinks[name];
  if (isMapping(sink) && HOST_KEYS.includes(String(key))) {
    delete sink[String(key)];
    return;
  }
  delete sinks[name];
  for (const probe of value.probes as unknown[]) {
    if (!isMapping(probe) || !Array.isArray(probe.sinks)) continue;
    probe.sinks = probe.sinks.filter((one) => one !== name);
    if ((probe.sinks as unknown[]).length === 0) delete probe.sinks;
  }
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
