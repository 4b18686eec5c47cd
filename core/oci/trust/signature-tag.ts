import { annotation, type Descriptor } from '../descriptor.js';
import { type Digest, digestOf, digestParts } from '../digest.js';
import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import { decodeJson, encodeJson, isRecord } from '../json.js';
import { MAX_CONFIG, MAX_MANIFEST } from '../limits.js';
import { parseManifest } from '../manifest.js';
import { MANIFEST } from '../media-types.js';
import type { Reference } from '../reference.js';
import type { Registries } from '../registry/index.js';
import { MAX_SIGNATURES } from './signature-image.js';
import { SIGNATURE_ANNOTATION } from './simple-signing.js';

/** A manifest of signatures, and everything that it names. */
export interface WholeImage {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

/** Where cosign puts signatures beside an image: one manifest for all of them, a layer each. */
export function signatureTag(subject: Digest): string {
  const { algorithm, hex } = digestParts(subject);
  return `${algorithm}-${hex}.sig`;
}

/**
 * What has to go under a signature tag so that it holds the signatures of `ours` and all that are there: one of ours as
 * it is where that has them all, a manifest of both otherwise, as cosign itself adds to one. Undefined: nothing, all
 * are there.
 */
export async function tagImage(
  registries: Registries,
  tag: Reference,
  ours: readonly WholeImage[],
  signal: AbortSignal | undefined,
): Promise<WholeImage | undefined> {
  const there = await registries.resolve(tag, options(signal));
  const bytes =
    there && (await registries.fetch(there, { reference: tag, limit: MAX_MANIFEST, ...options(signal) }));
  const manifests = ours.map(({ manifest }) => manifest);
  if (there && bytes) manifests.unshift({ descriptor: there, bytes });
  const documents = manifests.map(documentOf);
  const all = new Map(documents.flatMap(({ layers }) => layers.map((layer) => [layer.key, layer.raw])));
  const complete = manifests.find(
    (_, i) => new Set(documents[i]?.layers.map(({ key }) => key)).size === all.size,
  );
  if (complete !== undefined) return ours.find(({ manifest }) => manifest === complete);
  if (all.size > MAX_SIGNATURES)
    throw new OciError(
      'TOO_LARGE',
      `${tag.text} would have ${all.size} signatures, more than the ${MAX_SIGNATURES} that are looked at`,
    );
  const [first] = documents;
  if (first === undefined) return undefined;
  const config =
    there === undefined
      ? ours[0]?.config.bytes
      : await registries.fetch(first.config, { reference: tag, limit: MAX_CONFIG, ...options(signal) });
  const added = [...all].filter(([key]) => !first.layers.some((layer) => layer.key === key));
  return merged(
    first,
    config ?? new Uint8Array(),
    added.map(([, raw]) => raw),
    ours,
  );
}

interface TagDocument {
  readonly raw: Record<string, unknown>;
  readonly config: Descriptor;
  /** `key`: two layers with the same are one signature. `raw`: as it was written. */
  readonly layers: readonly { readonly key: string; readonly raw: unknown }[];
}

function documentOf({ descriptor, bytes }: Blob): TagDocument {
  const where = `manifest ${descriptor.digest}`;
  const document = parseManifest(bytes, descriptor.mediaType, where);
  const raw = decodeJson(bytes);
  if (document.kind === 'index' || !isRecord(raw) || !Array.isArray(raw.layers))
    throw new OciError('INVALID_MANIFEST', `${where} under a signature tag is no manifest of signatures`);
  const written: readonly unknown[] = raw.layers;
  const layers = document.layers.map(({ digest, annotations }, i) => ({
    key: `${digest} ${annotation(annotations, SIGNATURE_ANNOTATION) ?? ''}`,
    raw: written[i],
  }));
  return { raw, config: document.config, layers };
}

function merged(
  first: TagDocument,
  firstConfig: Uint8Array,
  added: readonly unknown[],
  ours: readonly WholeImage[],
): WholeImage {
  const bytes = withLayers(firstConfig, added);
  const config: Blob = {
    descriptor: { mediaType: first.config.mediaType, digest: digestOf(bytes), size: bytes.length },
    bytes,
  };
  const layers = [...first.layers.map(({ raw }) => raw), ...added];
  const text = encodeJson({ ...first.raw, config: config.descriptor, layers });
  return {
    manifest: { descriptor: { mediaType: MANIFEST, digest: digestOf(text), size: text.length }, bytes: text },
    config,
    // What the registry has already is not sent again.
    layers: [
      ...new Map(ours.flatMap((one) => one.layers).map((one) => [one.descriptor.digest, one])).values(),
    ],
  };
}

/** cosign's config is a container image's, with a `diff_id` a layer: the layer's digest, since none is compressed. */
function withLayers(config: Uint8Array, added: readonly unknown[]): Uint8Array {
  let document: unknown;
  try {
    document = decodeJson(config);
  } catch {
    return config;
  }
  if (!isRecord(document) || !isRecord(document.rootfs) || !Array.isArray(document.rootfs.diff_ids))
    return config;
  const digests = added.flatMap((layer) => (isRecord(layer) ? [layer.digest] : []));
  const { history } = document;
  return encodeJson({
    ...document,
    ...(Array.isArray(history)
      ? { history: [...history, ...digests.map(() => ({ created: '0001-01-01T00:00:00Z' }))] }
      : {}),
    rootfs: { ...document.rootfs, diff_ids: [...document.rootfs.diff_ids, ...digests] },
  });
}

function options(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
