import { z } from 'zod';
import { type Digest, isDigest, limits, type Platform, runsOn } from '../../oci/index.js';
import { CliError } from '../errors.js';
import type { BaseImage } from './base-image.js';

export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Docker's names for what OCI named later: the bytes are the same. */
const LAYER_TYPES: Readonly<Record<string, string>> = {
  [OCI_LAYER]: OCI_LAYER,
  [`${OCI_LAYER}+gzip`]: `${OCI_LAYER}+gzip`,
  [`${OCI_LAYER}+zstd`]: `${OCI_LAYER}+zstd`,
  'application/vnd.docker.image.rootfs.diff.tar': OCI_LAYER,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': `${OCI_LAYER}+gzip`,
};

const DESCRIPTOR = z.object({
  mediaType: z.string().default(''),
  digest: z.string().refine(isDigest),
  size: z.number().int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).nullish(),
});
export const INDEX = z.object({ manifests: z.array(DESCRIPTOR).max(limits.MAX_DESCRIPTORS) });
const ANY = z.record(z.string(), z.unknown());
const MANIFEST = z.object({
  config: DESCRIPTOR,
  layers: z.array(DESCRIPTOR).max(limits.MAX_DESCRIPTORS),
});

type BaseDescriptor = z.output<typeof DESCRIPTOR>;

/** Where the blobs of a base image are. */
export interface BaseSource {
  /** Verified. `what`: for the message. */
  document(descriptor: BaseDescriptor, what: string): Promise<Uint8Array>;
  /** Not verified. */
  layer(descriptor: BaseDescriptor): AsyncIterable<Uint8Array>;
}

/** Follow image indexes to the image for a machine, and read what it is made of. */
export async function readBase(
  source: BaseSource,
  candidates: readonly BaseDescriptor[],
  shown: string,
  architecture: string,
): Promise<Omit<BaseImage, 'close'>> {
  let list = candidates;
  for (let depth = 0; depth < 3; depth++) {
    const chosen = chooseOne(list, shown, architecture);
    const where = `${shown}: ${chosen.digest}`;
    const bytes = await source.document(chosen, 'manifest');
    if ('manifests' in parse(ANY, bytes, where)) {
      list = parse(INDEX, bytes, where).manifests;
      continue;
    }
    const { config, layers } = parse(MANIFEST, bytes, where);
    return {
      name: shown,
      config: parse(ANY, await source.document(config, 'config'), shown),
      layers: layers.map((layer) => ({
        mediaType: layerType(layer.mediaType, shown),
        digest: layer.digest as Digest,
        size: layer.size,
        read: () => source.layer(layer),
      })),
    };
  }
  throw new CliError('IO', `${shown}: image indexes within image indexes`);
}

/** The one image for a machine. `shown`: how its user named the place. */
function chooseOne(list: readonly BaseDescriptor[], shown: string, architecture: string) {
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

/** A document of a base image, checked. */
export function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array, where: string): T {
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
