import type { Descriptor } from './descriptor.js';
import { OciError } from './error.js';
import type { Blob } from './image.js';
import { MAX_MANIFEST, MAX_PROGRAM } from './limits.js';
import { type Manifest, parseManifest } from './manifest.js';
import { parseReference, type Reference } from './reference.js';
import type { Progress, Registries } from './registry/index.js';
import type { FetchOptions, ImageSource } from './source.js';
import type { ImageStore } from './store.js';

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  /** Once a document or blob, before it is moved: what it is, and its bytes. */
  readonly onPart?: (what: string, descriptor: Descriptor) => void;
  readonly progress?: Progress;
}

/** Bytes of everything that one image may bring: an index has many. */
const MAX_IMAGE = 1024 * 1024 * 1024;

/** An image whole: its own document, and everything below it. */
interface WholeImage {
  readonly top: Blob;
  /** Manifests of an index; none of a manifest. */
  readonly manifests: readonly Blob[];
  readonly blobs: readonly Blob[];
}

/**
 * Copy an image, whole and verified, from a registry to a store under the reference as typed. Returns its
 * descriptor. `NOT_FOUND` where the registry has none.
 */
export async function pullImage(
  registries: Registries,
  store: ImageStore,
  reference: Reference,
  options: TransferOptions = {},
): Promise<Descriptor> {
  const descriptor = await registries.resolve(reference, signalOf(options));
  if (descriptor === undefined)
    throw new OciError('NOT_FOUND', `the registry has no image ${reference.text}`);
  const { top, manifests, blobs } = await readWhole(registries, descriptor, reference, options);
  await store.putImage(reference.text, top, [...blobs, ...manifests]);
  return descriptor;
}

/** Copy an image from a store to a registry: blobs first, its own document last. Returns its descriptor. */
export async function pushImage(
  store: ImageStore,
  registries: Registries,
  reference: Reference,
  options: TransferOptions & { /** Where to, if not where it is named. */ readonly to?: Reference } = {},
): Promise<Descriptor> {
  const descriptor = await store.resolve(reference);
  if (descriptor === undefined)
    throw new OciError('NOT_FOUND', `no image ${reference.text} in the store ${store.folder}`);
  const image = await readWhole(store, descriptor, reference, signalOf(options));
  const to = options.to ?? reference;
  const signal = signalOf(options);
  for (const blob of image.blobs) {
    options.onPart?.('blob', blob.descriptor);
    await registries.pushBlob(to, blob, {
      ...signal,
      ...(options.progress ? { progress: options.progress } : {}),
    });
  }
  for (const manifest of image.manifests)
    await registries.pushManifest(to, manifest, { ...signal, byDigest: true });
  options.onPart?.('manifest', image.top.descriptor);
  await registries.pushManifest(to, image.top, signal);
  return descriptor;
}

async function readWhole(
  source: ImageSource,
  descriptor: Descriptor,
  reference: Reference,
  options: TransferOptions,
): Promise<WholeImage> {
  let total = 0;
  const read = async (what: string, from: Descriptor, limit: number): Promise<Blob> => {
    total += from.size;
    if (total > MAX_IMAGE)
      throw new OciError('TOO_LARGE', `${reference.text} has more than the ${MAX_IMAGE} bytes allowed`);
    options.onPart?.(what, from);
    const fetchOptions: FetchOptions & { progress?: Progress } = {
      reference,
      limit,
      ...signalOf(options),
      ...(options.progress ? { progress: options.progress } : {}),
    };
    return { descriptor: from, bytes: await source.fetch(from, fetchOptions) };
  };
  const parse = ({ descriptor: from, bytes }: Blob) =>
    parseManifest(bytes, from.mediaType, `manifest ${from.digest}`);
  const blobs = new Map<string, Blob>();
  const readParts = async ({ config, layers }: Manifest): Promise<void> => {
    for (const part of [config, ...layers])
      if (!blobs.has(part.digest)) blobs.set(part.digest, await read('blob', part, MAX_PROGRAM));
  };

  const top = await read('manifest', descriptor, MAX_MANIFEST);
  const document = parse(top);
  const manifests: Blob[] = [];
  if (document.kind === 'manifest') await readParts(document);
  else {
    for (const entry of document.manifests) {
      const inner = await read('manifest', entry, MAX_MANIFEST);
      const manifest = parse(inner);
      if (manifest.kind !== 'manifest')
        throw new OciError('INVALID_MANIFEST', `${reference.text}: an image index within an image index`);
      manifests.push(inner);
      await readParts(manifest);
    }
  }
  return { top, manifests, blobs: [...blobs.values()] };
}

function signalOf({ signal }: { readonly signal?: AbortSignal | undefined }): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** A reference that a registry can be asked for: with a tag, or a digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return parseReference(`${reference.text}:latest`);
}
