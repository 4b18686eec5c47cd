import type { Response } from 'undici';
import { type Digest, isDigest } from '../digest.js';
import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import type { NetworkReference } from '../reference.js';
import { type Connection, type Progress, pushScope } from './connection.js';
import { failure, unexpected, uploadFailure } from './failure.js';
import { discard } from './http.js';
import { sendPieces, uploadLocation } from './pieces.js';

export interface UploadOptions {
  /** A repository of the same registry that may have it. */
  readonly from?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** What is uploaded: read from its beginning again where an attempt failed. */
export interface UploadContent {
  readonly digest: Digest;
  /** Bytes; what `read` gives must be as many. */
  readonly size: number;
  read(): AsyncIterable<Uint8Array>;
}

const DEFAULT_CHUNK = 8 * 1024 * 1024;
/** A piece is held in memory: a registry that asks for larger ones gets none. */
const MAX_CHUNK = 64 * 1024 * 1024;

/** Upload a blob unless it is there: mounted from another repository, in one PUT, or piece by piece. */
export async function upload(
  connection: Connection,
  network: NetworkReference,
  content: UploadContent,
  options: UploadOptions,
): Promise<'there' | 'mounted' | 'pushed'> {
  const { signal, from, progress } = options;
  const { digest, size } = content;
  if (await exists(connection, network, digest, signal)) return 'there';
  const answer = from === undefined ? undefined : await mount(connection, network, digest, from, signal);
  if (answer === 'mounted') return 'mounted';
  let opened = answer;
  await connection.retrying(async () => {
    const { place, least } = opened ?? (await begin(connection, network, signal));
    opened = undefined;
    const chunk = Math.max(connection.options.chunk ?? DEFAULT_CHUNK, least);
    const last =
      size <= chunk
        ? { place, rest: await wholeOf(content) }
        : await sendPieces(connection, network, place, content.read(), { chunk, signal, progress });
    await finish(connection, network, last.place, digest, last.rest, signal);
    progress?.(last.rest.length);
  }, signal);
  return 'pushed';
}

/**
 * Put a manifest under `name`, a tag or its digest. `isListed`: the registry lists it among its subject's referrers.
 * `ifMatch`: only where the name still stands for what has this ETag; `isStale` where it does not.
 */
export async function uploadManifest(
  connection: Connection,
  network: NetworkReference,
  { descriptor, bytes }: Blob,
  name: string,
  signal: AbortSignal | undefined,
  ifMatch?: string,
): Promise<{ readonly isListed: boolean; readonly isStale: boolean }> {
  const url = connection.url(network, `manifests/${name}`);
  const headers = {
    'content-type': descriptor.mediaType,
    ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
  };
  return connection.retrying(async () => {
    const request = { method: 'PUT', url, body: bytes, headers, signal } as const;
    const response = await connection.send(network.registry, request, pushScope(network));
    if (response.status === 412 && ifMatch !== undefined) {
      await discard(response);
      return { isListed: false, isStale: true };
    }
    if (!response.ok)
      throw await failure(response, url, `the manifest of ${network.registry}/${network.repository}`);
    const stored = response.headers.get('docker-content-digest');
    await discard(response);
    if (stored !== null && isDigest(stored) && stored !== descriptor.digest)
      throw new OciError(
        'MISMATCH',
        `${url.host} stored the manifest as ${stored}, not ${descriptor.digest}`,
      );
    return { isListed: response.headers.has('oci-subject'), isStale: false };
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
    const request = { method: 'HEAD', url, signal } as const;
    const response = await connection.send(network.registry, request, pushScope(network));
    await discard(response);
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw await failure(response, url, digest);
  }, signal);
}

/** An upload that a registry has opened. */
interface Session {
  readonly place: URL;
  /** Bytes of the smallest piece that the registry takes, but for the last. */
  readonly least: number;
}

/**
 * Have the registry take the blob from another of its repositories. One that does not may open an upload instead
 * (202), or refuse: nothing then.
 */
async function mount(
  connection: Connection,
  network: NetworkReference,
  digest: Digest,
  from: string,
  signal: AbortSignal | undefined,
): Promise<'mounted' | Session | undefined> {
  const url = connection.url(network, 'blobs/uploads/');
  url.search = `?mount=${digest}&from=${encodeURIComponent(from)}`;
  const scope = `${pushScope(network)} repository:${from}:pull`;
  try {
    const response = await connection.send(
      network.registry,
      { method: 'POST', url, signal, body: '' },
      scope,
    );
    await discard(response);
    if (response.status === 201) return 'mounted';
    return response.status === 202 ? sessionOf(response, url) : undefined;
  } catch (error) {
    if (signal?.aborted) throw error;
    return undefined;
  }
}

async function begin(
  connection: Connection,
  network: NetworkReference,
  signal: AbortSignal | undefined,
): Promise<Session> {
  const url = connection.url(network, 'blobs/uploads/');
  const request = { method: 'POST', url, signal, body: '' } as const;
  const response = await connection.send(network.registry, request, pushScope(network));
  if (response.status !== 202)
    throw await failure(response, url, `an upload to ${network.registry}/${network.repository}`);
  await discard(response);
  return sessionOf(response, url);
}

function sessionOf(response: Response, url: URL): Session {
  const least = response.headers.get('oci-chunk-min-length') ?? '';
  if (/^\d+$/.test(least) && Number(least) > MAX_CHUNK)
    throw unexpected(url, `it wants pieces of ${least} bytes; we send at most ${MAX_CHUNK}`);
  return { place: uploadLocation(response, url), least: /^\d+$/.test(least) ? Number(least) : 0 };
}

async function finish(
  connection: Connection,
  network: NetworkReference,
  place: URL,
  digest: Digest,
  body: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const url = new URL(place);
  url.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  const request = { method: 'PUT', url, body, signal, headers } as const;
  const response = await connection.send(network.registry, request, pushScope(network));
  if (response.status !== 201) throw await uploadFailure(response, url, digest);
  await discard(response);
}

async function wholeOf({ read, size, digest }: UploadContent): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of read()) {
    length += chunk.length;
    if (length > size) break;
    chunks.push(chunk);
  }
  if (length !== size)
    throw new OciError('MISMATCH', `${digest} has not the ${size} bytes that were promised`);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
