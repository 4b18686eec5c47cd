import { readFile, stat } from 'node:fs/promises';
import type { ProbeConfig } from '../../config/index.js';
import { checkSoundness, type ObjectSpec, parseObject } from '../bpf/index.js';
import {
  credentialFiles,
  findCredential,
  type ImageStores,
  OciError,
  openStores,
  type Probe,
  parseReference,
  pullImage,
  Registries,
  withDefaultTag,
} from '../oci/index.js';
import { AgentError, messageOf } from './error.js';
import type { Logger } from './logger.js';

/** The bytes of a probe, and what they say. */
export interface ProbeImage {
  readonly program: Uint8Array;
  readonly spec: ObjectSpec;
  /** Digest of the manifest, for an image. */
  readonly digest?: string;
}

const MAX_FILE_BYTES = 64 << 20;

/** A pull that takes longer has failed. */
const PULL_MS = 120_000;
/** A registry that is silent for so long is not waited for: another probe, or the image in the store, may be ready. */
const PATIENCE = { connectTimeout: 10_000, headerTimeout: 15_000, idleTimeout: 15_000, attempts: 3 };
/** A pull that takes longer says how far it is, ms. */
const PROGRESS_MS = 5_000;

/**
 * Read a probe from the store or a file, its digest verified. With a logger the probe's pull policy holds; without
 * one the network is not used.
 */
export async function readProbeImage(
  config: ProbeConfig,
  storage: string | undefined,
  log?: Logger,
  signal?: AbortSignal,
): Promise<ProbeImage> {
  if ('file' in config.source) {
    return specified({ program: await readObjectFile(config.source.file) });
  }
  const { image } = config.source;
  const stores = openStores({ storage, env: process.env });
  const { program, digest } = log
    ? await readByPolicy(image, config.pull, stores, log, signal)
    : await stores.readProbe(image);
  return specified({ program, digest });
}

/** Checked whole, so that `--check` finds what loading would. */
function specified(read: Omit<ProbeImage, 'spec'>): ProbeImage {
  checkSoundness(read.program);
  return { ...read, spec: parseObject(read.program) };
}

/** A registry that is down does not stop what is in the store. */
async function readByPolicy(
  image: string,
  policy: ProbeConfig['pull'],
  stores: ImageStores,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<Probe> {
  if (policy === 'never') return stores.readProbe(image);
  if (policy === 'always') {
    try {
      return await pull(image, stores, log, signal);
    } catch (error) {
      const probe = await stores.readProbe(image).catch(() => undefined);
      if (!probe) throw error;
      log.warn(`pulling failed, the image in the store is used: ${messageOf(error)}`);
      return probe;
    }
  }
  try {
    return await stores.readProbe(image);
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'NOT_FOUND') throw error;
    return await pull(image, stores, log, signal).catch((failure) => {
      throw new AgentError('PROBE_FAILED', `${error.message}, and pulling it failed: ${messageOf(failure)}`, {
        cause: failure,
      });
    });
  }
}

async function pull(
  image: string,
  stores: ImageStores,
  log: Logger,
  stop: AbortSignal | undefined,
): Promise<Probe> {
  const reference = withDefaultTag(parseReference(image));
  const { files } = credentialFiles({ env: process.env });
  const credential = (registry: string) => findCredential(registry, { files });
  const registries = new Registries({ ...PATIENCE, credential });
  const late = AbortSignal.timeout(PULL_MS);
  let moved = 0;
  const timer = setInterval(
    () => log.info(`pulling ${reference.text}: ${Math.round(moved / 1000)} kB so far`),
    PROGRESS_MS,
  );
  try {
    const { digest } = await pullImage(registries, stores.primary, reference, {
      signal: stop === undefined ? late : AbortSignal.any([late, stop]),
      progress: (bytes) => {
        moved += bytes;
      },
    });
    log.info(`pulled ${reference.text} ${digest}`);
    return await stores.readProbe(reference);
  } finally {
    clearInterval(timer);
    await registries.close();
  }
}

async function readObjectFile(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES)
      throw new AgentError('PROBE_FAILED', `${file} has ${size} bytes: that is no BPF object`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AgentError('PROBE_FAILED', code === 'ENOENT' ? `${file}: no such file` : message, {
      cause: error,
    });
  }
}
