import { type Annotations, type Descriptor, parseAnnotations, parseDescriptor } from './descriptor.js';
import { OciError } from './error.js';
import { decodeJson, isRecord } from './json.js';
import { MAX_DESCRIPTORS, MAX_MANIFEST } from './limits.js';
import { INDEX, MANIFEST } from './media-types.js';

/** OCI image spec, manifest.md. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Annotations;
}

/** OCI image spec, image-index.md: one manifest a platform. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Annotations;
}

/**
 * Read bytes whose digest was verified already as what their descriptor's media type says. A document that
 * claims another type inside, or that could be read as either, is refused (the spec's advice since
 * CVE-2021-41190).
 */
export function parseManifest(bytes: Uint8Array, mediaType: string, where: string): Manifest | ImageIndex {
  const value = parseDocument(bytes, where);
  if (value.schemaVersion !== 2) throw invalid(where, 'schemaVersion is not 2');
  if (value.mediaType !== undefined && value.mediaType !== mediaType) {
    throw invalid(where, `it says ${JSON.stringify(value.mediaType)} of itself, its descriptor ${mediaType}`);
  }
  const annotations = parseAnnotations(value.annotations, where);
  const common = annotations === undefined ? {} : { annotations };

  if (mediaType === MANIFEST) {
    if (value.manifests !== undefined) throw invalid(where, 'a manifest with "manifests" could be an index');
    return {
      kind: 'manifest',
      config: parseDescriptor(value.config, `${where}: config`),
      layers: parseDescriptors(value.layers, `${where}: layers`),
      ...common,
    };
  }
  if (mediaType === INDEX) {
    if (value.layers !== undefined || value.config !== undefined) {
      throw invalid(where, 'an index with "layers" or "config" could be a manifest');
    }
    return { kind: 'index', manifests: parseDescriptors(value.manifests, `${where}: manifests`), ...common };
  }
  throw new OciError(
    'NOT_A_PROBE',
    `${where}: ${JSON.stringify(mediaType)} is neither a manifest nor an index`,
  );
}

function parseDocument(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (bytes.length > MAX_MANIFEST) {
    throw new OciError('TOO_LARGE', `${where}: ${bytes.length} bytes, more than the ${MAX_MANIFEST} allowed`);
  }
  let value: unknown;
  try {
    value = decodeJson(bytes);
  } catch (cause) {
    throw new OciError('INVALID_MANIFEST', `${where}: not JSON`, { cause });
  }
  if (!isRecord(value)) throw invalid(where, 'not an object');
  return value;
}

function parseDescriptors(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(where, 'not a list');
  if (value.length > MAX_DESCRIPTORS) throw invalid(where, `more than ${MAX_DESCRIPTORS} entries`);
  return value.map((entry, n) => parseDescriptor(entry, `${where}[${n}]`));
}

function invalid(where: string, why: string): OciError {
  return new OciError('INVALID_MANIFEST', `${where}: ${why}`);
}
