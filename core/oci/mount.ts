import type { Digest } from './digest.js';
import { MAX_MANIFEST } from './limits.js';
import { parseManifest } from './manifest.js';
import { networkReference, parseReference, type Reference } from './reference.js';
import type { ImageStore } from './store.js';

/** Images of the store that are looked through for a blob: the search is worth less than an upload beyond. */
const MOST_IMAGES = 200;

/**
 * Another repository of the registry that `to` goes to and that may have the blob: one that an image of the store
 * with this blob is named after. `undefined` where the store knows of none; the registry has the last word.
 */
export async function mountSource(
  store: ImageStore,
  digest: Digest,
  to: Reference,
): Promise<string | undefined> {
  const { registry, repository } = networkReference(to);
  const images = (await store.entries()).slice(0, MOST_IMAGES);
  for (const { name, descriptor } of images) {
    try {
      const other = networkReference(parseReference(name));
      if (other.registry !== registry || other.repository === repository) continue;
      const bytes = await store.fetch(descriptor, { limit: MAX_MANIFEST });
      const document = parseManifest(bytes, descriptor.mediaType, descriptor.digest);
      if (document.kind !== 'manifest') continue;
      if ([document.config, ...document.layers].some((part) => part.digest === digest))
        return other.repository;
    } catch {
      // A name that is no reference, or a damaged image: no source.
    }
  }
  return undefined;
}
