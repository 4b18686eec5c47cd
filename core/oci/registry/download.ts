import type { Response } from 'undici';
import type { Descriptor } from '../descriptor.js';
import { digester, digestOf, isDigest, quote } from '../digest.js';
import { OciError } from '../error.js';
import { MAX_MANIFEST } from '../limits.js';
import { DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST } from '../media-types.js';
import type { NetworkReference } from '../reference.js';
import { bodyChunks, readBody } from './body.js';
import { type Connection, type Progress, pullScope } from './connection.js';
import { failure, unexpected } from './failure.js';
import { discard } from './http.js';
import { afterFailure, Transient } from './retry.js';

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** Docker's, too: what is no probe shall be told apart from what is not there. */
const MANIFEST_TYPES = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST];
/** An attempt that brought so much, bytes, was none in vain: the count of attempts begins anew. */
const PROGRESS = 1024 * 1024;

/**
 * The content of a descriptor as it comes; a body that breaks off is asked for again from where it ended. Rejects
 * at the end when the whole has not the digest: what was handed out until then is worth nothing.
 */
export async function* download(
  connection: Connection,
  network: NetworkReference,
  descriptor: Descriptor,
  { signal, progress }: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  const { digest, size, mediaType } = descriptor;
  const isManifest = MANIFEST_TYPES.includes(mediaType);
  const url = connection.url(network, isManifest ? `manifests/${digest}` : `blobs/${digest}`);
  const hash = digester(digest);
  let have = 0;
  let begun = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const headers: Record<string, string> = isManifest ? { accept: mediaType } : {};
      if (have > 0) headers.range = `bytes=${have}-`;
      const request = { method: 'GET', url, signal, headers } as const;
      const response = await connection.send(network.registry, request, pullScope(network));
      let skip = await skipped(response, url, have, descriptor);
      for await (const chunk of bodyChunks(response, url)) {
        const fresh = chunk.subarray(Math.min(skip, chunk.byteLength));
        skip -= chunk.byteLength - fresh.byteLength;
        have += fresh.byteLength;
        if (have > size)
          throw new OciError('MISMATCH', `${url.host} sends more than the ${size} bytes of ${digest}`);
        hash.update(fresh);
        progress?.(chunk.byteLength);
        if (fresh.byteLength > 0) yield fresh;
      }
      if (have === size) break;
      throw new Transient(
        new OciError('MISMATCH', `${url.host} ends ${digest} after ${have} of its ${size} bytes`),
      );
    } catch (error) {
      if (have - begun >= PROGRESS) attempt = 1;
      begun = have;
      await afterFailure(error, attempt, connection.options, signal);
    }
  }
  if (!hash.matches())
    throw new OciError('MISMATCH', `what ${url.host} sends as ${digest} has another digest`);
}

/** Bytes of the body that we have already: some answer the whole again, whatever was asked for. */
async function skipped(response: Response, url: URL, have: number, { digest }: Descriptor): Promise<number> {
  if (response.status === 200) return have;
  if (response.status !== 206 || have === 0) throw await failure(response, url, digest);
  const range = response.headers.get('content-range') ?? '';
  if (range.startsWith(`bytes ${have}-`)) return 0;
  await discard(response);
  throw unexpected(url, `it answers the range ${quote(range)}, asked for from byte ${have}`);
}

/**
 * A manifest or index by tag or digest, of at most {@link MAX_MANIFEST} bytes; of the digest that the registry tells.
 * `etag`: where it gives one.
 */
export async function downloadManifest(
  connection: Connection,
  network: NetworkReference,
  name: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string; readonly etag: string | null }> {
  const url = connection.url(network, `manifests/${name}`);
  return connection.retrying(async () => {
    const response = await connection.send(
      network.registry,
      { method: 'GET', url, signal, headers: { accept: MANIFEST_TYPES.join(', ') } },
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
    return { bytes, mediaType, etag: response.headers.get('etag') };
  }, signal);
}
