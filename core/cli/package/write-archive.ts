import { randomBytes } from 'node:crypto';
import { constants, copyFile, link, open, rename, rm } from 'node:fs/promises';
import { mediaTypes, networkReference, parseReference } from '../../oci/index.js';
import { blobPath, type LayerContent } from './base-image.js';
import { type ContainerImage, descriptorOf } from './container-image.js';
import { TAR_END, tarHeader, tarPadding } from './tar.js';
import { verified } from './verified.js';
import { contents } from './write-layout.js';

/** {@link archiveOf} in a file: whole or not at all. Rejects with EEXIST where there is one that is not to be replaced. */
export async function writeArchive(
  path: string,
  name: string,
  image: ContainerImage,
  { epoch, replace }: { readonly epoch: number; readonly replace: boolean },
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const chunk of archiveOf(name, image, epoch)) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
    await (replace ? rename(temporary, path) : create(temporary, path));
  } finally {
    await rm(temporary, { force: true });
  }
}

async function create(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // A file system without hard links.
    await copyFile(temporary, path, constants.COPYFILE_EXCL);
  }
}

/**
 * One tar that is both: an OCI image layout, and what `docker load` and `podman load` take. The same image makes
 * the same bytes. `mtime`: seconds since 1970.
 */
export async function* archiveOf(
  name: string,
  image: ContainerImage,
  mtime: number,
): AsyncIterable<Uint8Array> {
  const blobs = contents(image).sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const documents: [path: string, value: unknown][] = [
    ['index.json', indexOf(name, image)],
    ['manifest.json', dockerManifest(name, image)],
    ['oci-layout', { imageLayoutVersion: '1.0.0' }],
  ];
  for (const folder of foldersOf(blobs))
    yield* tarHeader(`${folder}/`, { mode: 0o755, size: 0, mtime, type: '5' });
  for (const content of blobs) {
    yield* tarHeader(blobPath(content.digest), { mode: 0o644, size: content.size, mtime, type: '0' });
    yield* verified(content);
    yield tarPadding(content.size);
  }
  for (const [path, value] of documents) {
    const bytes = Buffer.from(JSON.stringify(value));
    yield* tarHeader(path, { mode: 0o644, size: bytes.length, mtime, type: '0' });
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield TAR_END;
}

function foldersOf(blobs: readonly LayerContent[]): string[] {
  const algorithms = new Set(blobs.map(({ digest }) => `blobs/${digest.split(':')[0]}`));
  return ['blobs', ...[...algorithms].sort()];
}

/** As `docker save` writes it: containerd takes the name as it stands, and looks for `docker.io/library/opens:v1`. */
function indexOf(name: string, { manifest }: ContainerImage): Record<string, unknown> {
  const { registry, repository, tag } = networkReference(parseReference(name));
  const annotations = {
    'io.containerd.image.name': `${registry}/${repository}:${tag}`,
    [mediaTypes.REF_NAME]: tag,
  };
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.INDEX,
    manifests: [{ ...descriptorOf(manifest), annotations }],
  };
}

/** As `docker save` writes it. */
function dockerManifest(name: string, { config, layers }: ContainerImage): unknown[] {
  return [
    {
      Config: blobPath(config.digest),
      RepoTags: [name],
      Layers: layers.map(({ digest }) => blobPath(digest)),
    },
  ];
}
