import { type Blob, mediaTypes, type Reference } from '../../oci/index.js';
import { blobPath } from './base-image.js';
import type { ProbeTrust } from './signed-probe.js';
import type { TarFile } from './tar.js';

export const STORE_FOLDER = 'var/lib/bee-agent/store';
export const CONFIG_FILE = 'etc/bee-agent/probes.yaml';
/** BumbleBee's port. */
export const METRICS_PORT = 9091;

const KEY_FOLDER = 'etc/bee-agent/keys';

export interface PackagedProbe {
  readonly reference: Reference;
  readonly manifest: Blob;
  /** The image index that names the manifest, where the reference stands for one. */
  readonly index: Blob | undefined;
  /** Absent: the container verifies nothing. */
  readonly trust: ProbeTrust | undefined;
  readonly blobs: readonly Blob[];
  readonly params: Readonly<Record<string, string>>;
}

/** A store with the one image, and the config that runs it. */
export function probeFiles(probe: PackagedProbe): TarFile[] {
  const { reference, manifest, index, blobs, params, trust } = probe;
  // Without the images of other machines an index is not whole: it is there only where its digest is asked for, by a
  // signature or by the reference.
  const asked = [trust?.subject, reference.digest];
  const top = index !== undefined && asked.includes(index.descriptor.digest) ? index : manifest;
  const documents = top === manifest ? [manifest] : [top, manifest];
  const { mediaType, digest, size, platform } = top.descriptor;
  const entry = {
    mediaType,
    digest,
    size,
    annotations: { [mediaTypes.REF_NAME]: reference.text },
    ...(platform === undefined ? {} : { platform }),
  };
  return [
    text(`${STORE_FOLDER}/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' })),
    text(`${STORE_FOLDER}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [entry] })),
    ...[...documents, ...blobs].map(({ descriptor, bytes }) => ({
      path: `${STORE_FOLDER}/${blobPath(descriptor.digest)}`,
      bytes,
    })),
    ...(trust?.signatures ?? []).map((file) => ({ ...file, path: `${STORE_FOLDER}/${file.path}` })),
    ...(trust?.keys ?? []).map(({ pem }, i) => text(keyFile(i), pem)),
    text(CONFIG_FILE, configText(reference, params, trust)),
  ];
}

/**
 * JSON is YAML. A container's metrics are for whoever can reach it, as with BumbleBee; its events, which may hold
 * anything, are on its standard output and on its own loopback interface only.
 */
function configText(
  reference: Reference,
  params: Readonly<Record<string, string>>,
  trust: ProbeTrust | undefined,
): string {
  const escaped = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, value.replaceAll('$', '$$$$')]),
  );
  const config = {
    probes: [
      {
        image: reference.text,
        pull: 'never',
        params: escaped,
        ...(trust === undefined ? {} : { verify: { key: trust.keys.map((_, i) => `/${keyFile(i)}`) } }),
      },
    ],
    sinks: {
      stdout: { type: 'stdout', format: 'json' },
      prometheus: { type: 'prometheus', listen: `:${METRICS_PORT}`, naming: 'bumblebee' },
    },
    agent: { listen: `127.0.0.1:${METRICS_PORT + 1}`, storage: `/${STORE_FOLDER}` },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

const keyFile = (i: number): string => `${KEY_FOLDER}/${i + 1}.pub`;

function text(path: string, content: string): TarFile {
  return { path, bytes: Buffer.from(content) };
}
