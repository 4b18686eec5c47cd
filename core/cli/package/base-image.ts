import { createReadStream, existsSync, statSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  type Digest,
  type DigestAlgorithm,
  digestOf,
  isDigest,
  limits,
  type Platform,
  runsOn,
} from '../../oci/index.js';
import { CliError } from '../errors.js';
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
  close(): Promise<void>;
}

const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Docker's names for what OCI named later: the bytes are the same. */
const LAYER_TYPES: Readonly<Record<string, string>> = {
  [OCI_LAYER]: OCI_LAYER,
  [`${OCI_LAYER}+gzip`]: `${OCI_LAYER}+gzip`,
  [`${OCI_LAYER}+zstd`]: `${OCI_LAYER}+zstd`,
  'application/vnd.docker.image.rootfs.diff.tar': OCI_LAYER,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': `${OCI_LAYER}+gzip`,
};

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

const DESCRIPTOR = z.object({
  mediaType: z.string().default(''),
  digest: z.string().refine(isDigest),
  size: z.number().int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).nullish(),
});
const INDEX = z.object({ manifests: z.array(DESCRIPTOR).max(limits.MAX_DESCRIPTORS) });
const MANIFEST = z.object({
  config: DESCRIPTOR,
  layers: z.array(DESCRIPTOR).max(limits.MAX_DESCRIPTORS),
});

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
  for (let depth = 0; depth < 3; depth++) {
    const chosen = chooseOne(list, shown, architecture);
    const bytes = await blob(chosen.digest as Digest, 'manifest');
    const document = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (Array.isArray(document.manifests)) {
      list = parse(INDEX, bytes, `${shown}: ${chosen.digest}`).manifests;
      continue;
    }
    const { config, layers } = parse(MANIFEST, bytes, `${shown}: ${chosen.digest}`);
    return {
      name: shown,
      config: parse(z.record(z.string(), z.unknown()), await blob(config.digest as Digest, 'config'), shown),
      layers: layers.map(({ mediaType, digest, size }) => ({
        mediaType: layerType(mediaType, shown),
        digest: digest as Digest,
        size,
        read: () => files.stream(blobPath(digest as Digest)),
      })),
      close: () => files.close(),
    };
  }
  throw new CliError('IO', `${shown}: image indexes within image indexes`);
}

function chooseOne(list: readonly z.output<typeof DESCRIPTOR>[], shown: string, architecture: string) {
  const fitting = list.filter(({ platform }) => !platform || runsOn(platform as Platform, architecture));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const names = fitting.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
  throw new CliError(
    'IO',
    fitting.length === 0
      ? `${shown} has no image for ${architecture}`
      : `${shown} has several images: ${names.map((one) => one ?? 'one without a name').join(', ')}`,
    { hint: fitting.length === 0 ? 'Choose another base.' : `Choose one by its name: --base ${shown}:NAME` },
  );
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

/** Digests of the layers, unpacked. */
export function diffIdsOf(config: Readonly<Record<string, unknown>>, shown: string): Digest[] {
  const parsed = z
    .object({ rootfs: z.object({ diff_ids: z.array(z.string().refine(isDigest)) }) })
    .safeParse(config);
  if (!parsed.success) throw new CliError('IO', `${shown}: the config of the image has no rootfs.diff_ids`);
  return parsed.data.rootfs.diff_ids as Digest[];
}

function layerType(mediaType: string, shown: string): string {
  const known = Object.hasOwn(LAYER_TYPES, mediaType) ? LAYER_TYPES[mediaType] : undefined;
  if (known !== undefined) return known;
  throw new CliError('IO', `${shown}: a layer of type ${JSON.stringify(mediaType)} is not supported`);
}

export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new CliError('IO', `${where} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CliError(
    'IO',
    `${where}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is invalid'}`.trim(),
  );
}

function refuseLong(size: number, where: string): void {
  if (size > limits.MAX_MANIFEST) throw new CliError('IO', `${where} has ${size} bytes: that is no document`);
}
