import { type Blob, mediaTypes, type Reference } from '../../oci/index.js';
import { blobPath } from './base-image.js';
import type { TarFile } from './tar.js';

export const STORE_FOLDER = 'var/lib/bee-agent/store';
export const CONFIG_FILE = 'etc/bee-agent/probes.yaml';
/** BumbleBee's port. */
export const METRICS_PORT = 9091;

export interface PackagedProbe {
  readonly reference: Reference;
  readonly manifest: Blob;
  readonly blobs: readonly Blob[];
  readonly params: Readonly<Record<string, string>>;
}

/** A store with the one image, and the config that runs it. */
export function probeFiles({ reference, manifest, blobs, params }: PackagedProbe): TarFile[] {
  const { mediaType, digest, size, platform } = manifest.descriptor;
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
    ...[manifest, ...blobs].map(({ descriptor, bytes }) => ({
      path: `${STORE_FOLDER}/${blobPath(descriptor.digest)}`,
      bytes,
    })),
    text(CONFIG_FILE, configText(reference, params)),
  ];
}

/**
 * JSON is YAML. A container's metrics are for whoever can reach it, as with BumbleBee; its events, which may hold
 * anything, are on its standard output and on its own loopback interface only.
 */
function configText(reference: Reference, params: Readonly<Record<string, string>>): string {
  const escaped = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, value.replaceAll('$', '$$$$')]),
  );
  const config = {
    probes: [{ image: reference.text, pull: 'never', params: escaped }],
    sinks: {
      stdout: { type: 'stdout', format: 'json' },
      prometheus: { type: 'prometheus', listen: `:${METRICS_PORT}`, naming: 'bumblebee' },
    },
    agent: { listen: `127.0.0.1:${METRICS_PORT + 1}`, storage: `/${STORE_FOLDER}` },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function text(path: string, content: string): TarFile {
  return { path, bytes: Buffer.from(content) };
}
