import {
  type Blob,
  networkReference,
  type Reference,
  type Registries,
  type TransferOptions,
} from '../../oci/index.js';
import type { BaseImage } from './base-image.js';
import { type ContainerImage, descriptorOf } from './container-image.js';
import { verified } from './verified.js';

/** Write a container image to a registry: layers as streams, the manifest last. What is there is not sent again. */
export async function pushImage(
  registries: Registries,
  to: Reference,
  image: ContainerImage,
  base: BaseImage,
  { signal, onPart, progress }: TransferOptions,
): Promise<void> {
  const { registry, repository } = networkReference(to);
  const isNear = base.at?.registry === registry && base.at.repository !== repository;
  const ofBase = new Set(base.layers.map(({ digest }) => digest));
  for (const content of new Map(
    [...image.layers, image.config].map((part) => [part.digest, part]),
  ).values()) {
    onPart?.('blob', descriptorOf(content));
    const from = isNear && ofBase.has(content.digest) ? base.at?.repository : undefined;
    const upload = { digest: content.digest, size: content.size, read: () => verified(content) };
    await registries.pushBlob(to, upload, { signal, progress, from });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of image.manifest.read()) chunks.push(chunk);
  const manifest: Blob = { descriptor: descriptorOf(image.manifest), bytes: Buffer.concat(chunks) };
  onPart?.('manifest', manifest.descriptor);
  await registries.pushManifest(to, manifest, signal === undefined ? {} : { signal });
}
