import {
  type Descriptor,
  limits,
  networkReference,
  OciError,
  parseDigest,
  type Reference,
  type Registries,
  withDefaultTag,
} from '../../oci/index.js';
import { readBase } from './base-documents.js';
import type { BaseImage } from './base-image.js';

/** A layer of a base image, bytes. Not held in memory: what a disk may have to spare. */
const MAX_LAYER = 16 * 1024 * 1024 * 1024;

/** Open the image of a registry. Its layers are read from there when they are needed. */
export async function openRegistryBase(
  typed: Reference,
  registries: Registries,
  architecture: string,
  signal: AbortSignal,
): Promise<BaseImage> {
  const reference = withDefaultTag(typed);
  const top = await registries.resolve(reference, { signal });
  if (top === undefined) throw new OciError('NOT_FOUND', `the registry has no image ${reference.text}`);
  const base = await readBase(
    {
      document: (part) =>
        registries.fetch(descriptorOf(part), { reference, limit: limits.MAX_MANIFEST, signal }),
      layer: (part) => registries.stream(descriptorOf(part), { reference, limit: MAX_LAYER, signal }),
    },
    [top],
    reference.text,
    architecture,
  );
  const { registry, repository } = networkReference(reference);
  return { ...base, at: { registry, repository }, close: async () => {} };
}

function descriptorOf({
  mediaType,
  digest,
  size,
}: {
  mediaType: string;
  digest: string;
  size: number;
}): Descriptor {
  return { mediaType, digest: parseDigest(digest), size };
}
