import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from './descriptor.js';
import { type Digest, isDigest } from './digest.js';
import { errnoOf, ioError } from './error.js';
import { isOwnFolder, readRegularFile } from './files.js';
import { MAX_MANIFEST } from './limits.js';
import { parseManifest } from './manifest.js';
import { INDEX, MANIFEST } from './media-types.js';
import type { StoreIndex } from './store-index.js';

/** Younger blobs stay: a program that takes no lock of ours (BumbleBee) may be about to name them. */
const GRACE_MS = 10 * 60 * 1000;

/**
 * Remove the blobs that no image of `index` names; the caller holds the store's lock. Where a manifest cannot be
 * read nothing is removed, since nobody knows what it names. Returns the bytes freed.
 */
export async function removeGarbage(root: string, index: StoreIndex, now = Date.now()): Promise<number> {
  const named = await namedBlobs(root, index);
  if (named === undefined) return 0;
  let freed = 0;
  for (const algorithm of ['sha256', 'sha512']) {
    const folder = join(root, 'blobs', algorithm);
    if (!(await isOwnFolder(join(root, 'blobs'))) || !(await isOwnFolder(folder))) continue;
    for (const name of await readdir(folder)) {
      const digest = `${algorithm}:${name}`;
      if (!isDigest(digest) || named.has(digest)) continue;
      const path = join(folder, name);
      try {
        const { mtimeMs, size, isFile } = await lstat(path).then((stat) => ({
          mtimeMs: stat.mtimeMs,
          size: stat.size,
          isFile: stat.isFile(),
        }));
        if (!isFile || now - mtimeMs < GRACE_MS) continue;
        await rm(path);
        freed += size;
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw ioError('remove', path, error);
      }
    }
  }
  return freed;
}

/** What the images of an index name, themselves included. Undefined: it cannot be known. */
export async function namedBlobs(root: string, { entries }: StoreIndex): Promise<Set<Digest> | undefined> {
  const named = new Set<Digest>();
  const visit = async ({ digest, mediaType }: Descriptor): Promise<void> => {
    if (named.has(digest)) return;
    named.add(digest);
    if (mediaType !== MANIFEST && mediaType !== INDEX) return;
    const [algorithm = '', hex = ''] = digest.split(':');
    const bytes = await readRegularFile(join(root, 'blobs', algorithm, hex), MAX_MANIFEST);
    if (bytes === undefined) return;
    const document = parseManifest(bytes, mediaType, digest);
    for (const part of document.kind === 'index' ? document.manifests : [document.config, ...document.layers])
      await visit(part);
  };
  try {
    for (const { descriptor } of entries) await visit(descriptor);
    return named;
  } catch {
    return undefined;
  }
}
