import type { Response } from 'undici';
import type { Digest } from '../digest.js';
import { isDigest } from '../digest.js';
import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import type { NetworkReference } from '../reference.js';
import { type Connection, type Progress, pushScope } from './connection.js';
import { failure, unexpected } from './failure.js';
import { discard, type HttpRequest, safeLocation } from './http.js';
import { Transient } from './retry.js';

export interface UploadOptions {
  /** A repository of the same registry that may have it. */
  readonly from?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

const DEFAULT_CHUNK = 8 * 1024 * 1024;

/** Upload a blob unless it is there: mounted from another repository, in one PUT, or piece by piece. */
export async function upload(
  connection: Connection,
  network: NetworkReference,
  { descriptor, bytes }: Blob,
  options: UploadOptions,
): Promise<'there' | 'mounted' | 'pushed'> {
  const { signal, from } = options;
  const { digest } = descriptor;
  if (await exists(connection, network, digest, signal)) return 'there';
  return connection.retrying(async () => {
    const begin = connection.url(network, 'blobs/uploads/');
    if (from !== undefined) begin.search = `?mount=${digest}&from=${encodeURIComponent(from)}`;
    const scope = from === undefined ? pushScope(network) : `${pushScope(network)} repository:${from}:pull`;
    const response = await connection.send(
      network.registry,
      { method: 'POST', url: begin, signal, body: '' },
      scope,
    );
    await discard(response);
    if (response.status === 201 && from !== undefined) return 'mounted';
    if (response.status !== 202)
      throw await failure(response, begin, `an upload to ${network.registry}/${network.repository}`);
    const place = uploadLocation(response, begin);
    const chunk = connection.options.chunk ?? DEFAULT_CHUNK;
    if (bytes.length <= chunk) await finish(connection, network, place, digest, bytes, options);
    else {
      const last = await pieces(connection, network, place, bytes, chunk, options);
      await finish(connection, network, last, digest, new Uint8Array(0), options);
    }
    return 'pushed';
  }, signal);
}

/** Put a manifest under `name`, a tag or its digest. */
export async function uploadManifest(
  connection: Connection,
  network: NetworkReference,
  { descriptor, bytes }: Blob,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const url = connection.url(network, `manifests/${name}`);
  await connection.retrying(async () => {
    const response = await connection.send(
      network.registry,
      { method: 'PUT', url, body: bytes, headers: { 'content-type': descriptor.mediaType }, signal },
      pushScope(network),
    );
    if (!response.ok)
      throw await failure(response, url, `the manifest of ${network.registry}/${network.repository}`);
    const stored = response.headers.get('docker-content-digest');
    await discard(response);
    if (stored !== null && isDigest(stored) && stored !== descriptor.digest)
      throw new OciError(
        'MISMATCH',
        `${url.host} stored the manifest as ${stored}, not ${descriptor.digest}`,
      );
  }, signal);
}

async function exists(
  connection: Connection,
  network: NetworkReference,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const url = connection.url(network, `blobs/${digest}`);
  return connection.retrying(async () => {
    const response = await connection.send(
      network.registry,
      { method: 'HEAD', url, signal },
      pushScope(network),
    );
    await discard(response);
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw await failure(response, url, digest);
  }, signal);
}

/** PATCH by PATCH; after one that failed, on from where the registry says it is. Returns where to finish. */
async function pieces(
  connection: Connection,
  network: NetworkReference,
  begin: URL,
  bytes: Uint8Array,
  chunk: number,
  { signal, progress }: UploadOptions,
): Promise<URL> {
  let place = begin;
  let offset = 0;
  while (offset < bytes.length) {
    const piece = bytes.subarray(offset, offset + chunk);
    const request: HttpRequest = {
      method: 'PATCH',
      url: place,
      body: piece,
      signal,
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${offset}-${offset + piece.length - 1}`,
      },
    };
    try {
      const response = await connection.send(network.registry, request, pushScope(network));
      if (response.status !== 202) throw await failure(response, place, 'a piece of an upload');
      await discard(response);
      place = uploadLocation(response, place);
      offset += piece.length;
      progress?.(piece.length);
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      const there = await uploaded(connection, network, place, signal);
      if (there === undefined || there.offset <= offset) throw error;
      ({ place, offset } = there);
    }
  }
  return place;
}

/** How far an upload got, where the registry can tell. */
async function uploaded(
  connection: Connection,
  network: NetworkReference,
  place: URL,
  signal: AbortSignal | undefined,
): Promise<{ place: URL; offset: number } | undefined> {
  const response = await connection.send(
    network.registry,
    { method: 'GET', url: place, signal },
    pushScope(network),
  );
  await discard(response);
  const range = /^0-(\d{1,15})$/.exec(response.headers.get('range') ?? '');
  if (response.status !== 204 || range === null) return undefined;
  return { place: uploadLocation(response, place), offset: Number(range[1]) + 1 };
}

async function finish(
  connection: Connection,
  network: NetworkReference,
  place: URL,
  digest: Digest,
  body: Uint8Array,
  { signal, progress }: UploadOptions,
): Promise<void> {
  const url = new URL(place);
  url.searchParams.set('digest', digest);
  const response = await connection.send(
    network.registry,
    { method: 'PUT', url, body, signal, headers: { 'content-type': 'application/octet-stream' } },
    pushScope(network),
  );
  if (response.status !== 201) throw await failure(response, url, digest);
  await discard(response);
  progress?.(body.length);
}

function uploadLocation(response: Response, base: URL): URL {
  const location = response.headers.get('location');
  if (location === null) throw unexpected(base, 'the upload has no Location');
  return safeLocation(location, base);
}
