import type { Descriptor } from './descriptor.js';
import { OciError } from './error.js';
import { type Blob, manifestFor } from './image.js';
import { MAX_MANIFEST, MAX_PROGRAM } from './limits.js';
import { parseManifest } from './manifest.js';
import { mountSource } from './mount.js';
import { parseReference, type Reference } from './reference.js';
import type { Progress, Registries } from './registry/index.js';
import type { ImageSource } from './source.js';
import type { ImageStore } from './store.js';
import {
  copySignatures,
  keepSignature,
  keepSignatures,
  type PushedSignatures,
  pushSignatures,
  type Verified,
} from './trust/index.js';

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  /** Once a document or blob, before it is moved: what it is, and its bytes. */
  readonly onPart?: (what: string, descriptor: Descriptor) => void;
  readonly progress?: Progress;
}

export interface PullOptions extends TransferOptions {
  /**
   * Judge the image before its blobs are fetched and its name is stored: a throw refuses it. Given what a signature may name: the
   * index where the reference stands for one, and its manifest for this machine.
   */
  readonly check?: (documents: readonly Blob[]) => Promise<Verified | undefined>;
}

/** What looking for all signatures may add to a pull, whose image is there by then. */
const SIGNATURES_MS = 10_000;
/** Documents of an index whose signatures are looked for. */
const MAX_SIGNED = 64;

/** Bytes of everything that one image may bring: an index has many. */
const MAX_IMAGE = 1024 * 1024 * 1024;

/** The documents of an image, and what they name. */
interface ImageDocuments {
  readonly top: Blob;
  /** Manifests of an index; none of a manifest. */
  readonly manifests: readonly Blob[];
  /** Configs and layers, each once. */
  readonly blobs: readonly Descriptor[];
}

/**
 * Copy an image, whole and verified, from a registry to a store under the reference as typed, and its signatures
 * beside it. Blobs are stored as they come, the name last: what an interrupted pull has brought, the next one need not
 * fetch. Returns its descriptor. `NOT_FOUND` where the registry has none.
 */
export async function pullImage(
  registries: Registries,
  store: ImageStore,
  reference: Reference,
  options: PullOptions = {},
): Promise<Descriptor> {
  const { signal, onPart, progress } = options;
  const descriptor = await registries.resolve(reference, signalOf(signal));
  if (descriptor === undefined)
    throw new OciError('NOT_FOUND', `the registry has no image ${reference.text}`);
  const { top, manifests, blobs } = await readDocuments(registries, descriptor, reference, options);
  const here = hereOf(top, manifests);
  const verified = await options.check?.(here === undefined ? [top] : [top, here]);
  for (const blob of blobs) {
    if (await store.hasBlob(blob)) continue;
    onPart?.('blob', blob);
    const fetchOptions = {
      reference,
      limit: MAX_PROGRAM,
      ...signalOf(signal),
      ...(progress && { progress }),
    };
    await store.putBlob({ descriptor: blob, bytes: await registries.fetch(blob, fetchOptions) });
  }
  await store.putImage(reference.text, top, manifests, blobs);
  // Not before the name: who removes another image meanwhile would take the signatures of a nameless one with it.
  // A store that takes none was told of by the check, and the image is as good without.
  if (verified !== undefined) await keepSignature(store, verified).catch(() => undefined);
  const others = manifests.filter((manifest) => manifest !== here);
  const documents = [top, ...(here === undefined ? [] : [here]), ...others].slice(0, MAX_SIGNED);
  await keepSignatures(reference, documents, store, registries, briefly(options)).catch(() => 0);
  return descriptor;
}

/** The manifest of an index that is for this machine. */
function hereOf(top: Blob, manifests: readonly Blob[]): Blob | undefined {
  const index = parseManifest(top.bytes, top.descriptor.mediaType, `manifest ${top.descriptor.digest}`);
  const chosen = index.kind === 'index' ? manifestFor(index)?.digest : undefined;
  return manifests.find(({ descriptor }) => descriptor.digest === chosen);
}

function briefly({ signal }: TransferOptions): AbortSignal {
  const late = AbortSignal.timeout(SIGNATURES_MS);
  return signal === undefined ? late : AbortSignal.any([signal, late]);
}

export interface PushOptions extends TransferOptions {
  /** Where to, if not where it is named. */
  readonly to?: Reference;
  /** Whether the signatures that the store has kept of the image go with it. Default true. */
  readonly signatures?: boolean;
}

export interface PushedImage extends Descriptor {
  readonly signatures: PushedSignatures;
}

/**
 * Copy an image from a store to a registry: blobs first, its own document after them, and then its signatures: a
 * registry that takes none has the image nevertheless.
 */
export async function pushImage(
  store: ImageStore,
  registries: Registries,
  reference: Reference,
  options: PushOptions = {},
): Promise<PushedImage> {
  const { signal, onPart, progress, to = reference, signatures = true } = options;
  const descriptor = await store.resolve(reference);
  if (descriptor === undefined)
    throw new OciError('NOT_FOUND', `no image ${reference.text} in the store ${store.folder}`);
  const { top, manifests, blobs } = await readDocuments(store, descriptor, reference, { signal });
  for (const blob of blobs) {
    onPart?.('blob', blob);
    const bytes = await store.fetch(blob, { limit: MAX_PROGRAM });
    const from = await mountSource(store, blob.digest, to);
    const read = async function* () {
      yield bytes;
    };
    await registries.pushBlob(to, { digest: blob.digest, size: blob.size, read }, { signal, from, progress });
  }
  for (const manifest of manifests)
    await registries.pushManifest(to, manifest, { ...signalOf(signal), byDigest: true });
  onPart?.('manifest', top.descriptor);
  await registries.pushManifest(to, top, signalOf(signal));
  const pushed = signatures
    ? await pushSignatures(store, registries, to, [top, ...manifests], signal)
    : { sent: 0, faults: [] };
  return { ...descriptor, signatures: pushed };
}

export interface CopiedImage extends Descriptor {
  /** Why signatures of it were left behind. */
  readonly faults: readonly string[];
}

/**
 * Copy an image from one store to another, verified, under another name, and the signatures that were kept of it.
 * `NOT_FOUND` where `from` has none.
 */
export async function copyImage(
  from: ImageStore,
  to: ImageStore,
  reference: Reference,
  name: Reference,
  options: TransferOptions = {},
): Promise<CopiedImage> {
  const descriptor = await from.resolve(reference);
  if (descriptor === undefined)
    throw new OciError('NOT_FOUND', `no image ${reference.text} in the store ${from.folder}`);
  if (name.digest !== undefined && name.digest !== descriptor.digest)
    throw new OciError('MISMATCH', `${name.text} names a digest, but the image has ${descriptor.digest}`);
  const { top, manifests, blobs } = await readDocuments(from, descriptor, reference, options);
  for (const blob of blobs)
    if (!(await to.hasBlob(blob)))
      await to.putBlob({ descriptor: blob, bytes: await from.fetch(blob, { limit: MAX_PROGRAM }) });
  await to.putImage(name.text, top, manifests, blobs);
  // Not before the name, as with a pull.
  const faults = await copySignatures(from, to, reference, [top, ...manifests], options.signal);
  return { ...descriptor, faults };
}

async function readDocuments(
  source: ImageSource,
  descriptor: Descriptor,
  reference: Reference,
  { signal, onPart }: TransferOptions,
): Promise<ImageDocuments> {
  let total = 0;
  const count = ({ size }: Descriptor): void => {
    total += size;
    if (total > MAX_IMAGE)
      throw new OciError('TOO_LARGE', `${reference.text} has more than the ${MAX_IMAGE} bytes allowed`);
  };
  const read = async (from: Descriptor) => {
    count(from);
    onPart?.('manifest', from);
    const bytes = await source.fetch(from, { reference, limit: MAX_MANIFEST, ...signalOf(signal) });
    return {
      descriptor: from,
      bytes,
      content: parseManifest(bytes, from.mediaType, `manifest ${from.digest}`),
    };
  };

  const top = await read(descriptor);
  const manifests = [];
  for (const entry of top.content.kind === 'index' ? top.content.manifests : [])
    manifests.push(await read(entry));
  const blobs = new Map<string, Descriptor>();
  for (const { content } of top.content.kind === 'index' ? manifests : [top]) {
    if (content.kind === 'index')
      throw new OciError('INVALID_MANIFEST', `${reference.text}: an image index within an image index`);
    for (const part of [content.config, ...content.layers]) {
      if (blobs.has(part.digest)) continue;
      count(part);
      if (part.size > MAX_PROGRAM)
        throw new OciError(
          'TOO_LARGE',
          `${reference.text}: ${part.digest} has ${part.size} bytes, more than the ${MAX_PROGRAM} allowed`,
        );
      blobs.set(part.digest, part);
    }
  }
  return { top, manifests, blobs: [...blobs.values()] };
}

function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** A reference that a registry can be asked for: with a tag, or a digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return parseReference(`${reference.text}:latest`);
}
