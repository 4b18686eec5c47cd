import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer, WebServer } from '../../support/web-server.js';

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const sha = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export const PROGRAM = Buffer.alloc(100_000, 'x');
const CONFIG = Buffer.from('{}');

/** A manifest of PROGRAM; `layer` changes what it says of it. */
export function manifestOf(layer: Record<string, unknown> = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/ebpf.oci.image.config.v1+json', digest: sha(CONFIG), size: 2 },
      layers: [
        {
          mediaType: 'application/ebpf.oci.image.program.v1+binary',
          digest: sha(PROGRAM),
          size: PROGRAM.length,
          ...layer,
        },
      ],
    }),
  );
}

/** A sound registry of the one image `a/b:v1`, but for what `twist` does; true: it has answered. */
export function probeRegistry(
  twist: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>,
  manifest = manifestOf(),
): Promise<WebServer> {
  return WebServer.start(async (request, response) => {
    if (await twist(request, response)) return;
    const { url = '' } = request;
    if (url.includes('/manifests/')) answer(response, 200, manifest, { 'content-type': MANIFEST });
    else if (url.endsWith(sha(CONFIG))) answer(response, 200, CONFIG);
    else if (url.endsWith(sha(PROGRAM))) answer(response, 200, PROGRAM);
    else answer(response, 404, '{}');
  });
}

export const isProgram = ({ url = '' }: IncomingMessage): boolean => url.endsWith(sha(PROGRAM));
export const isManifest = ({ url = '' }: IncomingMessage): boolean => url.includes('/manifests/');
