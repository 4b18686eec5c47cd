import type { Annotations } from './descriptor.js';
import { digestOf } from './digest.js';
import type { Blob, ProbeImage } from './image.js';
import { encodeJson } from './json.js';
import { INDEX } from './media-types.js';
import type { Platform } from './platform.js';

/** One machine's image of a probe. */
export interface PlatformImage {
  readonly image: ProbeImage;
  /** By Go's names (`linux`, `amd64`), which every tool looks for in an index. */
  readonly platform: Platform;
}

/**
 * An image index over images of one probe for several machines, in the order given. Unlike a manifest's platform
 * in a store, an index's is part of its digest: it must not say anything of the machine that built it.
 */
export function buildImageIndex(images: readonly PlatformImage[], annotations: Annotations = {}): Blob {
  const entries = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: images.map(({ image, platform }) => {
      const { mediaType, digest, size } = image.manifest.descriptor;
      return { mediaType, digest, size, platform };
    }),
    ...(entries.length === 0 ? {} : { annotations: Object.fromEntries(entries) }),
  });
  return { descriptor: { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length }, bytes };
}
