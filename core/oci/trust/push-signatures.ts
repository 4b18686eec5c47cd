import type { Digest } from '../digest.js';
import type { Blob } from '../image.js';
import { parseManifest } from '../manifest.js';
import { parseReference, type Reference } from '../reference.js';
import type { Registries } from '../registry/index.js';
import type { ImageStore } from '../store.js';
import { subjectOf } from '../subject.js';
import { KeptSignatures } from './kept-signatures.js';
import type { SignatureImage } from './signature-image.js';
import { faultOf } from './signature-source.js';
import { signatureTag, tagImage, type WholeImage } from './signature-tag.js';

/** What became of the signatures of an image that was pushed. */
export interface PushedSignatures {
  /** Manifests of signatures that the registry has now. */
  readonly sent: number;
  /** Why others are not there. */
  readonly faults: readonly string[];
}

/**
 * Send the signatures that a store has kept of an image, in the form in which they were found: as its referrers, or
 * under cosign's tag, where those that the registry has already stay.
 */
export async function pushSignatures(
  store: ImageStore,
  registries: Registries,
  to: Reference,
  documents: readonly Blob[],
  signal: AbortSignal | undefined,
): Promise<PushedSignatures> {
  const kept = new KeptSignatures(store);
  const faults: string[] = [];
  let sent = 0;
  const attempt = async (send: () => Promise<void>): Promise<void> => {
    try {
      await send();
      sent++;
    } catch (error) {
      faults.push(faultOf(error, signal).fault);
    }
  };
  for (const { descriptor } of documents) {
    const tagged: WholeImage[] = [];
    for await (const found of kept.signatures(to, descriptor.digest, signal)) {
      const image = 'fault' in found ? found : wholeOf(found.image);
      if ('fault' in image) faults.push(`${kept.label}: ${image.fault}`);
      else if (image.subject === descriptor.digest) await attempt(() => send(registries, to, image, signal));
      else tagged.push(image);
    }
    if (tagged.length === 0) continue;
    await attempt(async () => {
      const tag = parseReference(`${to.name}:${signatureTag(descriptor.digest)}`);
      const image = await tagImage(registries, tag, tagged, signal);
      if (image !== undefined) await send(registries, tag, image, signal, true);
    });
  }
  return { sent, faults };
}

/** A signature image as it was kept, and what it says that it refers to. */
interface KeptImage extends WholeImage {
  readonly subject: Digest | undefined;
}

/** All that a manifest names has to be here, or no registry takes it. */
function wholeOf({ manifest, config, layers }: SignatureImage): KeptImage | { readonly fault: string } {
  const { descriptor, bytes } = manifest;
  const document = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`);
  const whole: Blob[] = [];
  for (const layer of layers) {
    if (!('bytes' in layer)) return layer;
    whole.push(layer);
  }
  if (config === undefined || document.kind === 'index' || document.layers.length > whole.length)
    return { fault: `${descriptor.digest} names more than was kept of it` };
  try {
    return { manifest, config, layers: whole, subject: subjectOf(manifest)?.digest };
  } catch (error) {
    // Readers of signatures look at no subject, so that one that is no descriptor got as far as here.
    return faultOf(error, undefined);
  }
}

async function send(
  registries: Registries,
  to: Reference,
  { manifest, config, layers }: WholeImage,
  signal: AbortSignal | undefined,
  byTag = false,
): Promise<void> {
  for (const { descriptor, bytes } of [config, ...layers]) {
    const read = async function* () {
      yield bytes;
    };
    await registries.pushBlob(to, { digest: descriptor.digest, size: descriptor.size, read }, { signal });
  }
  await registries.pushManifest(to, manifest, {
    ...(signal === undefined ? {} : { signal }),
    byDigest: !byTag,
  });
}
