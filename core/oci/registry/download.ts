import type { Descriptor } from '../descriptor.js';
import { digester, digestOf, isDigest, quote } from '../digest.js';
import { OciError } from '../error.js';
import { MAX_MANIFEST } from '../limits.js';
import { INDEX, MANIFEST } from '../media-types.js';
import type { NetworkReference } from '../reference.js';
import { bodyChunks, readBody } from './body.js';
import { type Connection, type Progress, pullScope } from './connection.js';
import { failure, unexpected } from './failure.js';
import { discard } from './http.js';
import { Transient } from './retry.js';

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** The content of a descriptor, verified. A body that breaks off is asked for again from where it ended. */
export async function download(
  connection: Connection,
  network: NetworkReference,
  { digest, size, mediaType }: Descriptor,
  { signal, progress }: DownloadOptions,
): Promise<Uint8Array> {
  const isManifest = mediaType === MANIFEST || mediaType === INDEX;
  const url = connection.url(network, isManifest ? `manifests/${digest}` : `blobs/${digest}`);
  const got: Uint8Array[] = [];
  let have = 0;
  await connection.retrying(async () => {
    const response = await connection.send(
      network.registry,
      {
        method: 'GET',
        url,
        signal,
        headers: {
          ...(isManifest ? { accept: mediaType } : {}),
          ...(have > 0 ? { range: `bytes=${have}-` } : {}),
        },
      },
      pullScope(network),
    );
    // Some answer the whole again, whatever was asked for.
    if (have > 0 && response.status === 200) {
      got.length = 0;
      have = 0;
    } else if (have > 0 && response.status === 206) {
      const range = response.headers.get('content-range') ?? '';
      if (!range.startsWith(`bytes ${have}-`)) {
        await discard(response);
        throw unexpected(url, `it answers the range ${quote(range)}, asked for from byte ${have}`);
      }
    } else if (response.status !== 200)
      throw await failure(response, url, `${digest} of ${network.registry}/${network.repository}`);
    for await (const chunk of bodyChunks(response, url)) {
      have += chunk.byteLength;
      if (have > size)
        throw new OciError('MISMATCH', `${url.host} sends more than the ${size} bytes of ${digest}`);
      got.push(chunk);
      progress?.(chunk.byteLength);
    }
    if (have < size)
      throw new Transient(
        new OciError('MISMATCH', `${url.host} ends ${digest} after ${have} of its ${size} bytes`),
      );
  }, signal);
  const bytes = Buffer.concat(got);
  const hash = digester(digest);
  hash.update(bytes);
  if (!hash.matches())
    throw new OciError('MISMATCH', `what ${url.host} sends as ${digest} has another digest`);
  return bytes;
}

/** A manifest or index by tag or digest, as large as {@link MAX_MANIFEST}, with the digest that the registry tells. */
export async function downloadManifest(
  connection: Connection,
  network: NetworkReference,
  name: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string }> {
  const url = connection.url(network, `manifests/${name}`);
  return connection.retrying(async () => {
    const response = await connection.send(
      network.registry,
      { method: 'GET', url, signal, headers: { accept: `${MANIFEST}, ${INDEX}` } },
      pullScope(network),
    );
    if (!response.ok)
      throw await failure(response, url, `${network.registry}/${network.repository}, ${name}`);
    const mediaType = (response.headers.get('content-type') ?? '').split(';')[0]!.trim();
    const told = response.headers.get('docker-content-digest');
    const bytes = await readBody(response, MAX_MANIFEST, url);
    if (
      told !== null &&
      isDigest(told) &&
      digestOf(bytes, told.startsWith('sha512') ? 'sha512' : 'sha256') !== told
    )
      throw new OciError('MISMATCH', `${url.host} sends a manifest that has not the digest ${told}`);
    return { bytes, mediaType };
  }, signal);
}
