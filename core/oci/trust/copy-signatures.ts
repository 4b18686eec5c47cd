import type { Blob } from '../image.js';
import type { Reference } from '../reference.js';
import type { ImageStore } from '../store.js';
import { KeptSignatures } from './kept-signatures.js';

/**
 * Keep in one store the signatures that another has kept of an image's documents, whoever made them. Returns why some
 * could not be read, if any; rejects where `to` takes none.
 */
export async function copySignatures(
  from: ImageStore,
  to: ImageStore,
  reference: Reference,
  documents: readonly Blob[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const [source, target] = [new KeptSignatures(from), new KeptSignatures(to)];
  const faults: string[] = [];
  for (const { descriptor } of documents) {
    for await (const found of source.signatures(reference, descriptor.digest, signal)) {
      if ('fault' in found) {
        faults.push(found.fault);
        continue;
      }
      const { layers } = found.image;
      faults.push(...layers.flatMap((layer) => ('fault' in layer ? [layer.fault] : [])));
      if (layers.some((layer) => 'bytes' in layer)) await target.keep(descriptor.digest, found.image);
    }
  }
  return faults;
}
