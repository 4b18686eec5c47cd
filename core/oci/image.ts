import { machine } from 'node:os';
import { type Annotations, annotation, type Descriptor } from './descriptor.js';
import { type Digest, digestOf } from './digest.js';
import { OciError } from './error.js';
import { encodeJson } from './json.js';
import { MAX_CONFIG, MAX_MANIFEST, MAX_PROGRAM } from './limits.js';
import { type ImageIndex, type Manifest, parseManifest } from './manifest.js';
import { AUTHORS, DESCRIPTION, MANIFEST, PROBE_CONFIG, PROBE_PROGRAM, TITLE } from './media-types.js';
import { type Platform, runsOn } from './platform.js';
import type { Reference } from './reference.js';
import type { FetchOptions, ImageSource, SourceOptions } from './source.js';

/** An eBPF program as an image has it, all of it verified. */
export interface Probe {
  readonly reference: Reference;
  /** The ELF object. */
  readonly program: Uint8Array;
  /** Digest of the manifest: what the image is pinned by. */
  readonly digest: Digest;
  /** Of the manifest, with the platform it was built on. */
  readonly descriptor: Descriptor;
  /** What a signature may name: the index where the reference stands for one, and the manifest that it names. */
  readonly documents: readonly Blob[];
  readonly manifest: Manifest;
  readonly description?: string;
  readonly authors?: string;
  /** Where it was found: {@link ImageSource.label}. */
  readonly from: string;
}

/** What `bee build` says of a program. */
export interface ProbeDetails {
  readonly description?: string;
  readonly authors?: string;
  /** Further manifest annotations. */
  readonly annotations?: Annotations;
  /** The config blob: a JSON object. Default: `{}`, as BumbleBee writes it; it reads any. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Written into the manifest's descriptor, as BumbleBee does: it is no part of the digest. */
  readonly platform?: Platform;
}

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The three blobs of a probe image. */
export interface ProbeImage {
  readonly config: Blob;
  readonly program: Blob;
  readonly manifest: Blob;
}

/**
 * Make an image of a program, byte for byte as BumbleBee makes it: config (`{}` by default) titled `config.json`, one layer
 * titled `program.o`, no media type inside the manifest, annotations only where there are some, sorted.
 */
export function buildProbeImage(program: Uint8Array, details: ProbeDetails = {}): ProbeImage {
  if (program.length > MAX_PROGRAM) {
    throw new OciError(
      'TOO_LARGE',
      `the program has ${program.length} bytes, more than the ${MAX_PROGRAM} allowed`,
    );
  }
  const config = blob(PROBE_CONFIG, encodeJson(details.config ?? {}), { [TITLE]: 'config.json' });
  const layer = blob(PROBE_PROGRAM, program, { [TITLE]: 'program.o' });
  const annotations = sorted({
    ...details.annotations,
    ...(details.authors ? { [AUTHORS]: details.authors } : {}),
    ...(details.description ? { [DESCRIPTION]: details.description } : {}),
  });
  const document = {
    schemaVersion: 2,
    config: config.descriptor,
    layers: [layer.descriptor],
    ...(annotations === undefined ? {} : { annotations }),
  };
  const { descriptor, bytes } = blob(MANIFEST, encodeJson(document));
  const platform = details.platform === undefined ? {} : { platform: details.platform };
  return { config, program: layer, manifest: { descriptor: { ...descriptor, ...platform }, bytes } };
}

/**
 * Read a probe from a source. `undefined` when the source has no such image.
 *
 * An image index is followed to the manifest for `architecture` (default: this machine's). The config is
 * fetched too, only to know that it is whole; what it holds is not looked at.
 */
export async function readProbe(
  source: ImageSource,
  reference: Reference,
  options: SourceOptions & { architecture?: string } = {},
): Promise<Probe | undefined> {
  const resolved = await source.resolve(reference, options);
  if (resolved === undefined) return undefined;

  const fetchOptions = (limit: number): FetchOptions => ({
    reference,
    limit,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const { documents, descriptor, manifest } = await readManifest(
    source,
    resolved,
    reference,
    options.architecture,
    fetchOptions,
  );
  const layer = programLayer(manifest, reference);
  await source.fetch(manifest.config, fetchOptions(MAX_CONFIG));
  const program = await source.fetch(layer, fetchOptions(MAX_PROGRAM));

  const description = annotation(manifest.annotations, DESCRIPTION);
  const authors = annotation(manifest.annotations, AUTHORS);
  return {
    reference,
    program,
    digest: descriptor.digest,
    descriptor,
    documents,
    manifest,
    ...(description === undefined ? {} : { description }),
    ...(authors === undefined ? {} : { authors }),
    from: source.label,
  };
}

/** The documents on the way to the manifest, and the manifest. */
async function readManifest(
  source: ImageSource,
  descriptor: Descriptor,
  reference: Reference,
  architecture: string = machine(),
  fetchOptions: (limit: number) => FetchOptions,
): Promise<{ documents: readonly Blob[]; descriptor: Descriptor; manifest: Manifest }> {
  const read = async (from: Descriptor) => {
    const bytes = await source.fetch(from, fetchOptions(MAX_MANIFEST));
    return {
      blob: { descriptor: from, bytes },
      content: parseManifest(bytes, from.mediaType, `manifest ${from.digest}`),
    };
  };

  const first = await read(descriptor);
  if (first.content.kind === 'manifest')
    return { documents: [first.blob], descriptor, manifest: first.content };

  const chosen = manifestFor(first.content, architecture);
  if (chosen === undefined) {
    throw new OciError('NOT_A_PROBE', `${reference.text} has no program for ${architecture}`);
  }
  const second = await read(chosen);
  if (second.content.kind !== 'manifest') {
    throw new OciError('INVALID_MANIFEST', `${reference.text}: an image index within an image index`);
  }
  return { documents: [first.blob, second.blob], descriptor: chosen, manifest: second.content };
}

/**
 * Which manifest of an index is for a machine, by uname's or Go's name; default: this one. An index's only manifest
 * may leave out what it is for.
 */
export function manifestFor(index: ImageIndex, architecture: string = machine()): Descriptor | undefined {
  const [only, ...others] = index.manifests;
  if (only !== undefined && others.length === 0 && only.platform === undefined) return only;
  return index.manifests.find(({ platform }) => platform !== undefined && runsOn(platform, architecture));
}

/** The only layer of BumbleBee's type. Other layers are others' business. */
function programLayer(manifest: Manifest, reference: Reference): Descriptor {
  const programs = manifest.layers.filter((layer) => layer.mediaType === PROBE_PROGRAM);
  const [only] = programs;
  if (only === undefined || programs.length > 1) {
    const found = programs.length === 0 ? 'no layer' : `${programs.length} layers`;
    throw new OciError(
      'NOT_A_PROBE',
      `${reference.text} is not an eBPF image: ${found} of type ${PROBE_PROGRAM}`,
    );
  }
  return only;
}

function blob(mediaType: string, bytes: Uint8Array, annotations?: Annotations): Blob {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  return { descriptor: annotations === undefined ? descriptor : { ...descriptor, annotations }, bytes };
}

function sorted(annotations: Annotations): Annotations | undefined {
  const entries = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
