import { join } from 'node:path';
import { type Digest, digestParts } from '../digest.js';
import { namedBlobs } from '../garbage.js';
import { withLock } from '../lock.js';
import { parseReference, type Reference } from '../reference.js';
import { ImageStore } from '../store.js';
import { type IndexEntry, readStoreIndex } from '../store-index.js';
import { readSignatureImage, type SignatureImage } from './signature-image.js';
import { type FoundSignatures, faultOf, type SignatureSource } from './signature-source.js';

const FOLDER = 'signatures';
/** Signature images kept of one subject. */
const MAX_KEPT = 32;

/**
 * Signatures of a store's images: an OCI image layout of its own in the store's folder `signatures`, so that they go
 * where the store goes. In the store's own index they would be images: BumbleBee lists every entry there. An entry is
 * named `sha256-<subject>@<digest of the signature's manifest>`.
 */
export class KeptSignatures implements SignatureSource {
  readonly label: string;
  private readonly folder: string;
  private readonly layout: ImageStore;

  constructor(store: ImageStore) {
    this.folder = store.folder;
    this.label = join(store.folder, FOLDER);
    this.layout = new ImageStore(this.label);
  }

  async *signatures(
    reference: Reference,
    subject: Digest,
    signal?: AbortSignal,
  ): AsyncGenerator<FoundSignatures> {
    let entries: IndexEntry[] = [];
    try {
      entries = await this.entries(subject);
    } catch (error) {
      yield faultOf(error, signal);
    }
    for (const { descriptor } of entries) {
      try {
        yield { image: await readSignatureImage(this.layout, descriptor, reference, signal) };
      } catch (error) {
        yield faultOf(error, signal);
      }
    }
  }

  /**
   * Keep a signature image of `subject`. Those that were kept stay; where there are many already, another is left out,
   * but one that `isVerified` takes the place of the last.
   */
  async keep(
    subject: Digest,
    { manifest, config, layers }: SignatureImage,
    isVerified = false,
  ): Promise<void> {
    const name = `${prefix(subject)}${manifest.descriptor.digest}`;
    const kept = await this.entries(subject);
    if (kept.some((entry) => entry.name === name)) return;
    if (kept.length >= MAX_KEPT) {
      const last = kept.at(-1)?.name;
      if (!isVerified || last === undefined) return;
      await this.layout.remove(parseReference(last));
    }
    const parts = layers.flatMap((layer) => ('bytes' in layer ? [layer] : []));
    await this.layout.putImage(name, manifest, config === undefined ? parts : [config, ...parts]);
  }

  /** Forget the signatures of subjects that no image of the store names. Returns how many manifests went. */
  async prune(): Promise<number> {
    if ((await readStoreIndex(this.label)).entries.length === 0) return 0;
    // In turn with whoever stores an image: signatures are kept after its name is there.
    return withLock(this.folder, () => this.removeOrphans());
  }

  private async removeOrphans(): Promise<number> {
    const { entries } = await readStoreIndex(this.label);
    const named = await namedBlobs(this.folder, await readStoreIndex(this.folder));
    if (named === undefined) return 0;
    const prefixes = new Set([...named].map(prefix));
    const orphans = entries.flatMap(({ name }) =>
      name === undefined || prefixes.has(name.slice(0, name.indexOf('@') + 1)) ? [] : [name],
    );
    for (const name of orphans) await this.layout.remove(parseReference(name));
    return orphans.length;
  }

  private async entries(subject: Digest): Promise<IndexEntry[]> {
    const { entries } = await readStoreIndex(this.label);
    return entries.filter(({ name }) => name?.startsWith(prefix(subject))).slice(0, MAX_KEPT);
  }
}

function prefix(subject: Digest): string {
  const { algorithm, hex } = digestParts(subject);
  return `${algorithm}-${hex}@`;
}
