import type { ConfigPath } from './config.js';
import type { ProblemCode } from './error.js';
import { defaultProbeName } from './probe-name.js';
import { isName } from './schema/index.js';
import { suggest } from './suggest.js';

export const DEFAULT_SINKS: readonly string[] = ['stdout', 'prometheus'];

export interface RuleContext {
  report(code: ProblemCode, path: ConfigPath, message: string): void;
  /** The value at a path as the file has it: a variable's name and not what it holds. */
  written(path: ConfigPath): string;
}

type Mapping = Readonly<Record<string, unknown>>;

/** What keys say together. Looks at the values as they are, so that it works in a file that has other errors. */
export function checkRules(file: unknown, context: RuleContext): void {
  if (!isMapping(file)) return;
  if (isMapping(file.agent) && isMapping(file.agent.verify) && file.agent.verify.key === undefined)
    context.report(
      'missing',
      ['agent', 'verify'],
      'found no key, expected the public key that images are verified with. Add: key: cosign.pub',
    );
  if (isMapping(file.agent) && isMapping(file.agent.registries))
    checkRegistries(file.agent.registries, context);
  if (!Array.isArray(file.probes)) return;
  const sinks = isMapping(file.sinks) ? Object.keys(file.sinks) : DEFAULT_SINKS;
  const names = new Map<string, number>();
  file.probes.forEach((probe: unknown, index: number) => {
    if (!isMapping(probe)) return;
    const path = ['probes', index];
    checkSource(probe, path, context);
    checkVerify(probe, isMapping(file.agent) ? file.agent.verify : undefined, path, context);
    checkProbeName(probe, path, names, context);
    checkSinkNames(probe.sinks, [...path, 'sinks'], sinks, context);
    for (const [name, map] of Object.entries(isMapping(probe.maps) ? probe.maps : {})) {
      if (isMapping(map)) checkBuckets(map.buckets, [...path, 'maps', name, 'buckets'], context);
    }
  });
}

function checkRegistries(registries: Mapping, { report }: RuleContext): void {
  const hosts = new Set<string>();
  for (const [host, registry] of Object.entries(registries)) {
    const path = ['agent', 'registries', host];
    if (hosts.has(host.toLowerCase()))
      report(
        'duplicate_name',
        path,
        'the same host a second time: capital letters make no difference. Remove one',
      );
    hosts.add(host.toLowerCase());
    if (!isMapping(registry) || registry.plain_http !== true) continue;
    for (const key of ['ca', 'insecure'])
      if (registry[key] !== undefined && registry[key] !== false)
        report('conflict', [...path, key], 'found beside plain_http, which has no certificates. Remove one');
  }
}

function checkSource(probe: Mapping, path: ConfigPath, { report }: RuleContext): void {
  const image = probe.image !== undefined;
  const file = probe.file !== undefined;
  if (image && file) {
    report('conflict', [...path, 'file'], 'found both image and file, expected one of them. Remove one');
  } else if (!image && !file && !('image' in probe || 'file' in probe)) {
    report('missing', path, 'found neither image nor file, expected one of them. Add: image: REFERENCE');
  }
}

/** A file has no signature; and without a key there is nothing to verify with. */
function checkVerify(probe: Mapping, agent: unknown, path: ConfigPath, { report }: RuleContext): void {
  if (!isMapping(probe.verify)) return;
  const at = [...path, 'verify'];
  if (probe.image === undefined && probe.file !== undefined)
    report('conflict', at, 'found beside file, expected beside image: a file has no signature. Remove one');
  else if (probe.verify.key === undefined && !(isMapping(agent) && agent.key !== undefined))
    report('missing', at, 'found no key here nor in agent.verify, expected one. Add: key: cosign.pub');
}

function checkProbeName(
  probe: Mapping,
  path: readonly (string | number)[],
  names: Map<string, number>,
  { report, written }: RuleContext,
): void {
  const name = typeof probe.name === 'string' ? probe.name : defaultName(probe);
  if (name === undefined) return;
  const source = typeof probe.image === 'string' ? 'image' : 'file';
  if (!isName(name)) {
    if (probe.name !== undefined) return;
    const message = `no name for the probe can be made of its ${source}. Add: name: NAME`;
    report('bad_value', [...path, source], message);
    return;
  }
  const first = names.get(name);
  if (first === undefined) {
    names.set(name, Number(path.at(-1)));
  } else if (probe.name === undefined) {
    const message = `the name made of its ${source} is that of probes[${first}] too. Add: name: ANOTHER`;
    report('duplicate_name', path, message);
  } else {
    const at = [...path, 'name'];
    const message = `found ${written(at)}, which is the name of probes[${first}] too. Choose another`;
    report('duplicate_name', at, message);
  }
}

/** Undefined where the source itself is wrong, which is reported as such. */
function defaultName(probe: Mapping): string | undefined {
  if ('name' in probe) return undefined;
  const { image, file } = probe;
  if (typeof image === 'string') return /^\S+$/.test(image) ? defaultProbeName({ image }) : undefined;
  return image === undefined && typeof file === 'string' && /\S/.test(file)
    ? defaultProbeName({ file })
    : undefined;
}

function checkSinkNames(
  value: unknown,
  path: ConfigPath,
  known: readonly string[],
  { report, written }: RuleContext,
): void {
  if (!Array.isArray(value)) return;
  const seen = new Set<string>();
  value.forEach((name: unknown, index: number) => {
    if (typeof name !== 'string' || name === '') return;
    const at = [...path, index];
    if (seen.has(name)) {
      report('duplicate_name', at, `found ${written(at)} a second time. Remove one`);
    } else if (!known.includes(name)) {
      const near = suggest(name, known);
      const there = known.length === 0 ? 'There are none' : `There are: ${known.join(', ')}`;
      const hint = near === undefined ? there : `Did you mean "${near}"?`;
      const message = `found ${written(at)}, expected the name of a sink under \`sinks:\`. ${hint}`;
      report('unknown_sink', at, message);
    }
    seen.add(name);
  });
}

function checkBuckets(value: unknown, path: ConfigPath, { report, written }: RuleContext): void {
  if (!Array.isArray(value)) return;
  for (let index = 1; index < value.length; index++) {
    const before: unknown = value[index - 1];
    const bound: unknown = value[index];
    if (typeof before !== 'number' || typeof bound !== 'number' || bound > before) continue;
    const at = [...path, index];
    const found = `found ${written(at)} after ${written([...path, index - 1])}`;
    report('bad_value', at, `${found}, expected upper bounds that ascend. Sort them, each once`);
    return;
  }
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
