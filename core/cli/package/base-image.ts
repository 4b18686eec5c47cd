import { createReadStream, existsSync, statSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type Digest, type DigestAlgorithm, digestOf, limits } from '../../oci/index.js';
import { CliError } from '../errors.js';
import { type BaseSource, diffIdsOf, INDEX, OCI_LAYER, parse, readBase } from './base-documents.js';
import { readAt, tarMembers } from './tar-members.js';

/** Bytes with a digest, which are read when they are needed. */
export interface LayerContent {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** Not verified: whoever copies it compares the digest. */
  read(): AsyncIterable<Uint8Array>;
}

/** The image below ours: a root file system with Node in it. */
export interface BaseImage {
  /** As typed. */
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly layers: readonly LayerContent[];
  /** Where a registry has it: there, its layers need no upload. */
  readonly at?: { readonly registry: string; readonly repository: string };
  close(): Promise<void>;
}

/** Files of an image layout, in a folder or in an archive. */
interface LayoutFiles {
  has(path: string): boolean;
  /** At most 4 MiB, for documents. */
  document(path: string): Promise<Uint8Array>;
  size(path: string): number;
  stream(path: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Open an OCI image layout (a folder, or a tar of one), or a tar as `docker save` writes it. `NAME` behind a
 * colon chooses among several images: `./layout:node`. `undefined` when there is no such folder or file.
 */
export async function openBase(
  typed: string,
  cwd: string,
  architecture: string,
): Promise<BaseImage | undefined> {
  const found = locate(typed, cwd);
  if (found === undefined) return undefined;
  const files = found.isFolder ? folderFiles(found.path, typed) : await archiveFiles(found.path, typed);
  try {
    if (files.has('index.json')) return await fromLayout(files, typed, found.name, architecture);
    if (files.has('manifest.json')) return await fromDockerArchive(files, typed, found.name);
  } catch (error) {
    await files.close();
    throw error;
  }
  await files.close();
  throw new CliError('IO', `${typed} is neither an OCI image layout nor an archive of docker save`);
}

function locate(
  typed: string,
  cwd: string,
): { path: string; name: string | undefined; isFolder: boolean } | undefined {
  const colon = typed.lastIndexOf(':');
  const candidates: [string, string | undefined][] = [[typed, undefined]];
  if (colon > 0) candidates.push([typed.slice(0, colon), typed.slice(colon + 1)]);
  for (const [text, name] of candidates) {
    const path = resolve(cwd, text);
    if (existsSync(path)) return { path, name, isFolder: statSync(path).isDirectory() };
  }
  return undefined;
}

function folderFiles(folder: string, shown: string): LayoutFiles {
  if (!existsSync(join(folder, 'oci-layout'))) {
    throw new CliError('IO', `${shown} is no OCI image layout: it has no file oci-layout`);
  }
  return {
    has: (path) => existsSync(join(folder, path)),
    document: async (path) => {
      if (!existsSync(join(folder, path))) throw new CliError('IO', `${shown} has no file ${path}`);
      refuseLong(statSync(join(folder, path)).size, `${shown}: ${path}`);
      return readFile(join(folder, path));
    },
    size: (path) => statSync(join(folder, path)).size,
    stream: (path) => createReadStream(join(folder, path)),
    close: async () => {},
  };
}

async function archiveFiles(path: string, shown: string): Promise<LayoutFiles> {
  const file = await open(path);
  const members = await tarMembers(file, shown).catch(async (error) => {
    await file.close();
    throw error;
  });
  const member = (name: string) => {
    const found = members.get(name);
    if (found === undefined) throw new CliError('IO', `${shown} has no file ${name}`);
    return found;
  };
  return {
    has: (name) => members.has(name),
    document: async (name) => {
      const { offset, size } = member(name);
      refuseLong(size, `${shown}: ${name}`);
      return readAt(file, offset, size);
    },
    size: (name) => member(name).size,
    stream: (name) => {
      const { offset, size } = member(name);
      return size === 0 ? emptyStream() : createReadStream(path, { start: offset, end: offset + size - 1 });
    },
    close: () => file.close(),
  };
}

async function* emptyStream(): AsyncIterable<Uint8Array> {}

async function fromLayout(
  files: LayoutFiles,
  shown: string,
  name: string | undefined,
  architecture: string,
): Promise<BaseImage> {
  const blob = async (digest: Digest, what: string) => {
    const bytes = await files.document(blobPath(digest));
    if (digestOf(bytes, digest.split(':')[0] as DigestAlgorithm) !== digest)
      throw new CliError('IO', `${shown} is damaged: ${what} ${digest} has other content`);
    return bytes;
  };
  let list = parse(INDEX, await files.document('index.json'), `${shown}: index.json`).manifests;
  if (name !== undefined) {
    list = list.filter(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === name);
    if (list.length === 0) throw new CliError('IO', `${shown}: no image of that name in the layout`);
  }
  const source: BaseSource = {
    document: ({ digest }, what) => blob(digest as Digest, what),
    layer: ({ digest }) => files.stream(blobPath(digest as Digest)),
  };
  return { ...(await readBase(source, list, shown, architecture)), close: () => files.close() };
}

const DOCKER_MANIFEST = z
  .array(
    z.object({
      Config: z.string(),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string()).max(limits.MAX_DESCRIPTORS),
    }),
  )
  .min(1);

/** `docker save` before version 25: layers are plain tars, whose digests are in the config. */
async function fromDockerArchive(
  files: LayoutFiles,
  shown: string,
  name: string | undefined,
): Promise<BaseImage> {
  const images = parse(DOCKER_MANIFEST, await files.document('manifest.json'), `${shown}: manifest.json`);
  const fitting = name === undefined ? images : images.filter(({ RepoTags }) => RepoTags?.includes(name));
  const [image] = fitting;
  if (image === undefined || fitting.length > 1)
    throw new CliError(
      'IO',
      `${shown} has ${fitting.length === 0 ? 'no image of that name' : 'several images'}`,
    );
  const config = parse(z.record(z.string(), z.unknown()), await files.document(image.Config), shown);
  const diffIds = diffIdsOf(config, shown);
  return {
    name: shown,
    config,
    layers: image.Layers.map((path, n) => ({
      mediaType: OCI_LAYER,
      digest: diffIds[n] ?? digestOf(new Uint8Array()),
      size: files.size(path),
      read: () => files.stream(path),
    })),
    close: () => files.close(),
  };
}

export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function refuseLong(size: number, where: string): void {
  if (size > limits.MAX_MANIFEST) throw new CliError('IO', `${where} has ${size} bytes: that is no document`);
}
