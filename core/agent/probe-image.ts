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

/**
 * Read a probe from the store or a file, its digest verified. With a logger the probe's pull policy holds; without
 * one the network is not used.
 */
export async function readProbeImage(
  config: ProbeConfig,
  storage: string | undefined,
  log?: Logger,
): Promise<ProbeImage> {
  if ('file' in config.source) {
    return specified({ program: await readObjectFile(config.source.file) });
  }
  const { image } = config.source;
  const stores = openStores({ storage, env: process.env });
  const { program, digest } = log
    ? await readByPolicy(image, config.pull, stores, log)
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
): Promise<Probe> {
  if (policy === 'never') return stores.readProbe(image);
  if (policy === 'always') {
    try {
      return await pull(image, stores, log);
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
    return await pull(image, stores, log).catch((failure) => {
      throw new AgentError('PROBE_FAILED', `${error.message}, and pulling it failed: ${messageOf(failure)}`, {
        cause: failure,
      });
    });
  }
}

async function pull(image: string, stores: ImageStores, log: Logger): Promise<Probe> {
  const reference = withDefaultTag(parseReference(image));
  const { files } = credentialFiles({ env: process.env });
  const registries = new Registries({ credential: (registry) => findCredential(registry, { files }) });
  try {
    const { digest } = await pullImage(registries, stores.primary, reference, {
      signal: AbortSignal.timeout(PULL_MS),
    });
    log.info(`pulled ${reference.text} ${digest}`);
    return await stores.readProbe(reference);
  } finally {
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
