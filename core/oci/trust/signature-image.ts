import type { Descriptor } from '../descriptor.js';
import type { Blob } from '../image.js';
import { MAX_CONFIG, MAX_MANIFEST } from '../limits.js';
import { parseManifest } from '../manifest.js';
import { MANIFEST } from '../media-types.js';
import type { Reference } from '../reference.js';
import type { ImageSource } from '../source.js';
import { isBundle } from './bundle.js';
import { Malformed } from './malformed.js';
import { SIMPLE_SIGNING } from './simple-signing.js';

/** A manifest whose layers are signatures, and what of it was fetched. All of it has its digest. */
export interface SignatureImage {
  readonly manifest: Blob;
  /** Absent where no layer is a signature: nobody needs it then. */
  readonly config?: Blob;
  readonly layers: readonly SignatureLayer[];
}

/** `fault`: why its bytes are not here. */
export type SignatureLayer =
  | { readonly descriptor: Descriptor; readonly bytes: Uint8Array }
  | { readonly descriptor: Descriptor; readonly fault: string };

/** Bounds for what strangers call signatures. Real payloads have some 250 bytes, real bundles some 10 KiB. */
export const MAX_SIGNATURES = 64;
const MAX_PAYLOAD = 64 * 1024;
const MAX_BUNDLE = 1024 * 1024;
const MAX_LAYERS_BYTES = 8 * 1024 * 1024;

/**
 * Fetch an image of signatures. Layers of other types are passed over; nothing that it names is followed but its own
 * config and layers, so that no cycle can be made. Throws {@link Malformed}, or what `source` throws.
 */
export async function readSignatureImage(
  source: ImageSource,
  descriptor: Descriptor,
  reference: Reference,
  signal: AbortSignal | undefined,
): Promise<SignatureImage> {
  const fetch = (from: Descriptor, limit: number): Promise<Uint8Array> =>
    source.fetch(from, { reference, limit, ...(signal === undefined ? {} : { signal }) });

  if (descriptor.mediaType !== MANIFEST) throw new Malformed(`it is a ${descriptor.mediaType}`);
  const bytes = await fetch(descriptor, MAX_MANIFEST);
  const manifest = parseManifest(bytes, MANIFEST, `manifest ${descriptor.digest}`);
  if (manifest.kind !== 'manifest') throw new Malformed('it is an index');
  const signatures = manifest.layers.filter(
    ({ mediaType }) => mediaType === SIMPLE_SIGNING || isBundle(mediaType),
  );
  if (signatures.length > MAX_SIGNATURES)
    throw new Malformed(`it has ${signatures.length} layers, more than the ${MAX_SIGNATURES} allowed`);
  if (signatures.reduce((sum, { size }) => sum + size, 0) > MAX_LAYERS_BYTES)
    throw new Malformed(`its layers have more than the ${MAX_LAYERS_BYTES} bytes allowed`);

  if (signatures.length === 0) return { manifest: { descriptor, bytes }, layers: [] };
  const config = { descriptor: manifest.config, bytes: await fetch(manifest.config, MAX_CONFIG) };
  const layers: SignatureLayer[] = [];
  for (const layer of signatures) {
    try {
      const limit = layer.mediaType === SIMPLE_SIGNING ? MAX_PAYLOAD : MAX_BUNDLE;
      layers.push({ descriptor: layer, bytes: await fetch(layer, limit) });
    } catch (error) {
      signal?.throwIfAborted();
      layers.push({ descriptor: layer, fault: error instanceof Error ? error.message : String(error) });
    }
  }
  return { manifest: { descriptor, bytes }, config, layers };
}
