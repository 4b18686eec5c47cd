import { lstat, realpath, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from './descriptor.js';
import { type Digest, digestOf, digestParts } from './digest.js';
import { errnoOf, ioError, OciError } from './error.js';
import { isOwnFolder, makeFolder, readRegularFile, writeAtomically } from './files.js';
import { removeGarbage } from './garbage.js';
import { type Blob, buildProbeImage, type Probe, type ProbeDetails, readProbe } from './image.js';
import { hasLayoutVersion, LAYOUT_BYTES, LAYOUT_FILE } from './layout-version.js';
import { removeLeftovers } from './leftovers.js';
import { MAX_MANIFEST } from './limits.js';
import { type LockOptions, withLock } from './lock.js';
import { parseManifest } from './manifest.js';
import { INDEX } from './media-types.js';
import type { Platform } from './platform.js';
import { parseReference, type Reference } from './reference.js';
import type { FetchOptions, ImageSource, SourceOptions } from './source.js';
import {
  encodeStoreIndex,
  indexPath,
  readStoreIndex,
  type StoreIndex,
  withEntry,
  withoutEntry,
} from './store-index.js';

/** An image of the store, as `bee list` shows it. */
export interface StoredImage {
  /** `org.opencontainers.image.ref.name` as written; may be no reference by our grammar. */
  readonly name: string;
  readonly descriptor: Descriptor;
  /** Bytes of the manifest and everything it names, where the manifest can be read. */
  readonly size: number | undefined;
  /** Of an image index that can be read: the machines that it has images for. */
  readonly platforms?: readonly Platform[];
}

/**
 * An OCI image layout in a folder, the same that BumbleBee keeps in `~/.bumblebee/store`. The folder may be a
 * symbolic link; nothing inside it may. A store that does not exist is empty, and is made by the first write.
 *
 * Any number of processes may use one store. A reader takes no lock (so a read-only store can be read): it sees
 * `index.json` before or after a write, never between. Writers take turns.
 */
export class ImageStore implements ImageSource {
  readonly folder: string;
  readonly #lock: LockOptions;

  constructor(folder: string, options: { lock?: LockOptions } = {}) {
    this.folder = folder;
    this.#lock = options.lock ?? {};
  }

  get label(): string {
    return this.folder;
  }

  /** Every named image, by name. `INVALID_STORE` when `index.json` is damaged; a damaged image is listed. */
  async list(): Promise<StoredImage[]> {
    const images: StoredImage[] = [];
    // In turn: thousands at once would need as many open files.
    for (const { name, descriptor } of await this.entries())
      images.push({ name, descriptor, ...(await this.#contents(descriptor)) });
    return images;
  }

  /** Names and what they stand for, by name; no image is read. */
  async entries(): Promise<{ readonly name: string; readonly descriptor: Descriptor }[]> {
    const { entries } = await readStoreIndex(await this.#root());
    return entries
      .flatMap(({ name, descriptor }) => (name === undefined ? [] : [{ name, descriptor }]))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /**
   * The image whose name is what was typed. With a digest, also an image that is stored under the same name
   * (and tag, when one was typed) and has that digest.
   */
  async resolve(reference: Reference, _options?: SourceOptions): Promise<Descriptor | undefined> {
    const { entries } = await readStoreIndex(await this.#root());
    const exact = entries.find((entry) => entry.name === reference.text);
    if (exact !== undefined) {
      if (reference.digest !== undefined && exact.descriptor.digest !== reference.digest) {
        throw new OciError(
          'MISMATCH',
          `${this.folder} has ${exact.descriptor.digest} under the name ${reference.text}`,
        );
      }
      return exact.descriptor;
    }
    if (reference.digest === undefined) return undefined;
    return entries.find(({ name, descriptor }) => {
      if (name === undefined || descriptor.digest !== reference.digest) return false;
      if (reference.tag !== undefined) return name === `${reference.name}:${reference.tag}`;
      return nameWithoutTag(name) === reference.name;
    })?.descriptor;
  }

  async fetch(descriptor: Descriptor, options: Pick<FetchOptions, 'limit'>): Promise<Uint8Array> {
    const { digest, size } = descriptor;
    if (size > options.limit) {
      throw new OciError('TOO_LARGE', `${digest} has ${size} bytes, more than the ${options.limit} allowed`);
    }
    const root = await this.#root();
    const path = await this.#existingBlobPath(root, digest);
    const bytes = path === undefined ? undefined : await readRegularFile(path, options.limit);
    if (bytes === undefined) throw new OciError('NOT_FOUND', `${digest} is missing from ${this.folder}`);
    if (bytes.length !== size) {
      throw new OciError('MISMATCH', `${path} is damaged: ${bytes.length} bytes instead of ${size}`);
    }
    if (digestOf(bytes, digestParts(digest).algorithm) !== digest) {
      throw new OciError('MISMATCH', `${path} is damaged: its content has another digest`);
    }
    return bytes;
  }

  /** A probe, verified; `undefined` when the store has no such image. */
  readProbe(reference: Reference | string, options?: { architecture?: string }): Promise<Probe | undefined> {
    return readProbe(this, typeof reference === 'string' ? parseReference(reference) : reference, options);
  }

  /**
   * Store a program as an image under `reference`, exactly as typed. An image that had the name loses it; its
   * blobs stay. When this resolves, all of it is on the disk.
   */
  async putProbe(
    reference: Reference | string,
    program: Uint8Array,
    details: ProbeDetails = {},
  ): Promise<Descriptor> {
    const { text, digest } = typeof reference === 'string' ? parseReference(reference) : reference;
    const image = buildProbeImage(program, details);
    if (digest !== undefined && digest !== image.manifest.descriptor.digest) {
      throw new OciError(
        'MISMATCH',
        `${text} names a digest, but the image has ${image.manifest.descriptor.digest}`,
      );
    }
    await this.putImage(text, image.manifest, [image.config, image.program]);
    return image.manifest.descriptor;
  }

  /**
   * Whether a blob is there, whole. One that is counts as new: it is not cleared away before an image names it
   * (see `removeGarbage`).
   */
  async hasBlob(descriptor: Descriptor): Promise<boolean> {
    const root = await this.#root();
    const path = await this.#existingBlobPath(root, descriptor.digest);
    if (path === undefined) return false;
    try {
      await this.fetch(descriptor, { limit: descriptor.size });
      await utimes(path, new Date(), new Date());
      return true;
    } catch {
      // Missing, damaged, not ours to touch: to be written again, which tells why where that fails.
      return false;
    }
  }

  /** Store a blob that no image names yet; see {@link ImageStore.putImage}. */
  async putBlob(blob: Blob): Promise<void> {
    await this.#writeBlob(await this.#create(), blob);
  }

  /**
   * Store a manifest under a name, and blobs that it refers to: blobs first, the name last. `present`: others, which
   * {@link ImageStore.putBlob} stored before.
   */
  async putImage(
    name: string,
    manifest: Blob,
    blobs: readonly Blob[],
    present: readonly Descriptor[] = [],
  ): Promise<void> {
    const root = await this.#create();
    await withLock(
      root,
      async () => {
        await removeLeftovers(root);
        for (const { digest } of present)
          if (!(await this.#hasFile(root, digest)))
            throw new OciError('NOT_FOUND', `${digest} was removed from ${this.folder} meanwhile: try again`);
        for (const blob of [...blobs, manifest]) await this.#writeBlob(root, blob);
        const index = await readStoreIndex(root);
        await writeAtomically(
          indexPath(root),
          encodeStoreIndex(withEntry(index, name, manifest.descriptor)),
          root,
        );
      },
      this.#lock,
    );
  }

  /** Another name for an image; one that had it loses it. `NOT_FOUND` where there is no such image. */
  async tag(reference: Reference, name: Reference): Promise<Descriptor> {
    return this.#change(async (_root, index) => {
      const descriptor = await this.resolve(reference);
      if (descriptor === undefined) throw this.#missing(reference);
      if (name.digest !== undefined && name.digest !== descriptor.digest)
        throw new OciError('MISMATCH', `${name.text} names a digest, but the image has ${descriptor.digest}`);
      return { index: withEntry(index, name.text, descriptor), result: descriptor };
    });
  }

  /** Forget a name; what no other name needs goes with it. Returns the bytes that came free. */
  async remove(reference: Reference): Promise<{ readonly descriptor: Descriptor; readonly freed: number }> {
    let freed = 0;
    const descriptor = await this.#change(
      async (_root, index) => {
        const entry = index.entries.find(({ name }) => name === reference.text);
        if (entry === undefined) throw this.#missing(reference);
        if (reference.digest !== undefined && entry.descriptor.digest !== reference.digest)
          throw new OciError('MISMATCH', `${reference.text} is ${entry.descriptor.digest} in ${this.folder}`);
        return { index: withoutEntry(index, reference.text), result: entry.descriptor };
      },
      async (root, index) => {
        freed = await removeGarbage(root, index);
      },
    );
    return { descriptor, freed };
  }

  #missing(reference: Reference): OciError {
    return new OciError('NOT_FOUND', `no image ${reference.text} in the store ${this.folder}`);
  }

  /** Change the names, in turn with other writers. `after`: with the new index on the disk. */
  async #change<T>(
    change: (root: string, index: StoreIndex) => Promise<{ readonly index: StoreIndex; readonly result: T }>,
    after?: (root: string, index: StoreIndex) => Promise<void>,
  ): Promise<T> {
    const root = await this.#root();
    const before = await readStoreIndex(root);
    // What cannot be done is told without a lock: a store that is read-only, or not there, takes none.
    const { result } = await change(root, before);
    if (before.entries.length === 0) return result;
    return withLock(
      root,
      async () => {
        const { index, result } = await change(root, await readStoreIndex(root));
        await writeAtomically(indexPath(root), encodeStoreIndex(index), root);
        await after?.(root, index);
        return result;
      },
      this.#lock,
    );
  }

  /** The folder with symbolic links on the way to it resolved; as given when it does not exist. */
  async #root(): Promise<string> {
    try {
      return await realpath(this.folder);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return this.folder;
      throw ioError('open the store', this.folder, error);
    }
  }

  async #create(): Promise<string> {
    await makeFolder(this.folder);
    const root = await this.#root();
    // Two who find none write the same.
    if (!(await hasLayoutVersion(root))) await writeAtomically(join(root, LAYOUT_FILE), LAYOUT_BYTES, root);
    return root;
  }

  async #existingBlobPath(root: string, digest: Digest): Promise<string | undefined> {
    const { algorithm, hex } = digestParts(digest);
    const folder = join(root, 'blobs', algorithm);
    const exists = (await isOwnFolder(join(root, 'blobs'))) && (await isOwnFolder(folder));
    return exists ? join(folder, hex) : undefined;
  }

  async #hasFile(root: string, digest: Digest): Promise<boolean> {
    const path = await this.#existingBlobPath(root, digest);
    if (path === undefined) return false;
    return lstat(path).then(
      (stat) => stat.isFile(),
      () => false,
    );
  }

  /** A whole blob that is there already is left alone; a damaged one is replaced. */
  async #writeBlob(root: string, { descriptor, bytes }: Blob): Promise<void> {
    const { algorithm, hex } = digestParts(descriptor.digest);
    const folder = join(root, 'blobs', algorithm);
    for (const part of [join(root, 'blobs'), folder]) if (!(await isOwnFolder(part))) await makeFolder(part);
    const path = join(folder, hex);
    const known = await readRegularFile(path, bytes.length).catch(() => undefined);
    if (known !== undefined && Buffer.compare(known, bytes) === 0) return;
    await writeAtomically(path, bytes, root);
  }

  async #contents(descriptor: Descriptor): Promise<Pick<StoredImage, 'size' | 'platforms'>> {
    try {
      if (descriptor.mediaType !== INDEX) return { size: await this.#manifestSize(descriptor) };
      const bytes = await this.fetch(descriptor, { limit: MAX_MANIFEST });
      const document = parseManifest(bytes, descriptor.mediaType, descriptor.digest);
      if (document.kind !== 'index') return { size: undefined };
      const sizes = await Promise.all(document.manifests.map((entry) => this.#manifestSize(entry)));
      return {
        size: sizes.reduce((total, size) => total + size, descriptor.size),
        platforms: document.manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform])),
      };
    } catch {
      return { size: undefined };
    }
  }

  async #manifestSize(descriptor: Descriptor): Promise<number> {
    const bytes = await this.fetch(descriptor, { limit: MAX_MANIFEST });
    const document = parseManifest(bytes, descriptor.mediaType, descriptor.digest);
    if (document.kind !== 'manifest') throw new OciError('INVALID_MANIFEST', `${descriptor.digest}: nested`);
    return [document.config, ...document.layers].reduce((total, { size }) => total + size, descriptor.size);
  }
}

function nameWithoutTag(name: string): string | undefined {
  try {
    return parseReference(name).name;
  } catch {
    return undefined;
  }
}
