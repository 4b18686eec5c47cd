import { existsSync } from 'node:fs';
import { OciError } from './error.js';
import { type Probe, readProbe } from './image.js';
import { parseReference, type Reference } from './reference.js';
import type { SourceOptions } from './source.js';
import { ImageStore, type StoredImage } from './store.js';
import { type StoreLocationInput, storeLocation } from './store-location.js';

/** The stores of a {@link storeLocation}, searched as one. */
export interface ImageStores {
  /** The only one that is written. */
  readonly primary: ImageStore;
  readonly all: readonly ImageStore[];
  /** A probe from the first store that has it, verified. `NOT_FOUND` names the stores that were searched. */
  readProbe(
    reference: Reference | string,
    options?: SourceOptions & { architecture?: string },
  ): Promise<Probe>;
  /** The first store that has an image of that name. `NOT_FOUND` names the stores that were searched. */
  storeOf(reference: Reference): Promise<ImageStore>;
  /** Images by name; of one name in two stores, the one that `readProbe` reads. */
  list(): Promise<LocatedImage[]>;
  /** The names of `list`; no image is read. */
  names(): Promise<string[]>;
}

export interface LocatedImage extends StoredImage {
  /** Folder of its store. */
  readonly store: string;
}

/**
 * Open the stores that this process should use. Nothing is read or created yet.
 *
 * @example
 * const probe = await openStores({ storage: options.storage }).readProbe('localhost:5000/probes/execs:v1');
 */
export function openStores(input: StoreLocationInput = {}): ImageStores {
  const location = storeLocation(input);
  const primary = new ImageStore(location.primary);
  const all = [primary, ...location.readOnly.map((folder) => new ImageStore(folder))];
  return {
    primary,
    all,
    readProbe: async (reference, options) => {
      const parsed = typeof reference === 'string' ? parseReference(reference) : reference;
      for (const store of all) {
        const probe = await readProbe(store, parsed, options);
        if (probe !== undefined) return probe;
      }
      throw notFound(parsed, all);
    },
    storeOf: async (reference) => {
      for (const store of all) if ((await store.resolve(reference)) !== undefined) return store;
      throw notFound(reference, all);
    },
    names: async () => {
      const names = new Set<string>();
      for (const store of all) for (const { name } of await store.entries()) names.add(name);
      return [...names].sort();
    },
    list: async () => {
      const byName = new Map<string, LocatedImage>();
      for (const store of all) {
        for (const image of await store.list()) {
          if (!byName.has(image.name)) byName.set(image.name, { ...image, store: store.folder });
        }
      }
      return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

function notFound(reference: Reference, searched: readonly ImageStore[]): OciError {
  const folders = searched.map(({ folder }) =>
    existsSync(folder) ? folder : `${folder} (which does not exist)`,
  );
  return new OciError('NOT_FOUND', `no image ${reference.text} in the store ${folders.join(', nor in ')}`);
}
