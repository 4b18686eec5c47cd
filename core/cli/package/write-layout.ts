import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder, mediaTypes } from '../../oci/index.js';
import { CliError } from '../errors.js';
import { blobPath, type LayerContent } from './base-image.js';
import { type ContainerImage, descriptorOf } from './container-image.js';
import { verified } from './verified.js';

const LAYOUT = JSON.stringify({ imageLayoutVersion: '1.0.0' });

/** Write an image into an OCI image layout under a name; other images of the layout stay. The name comes last. */
export async function writeLayout(folder: string, name: string, image: ContainerImage): Promise<void> {
  if (existsSync(folder) && !existsSync(join(folder, 'oci-layout')) && existsSync(join(folder, 'index.json')))
    throw new CliError('IO', `${folder} has an index.json, but is no OCI image layout`);
  await makeFolder(folder);
  await writeWhole(join(folder, 'oci-layout'), LAYOUT);
  for (const content of contents(image)) await writeBlob(folder, content);
  const others = (await manifestsOf(folder)).filter(
    ({ annotations }) => annotations?.[mediaTypes.REF_NAME] !== name,
  );
  const entry = { ...descriptorOf(image.manifest), annotations: { [mediaTypes.REF_NAME]: name } };
  const index = { schemaVersion: 2, mediaType: mediaTypes.INDEX, manifests: [...others, entry] };
  await writeWhole(join(folder, 'index.json'), JSON.stringify(index));
}

/** Each once: an image may have a layer twice. */
export function contents({ config, layers, manifest }: ContainerImage): LayerContent[] {
  const all = [...layers, config, manifest];
  return [...new Map(all.map((content) => [content.digest, content])).values()];
}

interface IndexEntry {
  readonly annotations?: Readonly<Record<string, string>>;
}

async function manifestsOf(folder: string): Promise<IndexEntry[]> {
  const path = join(folder, 'index.json');
  if (!existsSync(path)) return [];
  try {
    const { manifests } = JSON.parse(await readFile(path, 'utf8')) as { manifests?: IndexEntry[] };
    return Array.isArray(manifests) ? manifests : [];
  } catch (cause) {
    throw new CliError('IO', `${path} is damaged: not JSON`, { cause });
  }
}

async function writeBlob(folder: string, content: LayerContent): Promise<void> {
  const path = join(folder, blobPath(content.digest));
  if (existsSync(path)) return;
  await makeFolder(dirname(path));
  const temporary = join(folder, `.tmp-${randomBytes(8).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const chunk of verified(content)) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, text, { flag: 'wx' });
  await rename(temporary, path);
}
