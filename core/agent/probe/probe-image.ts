import { type AgentConfig, formatDuration, type ProbeConfig } from '../../../config/index.js';
import { checkSoundness, type ObjectSpec, parseObject } from '../../bpf/index.js';
import {
  AllowList,
  type ImageStores,
  OciError,
  type OciErrorCode,
  openStores,
  type Probe,
  parseReference,
  pullImage,
  type Reference,
  type Registries,
  type RegistryOptions,
  readLinkedFile,
  withDefaultTag,
} from '../../oci/index.js';
import { AgentError, messageOf } from '../error.js';
import type { Logger } from '../logger.js';
import { ImageGate } from './image-gate.js';
import { openRegistries } from './registries.js';

/** The bytes of a probe, and what they say. */
export interface ProbeImage {
  readonly program: Uint8Array;
  readonly spec: ObjectSpec;
  /** Digest of the manifest, for an image. */
  readonly digest?: string;
}

const MAX_FILE_BYTES = 64 << 20;

/** A pull that takes longer says how far it is, ms. */
const PROGRESS_MS = 5_000;

/** What the agent's config says of all images. */
export interface ImageSettings extends Pick<AgentConfig, 'storage' | 'allow' | 'registries' | 'pullTimeout'> {
  /** Instead of the credentials that `bee login` and Docker keep. */
  readonly credential?: RegistryOptions['credential'];
}

/** Who waits for an image, where the network may be used. */
export interface ImageUse {
  readonly log: Logger;
  /** Aborted when the agent ends. */
  readonly stop: AbortSignal;
  /** Called before a registry is asked, for the image or its signatures: that may take as long as `pullTimeout`. */
  readonly onPull: () => void;
}

/**
 * Read a probe from the store or a file: allowed, its digest verified, and signed where the config asks for it. What
 * was verified is what is returned: these very bytes. With `use` the probe's pull policy holds; without it the network
 * is not used.
 */
export async function readProbeImage(
  config: ProbeConfig,
  settings: ImageSettings,
  use?: ImageUse,
): Promise<ProbeImage> {
  if ('file' in config.source) {
    return specified({ program: await readObjectFile(config.source.file) });
  }
  const reference = parseReference(config.source.image);
  if (settings.allow !== undefined) new AllowList(settings.allow).require(reference);
  const stores = openStores({ storage: settings.storage, env: process.env });
  const gate = await ImageGate.open(config.verify, stores, use?.log);
  const { program, digest } = use
    ? await readByPolicy(reference, config.pull, { ...use, stores, gate, settings })
    : await readStored(reference, { stores, gate });
  return specified({ program, digest });
}

/** Checked whole, so that `--check` finds what loading would. */
function specified(read: Omit<ProbeImage, 'spec'>): ProbeImage {
  checkSoundness(read.program);
  return { ...read, spec: parseObject(read.program) };
}

interface Reading extends ImageUse {
  readonly stores: ImageStores;
  readonly gate: ImageGate;
  readonly settings: ImageSettings;
}

/** A registry that is down does not stop what is in the store; one that answers no, and an image that is not trusted, do. */
async function readByPolicy(
  reference: Reference,
  policy: ProbeConfig['pull'],
  reading: Reading,
): Promise<Probe> {
  if (policy === 'never') return readStored(reference, reading);
  const registries = await openRegistries(reading.settings.registries, reading.settings.credential);
  try {
    return policy === 'always'
      ? await pulledOrStored(reference, reading, registries)
      : await storedOrPulled(reference, reading, registries);
  } finally {
    await registries.close();
  }
}

async function pulledOrStored(
  reference: Reference,
  reading: Reading,
  registries: Registries,
): Promise<Probe> {
  try {
    return await pull(reference, reading, registries);
  } catch (error) {
    if (isOwn(error)) return await storedIfSame(reference, reading, registries, error);
    if (!isDown(error)) throw answered(error);
    const probe = await readStored(reference, reading, registries).catch((failure) => {
      throw failure instanceof OciError && failure.code === 'NOT_FOUND' ? error : failure;
    });
    reading.log.warn(`pulling failed, the image in the store is used: ${messageOf(error)}`);
    return probe;
  }
}

/**
 * Whether a pull failed for want of an answer: nobody there, silence, overload (429, 5xx), no end within
 * `pull_timeout`, all of that for an image's signatures, too. A registry that answers otherwise has been heard: it may
 * have withdrawn the image, or lies.
 */
function isDown(error: unknown): boolean {
  if (!(error instanceof OciError)) return false;
  return error.code === 'UNREACHABLE' || (error.code === 'UNTRUSTED' && isDown(error.cause));
}

/** What goes wrong on this machine: of a store that is full, read-only, locked or damaged, and of its settings. */
const OWN: ReadonlySet<string> = new Set<OciErrorCode>([
  'IO',
  'LOCKED',
  'UNSAFE_PATH',
  'INVALID_STORE',
  'INVALID_PROXY',
  'INVALID_CREDENTIALS',
]);

function isOwn(error: unknown): error is OciError {
  return error instanceof OciError && OWN.has(error.code);
}

/** A store that cannot be written runs what it has where that is what the registry has; `error` is thrown otherwise. */
async function storedIfSame(
  reference: Reference,
  reading: Reading,
  registries: Registries,
  error: OciError,
): Promise<Probe> {
  const { settings, stop, log } = reading;
  const signal = AbortSignal.any([AbortSignal.timeout(settings.pullTimeout), stop]);
  const there = await registries.resolve(withDefaultTag(reference), { signal }).catch(() => undefined);
  if (there === undefined) throw error;
  const probe = await readStored(reference, reading, registries).catch((failure) => {
    throw failure instanceof OciError && failure.code === 'UNTRUSTED' ? failure : error;
  });
  // The first document is what the name stands for.
  if (probe.documents[0]?.descriptor.digest !== there.digest) throw error;
  log.warn(`pulling failed, but the store has the registry's image, which is used: ${error.message}`);
  return probe;
}

function answered(error: unknown): unknown {
  if (!(error instanceof OciError) || error.code === 'UNTRUSTED' || error.code === 'ABORTED') return error;
  const message = `${error.message}; with pull: always the store's image runs only where the registry is down`;
  return new AgentError('PROBE_FAILED', message, { cause: error });
}

async function storedOrPulled(
  reference: Reference,
  reading: Reading,
  registries: Registries,
): Promise<Probe> {
  try {
    return await readStored(reference, reading, registries);
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'NOT_FOUND') throw error;
    return await pull(reference, reading, registries).catch((failure) => {
      if (failure instanceof OciError && failure.code === 'UNTRUSTED') throw failure;
      const message = `${error.message}, and pulling it failed: ${messageOf(failure)}`;
      throw new AgentError('PROBE_FAILED', message, { cause: failure });
    });
  }
}

async function readStored(
  reference: Reference,
  { stores, gate, stop, onPull }: Pick<Reading, 'stores' | 'gate'> & Partial<Reading>,
  registries?: Registries,
): Promise<Probe> {
  const probe = await stores.readProbe(reference).catch((error) => {
    // As typed first, as BumbleBee has it; without a tag, also what was pulled for it.
    const pulled = withDefaultTag(reference);
    if (pulled === reference || !(error instanceof OciError) || error.code !== 'NOT_FOUND') throw error;
    return stores.readProbe(pulled).catch(() => Promise.reject(error));
  });
  if (registries !== undefined && !gate.isOpen) onPull?.();
  await gate.check(reference, probe.documents, registries, stop);
  return probe;
}

async function pull(image: Reference, reading: Reading, registries: Registries): Promise<Probe> {
  const { stores, gate, log, stop, settings, onPull } = reading;
  const reference = withDefaultTag(image);
  const late = AbortSignal.timeout(settings.pullTimeout);
  const signal = AbortSignal.any([late, stop]);
  onPull();
  let moved = 0;
  const timer = setInterval(
    () => log.info(`pulling ${reference.text}: ${Math.round(moved / 1000)} kB so far`),
    PROGRESS_MS,
  );
  try {
    const { digest } = await pullImage(registries, stores.primary, reference, {
      signal,
      progress: (bytes) => {
        moved += bytes;
      },
      ...(gate.isOpen ? {} : { check: (documents) => gate.check(reference, documents, registries, signal) }),
    });
    log.info(`pulled ${reference.text} ${digest}`);
  } catch (error) {
    if (!late.aborted || stop.aborted) throw error;
    const message = `${reference.text} was not pulled within ${formatDuration(settings.pullTimeout)} (agent.pull_timeout)`;
    throw new OciError('UNREACHABLE', message, { cause: error });
  } finally {
    clearInterval(timer);
  }
  return readStored(reference, reading, registries);
}

async function readObjectFile(file: string): Promise<Uint8Array> {
  const failed = (why: string, cause?: unknown): AgentError => new AgentError('PROBE_FAILED', why, { cause });
  const bytes = await readLinkedFile(file, MAX_FILE_BYTES).catch((cause: OciError) => {
    if (cause.code === 'TOO_LARGE') throw failed(`${cause.message}: that is no BPF object`, cause);
    // A FIFO would be waited for, and a device has no end.
    if (cause.code === 'UNSAFE_PATH') throw failed(`${file} is no regular file`, cause);
    throw failed(cause.message, cause);
  });
  if (bytes === undefined) throw failed(`${file}: no such file`);
  return bytes;
}
