import type { ConfigPath } from './config.js';
import type { ProblemCode } from './error.js';
import { defaultProbeName } from './probe-name.js';
import { isName } from './schema.js';
import { suggest } from './suggest.js';

/** Called with a problem; `at` is `key` where the position is the key's and not the value's. */
export type Report = (code: ProblemCode, path: ConfigPath, message: string) => void;

export const DEFAULT_SINKS: readonly string[] = ['stdout', 'prometheus'];

type Mapping = Readonly<Record<string, unknown>>;

/** What keys say together. Looks at the values as written, so that it works in a file that has other errors. */
export function checkRules(file: unknown, report: Report): void {
  if (!isMapping(file) || !Array.isArray(file.probes)) return;
  const sinks = isMapping(file.sinks) ? Object.keys(file.sinks) : DEFAULT_SINKS;
  const names = new Map<string, number>();
  file.probes.forEach((probe: unknown, index: number) => {
    if (!isMapping(probe)) return;
    const path = ['probes', index];
    checkSource(probe, path, report);
    checkProbeName(probe, path, names, index, report);
    checkSinkNames(probe.sinks, [...path, 'sinks'], sinks, report);
    for (const [name, map] of Object.entries(isMapping(probe.maps) ? probe.maps : {})) {
      if (isMapping(map)) checkBuckets(map.buckets, [...path, 'maps', name, 'buckets'], report);
    }
  });
}

function checkSource(probe: Mapping, path: ConfigPath, report: Report): void {
  const image = probe.image !== undefined;
  const file = probe.file !== undefined;
  if (image && file) {
    report('conflict', [...path, 'file'], 'found both image and file, expected one of them. Remove one');
  } else if (!image && !file) {
    report('missing', path, 'found neither image nor file, expected one of them. Add: image: REFERENCE');
  }
}

function checkProbeName(
  probe: Mapping,
  path: ConfigPath,
  names: Map<string, number>,
  index: number,
  report: Report,
): void {
  const { name: written, image, file } = probe;
  let name: string;
  if (typeof written === 'string') {
    if (!isName(written)) return;
    name = written;
  } else {
    if (written !== undefined) return;
    if (typeof image === 'string') name = defaultProbeName({ image });
    else if (typeof file === 'string') name = defaultProbeName({ file });
    else return;
    if (!isName(name)) {
      const key = typeof image === 'string' ? 'image' : 'file';
      report('bad_value', [...path, key], `no name for the probe can be made of its ${key}. Add: name: NAME`);
      return;
    }
  }
  const first = names.get(name);
  if (first === undefined) {
    names.set(name, index);
    return;
  }
  const at = written === undefined ? path : [...path, 'name'];
  const origin = written === undefined ? ' (made of its source)' : '';
  report(
    'duplicate_name',
    at,
    `found the name "${name}"${origin}, which probes[${first}] has already. Add: name: ANOTHER`,
  );
}

function checkSinkNames(value: unknown, path: ConfigPath, known: readonly string[], report: Report): void {
  if (!Array.isArray(value)) return;
  const seen = new Set<string>();
  value.forEach((name: unknown, index: number) => {
    if (typeof name !== 'string' || name === '') return;
    if (seen.has(name)) {
      report('duplicate_name', [...path, index], `found the sink "${name}" a second time. Remove one`);
    } else if (!known.includes(name)) {
      const near = suggest(name, known);
      const hint =
        near === undefined
          ? `There ${known.length === 0 ? 'are none' : `are: ${known.join(', ')}`}`
          : `Did you mean "${near}"?`;
      report(
        'unknown_sink',
        [...path, index],
        `found "${name}", expected the name of a sink under \`sinks:\`. ${hint}`,
      );
    }
    seen.add(name);
  });
}

function checkBuckets(value: unknown, path: ConfigPath, report: Report): void {
  if (!Array.isArray(value)) return;
  for (let index = 1; index < value.length; index++) {
    const before: unknown = value[index - 1];
    const bound: unknown = value[index];
    if (typeof before !== 'number' || typeof bound !== 'number' || bound > before) continue;
    report(
      'bad_value',
      [...path, index],
      `found ${bound} after ${before}, expected upper bounds that ascend. Sort them, each once`,
    );
    return;
  }
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
