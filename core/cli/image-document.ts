import {
  type Descriptor,
  type ImageIndex,
  type ImageSource,
  limits,
  type Manifest,
  OciError,
  parseManifest,
  type Reference,
  runsOn,
} from '../oci/index.js';
import { targetsOf } from './compiler/index.js';
import type { Context } from './context.js';
import { CliError } from './errors.js';

/** A document of an image: the bytes that have the descriptor's digest, and what they say. */
export interface Document<T> {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly content: T;
}

/** Everything of an image but its program, which is fetched on demand. All of it verified. */
export interface ImageDocuments {
  readonly reference: Reference;
  /** Where it was found: a store's folder, a registry's host. */
  readonly from: string;
  /** Present when the reference stands for images of several machines. */
  readonly index: Document<ImageIndex> | undefined;
  readonly manifest: Document<Manifest>;
  readonly config: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  fetch(descriptor: Descriptor, limit: number): Promise<Uint8Array>;
}

/**
 * Read an image of the local stores. Of several machines' images the one for `arch`: by default this machine's,
 * and where there is none, the first.
 */
export async function readImage(
  reference: Reference,
  arch: string | undefined,
  { stores, host }: Context,
): Promise<ImageDocuments> {
  const searched: string[] = [];
  for (const store of stores().all) {
    const descriptor = await store.resolve(reference);
    if (descriptor !== undefined) return readFrom(store, reference, descriptor, arch, host.signal);
    searched.push(store.folder);
  }
  throw new CliError('IO', `no image ${reference.text} in the store ${searched.join(', nor in ')}`, {
    hint: '`bee list` shows the images that are there; a file needs its extension .o or a path: ./NAME',
  });
}

async function readFrom(
  source: ImageSource,
  reference: Reference,
  top: Descriptor,
  arch: string | undefined,
  signal: AbortSignal,
): Promise<ImageDocuments> {
  const fetch = (descriptor: Descriptor, limit: number) =>
    source.fetch(descriptor, { reference, limit, signal });
  const read = async (descriptor: Descriptor): Promise<Document<Manifest | ImageIndex>> => {
    const bytes = await fetch(descriptor, limits.MAX_MANIFEST);
    const content = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`);
    return { descriptor, bytes, content };
  };
  const first = await read(top);
  const index = isIndex(first) ? first : undefined;
  const second = index === undefined ? first : await read(choose(index.content, arch, reference));
  if (!isManifest(second)) {
    throw new OciError('INVALID_MANIFEST', `${reference.text}: an image index within an image index`);
  }
  if (index === undefined) refuseOtherMachine(top, arch, reference);
  const { config } = second.content;
  return {
    reference,
    from: source.label,
    index,
    manifest: second,
    config: { descriptor: config, bytes: await fetch(config, limits.MAX_CONFIG) },
    fetch,
  };
}

function choose({ manifests }: ImageIndex, arch: string | undefined, reference: Reference): Descriptor {
  const wanted = targetsOf(arch)[0]!.architecture;
  const found = manifests.find(({ platform }) => platform !== undefined && runsOn(platform, wanted));
  if (found !== undefined) return found;
  const [first] = manifests;
  if (first !== undefined && arch === undefined) return first;
  const known = manifests.map(({ platform }) => platform?.architecture ?? 'unknown').join(', ');
  throw new OciError(
    'NOT_A_PROBE',
    `${reference.text} has no program for ${wanted}; it has: ${known || 'none'}`,
  );
}

function refuseOtherMachine({ platform }: Descriptor, arch: string | undefined, reference: Reference): void {
  if (arch === undefined || platform === undefined || platform.architecture === '') return;
  const wanted = targetsOf(arch)[0]!.architecture;
  if (runsOn(platform, wanted)) return;
  throw new OciError('NOT_A_PROBE', `${reference.text} is for ${platform.architecture}, not for ${wanted}`);
}

function isIndex(document: Document<Manifest | ImageIndex>): document is Document<ImageIndex> {
  return document.content.kind === 'index';
}

function isManifest(document: Document<Manifest | ImageIndex>): document is Document<Manifest> {
  return document.content.kind === 'manifest';
}
