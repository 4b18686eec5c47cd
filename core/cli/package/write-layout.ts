import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Blob, digester, ImageStore, makeFolder } from '../../oci/index.js';
import { CliError } from '../errors.js';
import { blobPath, type LayerContent } from './base-image.js';
import { type ContainerImage, descriptorOf } from './container-image.js';
import { verified } from './verified.js';

/**
 * Write an image into an OCI image layout under a name; other images of the layout stay, those that another process
 * writes meanwhile, too. The name comes last, with all of the image on the disk.
 */
export async function writeLayout(folder: string, name: string, image: ContainerImage): Promise<void> {
  if (existsSync(folder) && !existsSync(join(folder, 'oci-layout')) && existsSync(join(folder, 'index.json')))
    throw new CliError('IO', `${folder} has an index.json, but is no OCI image layout`);
  await makeFolder(folder);
  const layers = new Map(image.layers.map((layer) => [layer.digest, layer]));
  for (const layer of layers.values()) await writeBlob(folder, layer);
  const [manifest, config] = [await blobOf(image.manifest), await blobOf(image.config)];
  await new ImageStore(folder).putImage(name, manifest, [config], [...layers.values()].map(descriptorOf));
}

/** Each once: an image may have a layer twice. */
export function contents({ config, layers, manifest }: ContainerImage): LayerContent[] {
  const all = [...layers, config, manifest];
  return [...new Map(all.map((content) => [content.digest, content])).values()];
}

async function blobOf(content: LayerContent): Promise<Blob> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(content)) chunks.push(chunk);
  return { descriptor: descriptorOf(content), bytes: Buffer.concat(chunks) };
}

/** A whole blob that is there already is left alone; a damaged one is replaced. Layers do not fit in memory. */
async function writeBlob(folder: string, content: LayerContent): Promise<void> {
  const path = join(folder, blobPath(content.digest));
  if (await isWhole(path, content)) return;
  await makeFolder(dirname(path));
  const temporary = join(folder, `.tmp-${process.pid}-${randomBytes(8).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const chunk of verified(content)) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function isWhole(path: string, { digest, size }: LayerContent): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size !== size) return false;
  const hash = digester(digest);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.matches();
}
