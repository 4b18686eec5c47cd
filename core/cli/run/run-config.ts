import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LoadedConfig, parseConfig } from '../../../config/index.js';
import { networkReference, parseReference } from '../../oci/index.js';
import { CliError } from '../errors.js';
import type { RegistryFlags } from '../registry-flags.js';
import { parseBuckets, parseFilter, parseParam, parseValueKey } from './map-flags.js';

/** Flags of `bee run` that end up in the agent's config. */
export interface RunFlags extends RegistryFlags {
  readonly promPort: string;
  readonly listen?: string;
  readonly histBuckets: readonly string[];
  readonly histValueKey: readonly string[];
  readonly param: readonly string[];
  readonly verifyKey: readonly string[];
  readonly filter: readonly string[];
}

export type ProbeSource = { readonly file: string } | { readonly image: string };

export const VIEW_SINK = 'bee-run-view';

/**
 * What `bee run` is to the agent: a config of one probe, with BumbleBee's names, shown by a sink of ours. Written as
 * a user would write it and read by the same code, so that one place knows every default.
 */
export function runConfig(
  source: ProbeSource,
  flags: RunFlags,
  place: { readonly cwd: string; readonly storage: string | undefined },
): LoadedConfig {
  const maps: Record<string, Record<string, unknown>> = {};
  for (const text of flags.histBuckets) {
    const { map, buckets } = parseBuckets(text);
    maps[map] = { ...maps[map], buckets };
  }
  for (const text of flags.histValueKey) {
    const { map, value } = parseValueKey(text);
    maps[map] = { ...maps[map], value };
  }
  // Named here, a map that the probe does not have is an error of the config.
  for (const { map } of flags.filter.map(parseFilter)) maps[map] ??= {};
  const params = Object.fromEntries(
    flags.param.map((text) => {
      const { name, value } = parseParam(text);
      return [name, plainValue(value)];
    }),
  );
  const keys = flags.verifyKey.map((file) => resolve(place.cwd, file));
  if ('file' in source && keys.length > 0)
    throw new CliError('USAGE', `--verify-key: ${source.file} is a file, and only images have signatures`);
  const listen = flags.listen ?? `127.0.0.1:${portOf(flags.promPort)}`;
  const config = {
    probes: [{ ...source, params, maps, ...(keys.length === 0 ? {} : { verify: { key: keys } }) }],
    sinks: {
      view: { type: VIEW_SINK },
      prometheus: { type: 'prometheus', naming: 'bumblebee' },
    },
    agent: {
      listen,
      ...registriesOf(source, flags, place.cwd),
      ...(place.storage === undefined ? {} : { storage: resolve(place.cwd, place.storage) }),
    },
  };
  // A dollar would begin a variable.
  return parseConfig(JSON.stringify(config).replaceAll('$', '$$$$'), join(place.cwd, 'bee-run.yaml'), {});
}

/** For signatures that the store has not: the image itself is there by then. */
function registriesOf(source: ProbeSource, flags: RegistryFlags, cwd: string): Record<string, unknown> {
  if ('file' in source) return {};
  const { insecure, plainHttp, caFile } = flags;
  const settings = {
    ...(plainHttp ? { plain_http: true } : {}),
    ...(insecure && !plainHttp ? { insecure } : {}),
    ...(caFile === undefined || plainHttp ? {} : { ca: resolve(cwd, caFile) }),
  };
  const { registry } = networkReference(parseReference(source.image));
  return Object.keys(settings).length === 0 ? {} : { registries: { [registry]: settings } };
}

/**
 * A file when it is there and looks like one, or is an object, whatever it is called: so BumbleBee has it. What has a tag
 * or digest is a reference all the same: nobody's file in the working folder stands in for an image.
 */
export function sourceOf(source: string, cwd: string): ProbeSource {
  const file = resolve(cwd, source);
  if (source.endsWith('.o')) return { file };
  if (/^\.{0,2}\//.test(source)) return existsSync(file) ? { file } : { image: source };
  return !/[:@]/.test(source) && isElfFile(file) ? { file } : { image: source };
}

const ELF_MAGIC = Buffer.from('\x7fELF');

function isElfFile(path: string): boolean {
  // What is no regular file is not opened: a FIFO would be waited for.
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  const head = Buffer.alloc(ELF_MAGIC.length);
  try {
    const fd = openSync(path, 'r');
    try {
      readSync(fd, head);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
  return head.equals(ELF_MAGIC);
}

/** Numbers and booleans as YAML has them; anything else stays text. Integers keep every digit. */
function plainValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) && String(number) === text ? number : text;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new CliError('USAGE', `--prom-port ${JSON.stringify(text)}: expected a port from 0 to 65535`);
  return port;
}
