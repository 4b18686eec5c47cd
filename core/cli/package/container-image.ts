import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Digest, digestOf, mediaTypes } from '../../oci/index.js';
import { CliError } from '../errors.js';
import { AGENT_FOLDER } from './agent-files.js';
import { diffIdsOf } from './base-documents.js';
import type { BaseImage, LayerContent } from './base-image.js';
import { CONFIG_FILE, METRICS_PORT } from './probe-files.js';
import { type TarFile, tarOf } from './tar.js';

/** A container image that can be written anywhere: small documents here, layers as streams. */
export interface ContainerImage {
  readonly manifest: LayerContent;
  readonly config: LayerContent;
  readonly layers: readonly LayerContent[];
}

const GZIP_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';

/** What `docker run` starts. Arguments given there are added: `--duration 10s`. */
const ENTRY_POINT = [
  'node',
  `/${AGENT_FOLDER}/dist/bin/bee-agent.js`,
  '--config',
  `/${CONFIG_FILE}`,
  '--strict',
];

export interface ContainerInput {
  readonly base: BaseImage;
  /** From the lowest to the uppermost, each a layer. */
  readonly layers: readonly { readonly comment: string; readonly files: readonly TarFile[] }[];
  readonly labels: Readonly<Record<string, string>>;
  /** Go's name. */
  readonly architecture: string;
  /** Seconds since 1970: time of every file, and of the image. */
  readonly epoch: number;
}

/** The same input makes the same image, digest and all. */
export async function containerImage(input: ContainerInput): Promise<ContainerImage> {
  const { base, epoch } = input;
  const baseDiffIds = diffIdsOf(base.config, base.name);
  if (baseDiffIds.length !== base.layers.length) {
    throw new CliError(
      'IO',
      `${base.name} is damaged: ${base.layers.length} layers, but ${baseDiffIds.length} in its config`,
    );
  }
  const made = await Promise.all(
    input.layers.map(async ({ comment, files }) => {
      const tar = tarOf(files, epoch);
      return { comment, diffId: digestOf(tar), content: contentOf(GZIP_LAYER, await compress(tar)) };
    }),
  );
  const config = contentOf(CONFIG_TYPE, json(configDocument(input, baseDiffIds, made)));
  const layers = [...base.layers, ...made.map(({ content }) => content)];
  const manifest = contentOf(
    mediaTypes.MANIFEST,
    json({
      schemaVersion: 2,
      mediaType: mediaTypes.MANIFEST,
      config: descriptorOf(config),
      layers: layers.map(descriptorOf),
    }),
  );
  return { manifest, config, layers };
}

export function descriptorOf({ mediaType, digest, size }: LayerContent) {
  return { mediaType, digest, size };
}

function configDocument(
  { base, labels, architecture, epoch }: ContainerInput,
  baseDiffIds: readonly Digest[],
  made: readonly { readonly comment: string; readonly diffId: Digest }[],
): Record<string, unknown> {
  const of = base.config;
  if (of.architecture !== architecture || of.os !== 'linux') {
    throw new CliError('IO', `${base.name} is for ${String(of.os)}/${String(of.architecture)}`, {
      hint: `bee-agent is packaged as it runs here: a base for linux/${architecture} is needed.`,
    });
  }
  const settings = recordOf(of.config);
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
  const history = Array.isArray(of.history) ? of.history : [];
  return {
    ...of,
    created,
    config: {
      ...settings,
      User: '0',
      WorkingDir: '/',
      Env: environment(settings.Env),
      Entrypoint: ENTRY_POINT,
      Cmd: [],
      ExposedPorts: { ...recordOf(settings.ExposedPorts), [`${METRICS_PORT}/tcp`]: {} },
      Labels: { ...recordOf(settings.Labels), ...labels },
    },
    rootfs: { type: 'layers', diff_ids: [...baseDiffIds, ...made.map(({ diffId }) => diffId)] },
    history: [...history, ...made.map(({ comment }) => ({ created, created_by: 'bee package', comment }))],
  };
}

/**
 * The addon's libraries are found before the base's. A base without users and without PATH gets what engines
 * give it, for those that do not: Node ends where it finds no home.
 */
function environment(base: unknown): string[] {
  const lines = Array.isArray(base) ? base.filter((line): line is string => typeof line === 'string') : [];
  const kept = lines.filter((line) => !line.startsWith('LD_LIBRARY_PATH='));
  const added = ['HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].filter(
    (line) => !kept.some((known) => known.startsWith(line.slice(0, line.indexOf('=') + 1))),
  );
  return [...kept, ...added, `LD_LIBRARY_PATH=/${AGENT_FOLDER}/lib`];
}

/** gzip's header names the system that wrote it: that must not differ. */
async function compress(tar: Buffer): Promise<Buffer> {
  const packed = await promisify(gzip)(tar, { level: 9 });
  packed[9] = 255;
  return packed;
}

function contentOf(mediaType: string, bytes: Uint8Array): LayerContent {
  return {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
    read: async function* () {
      yield bytes;
    },
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
