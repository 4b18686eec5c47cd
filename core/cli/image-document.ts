import {
  type Descriptor,
  type ImageIndex,
  type ImageSource,
  limits,
  type Manifest,
  networkReference,
  OciError,
  parseManifest,
  type Reference,
  type Registries,
  runsOn,
} from '../oci/index.js';
import { targetsOf } from './compiler/index.js';
import type { Context } from './context.js';
import { CliError } from './errors.js';
import { openRegistries, type RegistryFlags } from './registry-flags.js';

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
  /** Present when the image is read from a registry. */
  readonly registries?: Registries;
  /** Let go of the registry, where the image is read from one. */
  close(): Promise<void>;
}

/**
 * Read an image of the local stores, or else of the registry that the reference names: nothing is stored. Of several
 * machines' images the one for `arch`: by default this machine's, and where there is none, the first.
 */
export async function readImage(
  reference: Reference,
  arch: string | undefined,
  context: Context,
  flags: RegistryFlags = {},
): Promise<ImageDocuments> {
  const { signal } = context.host;
  const searched: string[] = [];
  for (const store of context.stores().all) {
    const descriptor = await store.resolve(reference);
    if (descriptor !== undefined) return readFrom(store, reference, descriptor, arch, signal);
    searched.push(store.folder);
  }
  const missing = `no image ${reference.text} in the store ${searched.join(', nor in ')}`;
  if (!namesRegistry(reference)) throw new CliError('IO', missing, { hint: HINT });
  const registries = openRegistries(flags, context);
  try {
    const descriptor = await registries.resolve(reference, { signal });
    if (descriptor === undefined) throw new CliError('IO', `${missing}, nor in its registry`, { hint: HINT });
    const image = await readFrom(registries, reference, descriptor, arch, signal);
    const from = networkReference(reference).registry;
    return { ...image, from, registries, close: () => registries.close() };
  } catch (error) {
    await registries.close();
    if (!(error instanceof OciError) || error.code !== 'UNREACHABLE') throw error;
    throw new CliError('IO', `${missing}, and ${error.message}`, { hint: HINT, cause: error });
  }
}

const HINT = '`bee list` shows the images that are there; a file needs its extension .o or a path: ./NAME';

/** A name without a registry would be looked for at Docker Hub: a typing error is not sent there. */
function namesRegistry(reference: Reference): boolean {
  return reference.name.startsWith(`${networkReference(reference).registry}/`);
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
    close: async () => {},
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
