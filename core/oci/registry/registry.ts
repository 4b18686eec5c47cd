import type { Response } from 'undici';
import type { Descriptor } from '../descriptor.js';
import { type Digest, digester, digestOf, isDigest, parseDigest, quote } from '../digest.js';
import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import { isRecord } from '../json.js';
import { MAX_MANIFEST } from '../limits.js';
import { INDEX, MANIFEST } from '../media-types.js';
import { type NetworkReference, networkReference, type Reference } from '../reference.js';
import type { FetchOptions, ImageSource, SourceOptions } from '../source.js';
import { apiHost, isLoopback } from './address.js';
import { Authorizer } from './authorizer.js';
import { bodyChunks, readBody } from './body.js';
import type { Credential } from './credentials.js';
import { failure, unexpected } from './failure.js';
import {
  createHttpClient,
  discard,
  type HttpClient,
  type HttpOptions,
  type HttpRequest,
  safeLocation,
} from './http.js';
import { type RetryOptions, Transient, withRetry } from './retry.js';

export interface RegistryOptions extends HttpOptions, RetryOptions {
  /** Speak HTTP without TLS; with a loopback address that is the default, unless `insecure` or `caFile` say of TLS. */
  readonly plainHttp?: boolean | undefined;
  /** Asked once a registry, when it wants to know. */
  readonly credential?: ((registry: string) => Promise<Credential | undefined>) | undefined;
  /** Bytes of a piece of an upload. Default 8 MiB. */
  readonly chunk?: number | undefined;
}

/** Called with bytes that went over the wire. */
export type Progress = (bytes: number) => void;

const MAX_PAGE = 4 * 1024 * 1024;
/** Pages of a list of tags or referrers: what comes after that is not looked at. */
const MAX_PAGES = 1000;
const DEFAULT_CHUNK = 8 * 1024 * 1024;

/**
 * Registries by the OCI distribution spec 1.1, on fetch. Reads: every byte is verified before it is handed out.
 * One instance may speak to any number of registries, and keeps the tokens of each.
 */
export class Registries implements ImageSource {
  readonly label = 'the registry';
  private readonly http: HttpClient;
  private readonly authorizers = new Map<string, Authorizer>();
  /** Manifests that `resolve` read already. */
  private readonly manifests = new Map<Digest, Uint8Array>();

  constructor(private readonly options: RegistryOptions = {}) {
    this.http = createHttpClient(options);
  }

  close(): Promise<void> {
    return this.http.close();
  }

  /** Ask whether the credentials are good. Throws `UNAUTHORIZED`. */
  async check(registry: string, signal?: AbortSignal): Promise<void> {
    const url = new URL('/v2/', this.origin(registry));
    await this.retrying(async () => {
      const response = await this.send(registry, { method: 'GET', url, signal }, '');
      if (!response.ok) throw await failure(response, url, `the registry ${registry}`);
      await discard(response);
    }, signal);
  }

  async resolve(reference: Reference, { signal }: SourceOptions = {}): Promise<Descriptor | undefined> {
    const network = networkReference(reference);
    const wanted = network.digest ?? network.tag!;
    try {
      const { bytes, mediaType } = await this.manifest(network, wanted, signal);
      const digest = digestOf(bytes, network.digest?.startsWith('sha512:') ? 'sha512' : 'sha256');
      if (network.digest !== undefined && digest !== network.digest)
        throw new OciError('MISMATCH', `${network.registry} answers another manifest for ${reference.text}`);
      this.manifests.set(digest, bytes);
      return { mediaType, digest, size: bytes.length };
    } catch (error) {
      if (error instanceof OciError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async fetch(descriptor: Descriptor, options: FetchOptions & { progress?: Progress }): Promise<Uint8Array> {
    const { digest, size, mediaType } = descriptor;
    const { reference, limit, signal } = options;
    if (size > limit)
      throw new OciError('TOO_LARGE', `${digest} has ${size} bytes, more than the ${limit} allowed`);
    const known = this.manifests.get(digest);
    if (known) return known;
    const network = networkReference(reference);
    const isManifest = mediaType === MANIFEST || mediaType === INDEX;
    const path = isManifest ? `manifests/${digest}` : `blobs/${digest}`;
    const url = this.url(network, path);
    const got: Uint8Array[] = [];
    let have = 0;
    await this.retrying(async () => {
      const response = await this.send(
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
        throw await failure(response, url, `${digest} of ${reference.text}`);
      for await (const chunk of bodyChunks(response, url)) {
        have += chunk.byteLength;
        if (have > size)
          throw new OciError('MISMATCH', `${url.host} sends more than the ${size} bytes of ${digest}`);
        got.push(chunk);
        options.progress?.(chunk.byteLength);
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

  /** The tags of a repository, page by page. */
  async tags(reference: Reference, signal?: AbortSignal): Promise<string[]> {
    const network = networkReference(reference);
    const tags: string[] = [];
    await this.pages(network, 'tags/list?n=1000', signal, (page) => {
      for (const tag of Array.isArray(page.tags) ? page.tags : [])
        if (typeof tag === 'string') tags.push(tag);
    });
    return tags;
  }

  /**
   * What refers to a manifest: the referrers API, or the tag that stands in for it where a registry has none
   * (distribution spec, "Referrers tag schema").
   */
  async referrers(reference: Reference, digest: Digest, signal?: AbortSignal): Promise<unknown[]> {
    const network = networkReference(reference);
    const found: unknown[] = [];
    try {
      await this.pages(network, `referrers/${digest}`, signal, (page) => {
        if (Array.isArray(page.manifests)) found.push(...page.manifests);
      });
      return found;
    } catch (error) {
      if (!(error instanceof OciError) || (error.code !== 'NOT_FOUND' && error.code !== 'REFUSED'))
        throw error;
    }
    try {
      const { bytes } = await this.manifest(network, digest.replace(':', '-'), signal);
      const index: unknown = JSON.parse(Buffer.from(bytes).toString());
      return isRecord(index) && Array.isArray(index.manifests) ? index.manifests : [];
    } catch (error) {
      if (error instanceof OciError && error.code === 'NOT_FOUND') return [];
      throw error;
    }
  }

  /** Upload a blob unless it is there. `from`: a repository of the same registry that may have it. */
  async pushBlob(
    reference: Reference,
    { descriptor, bytes }: Blob,
    options: { readonly from?: string; readonly signal?: AbortSignal; readonly progress?: Progress } = {},
  ): Promise<'there' | 'mounted' | 'pushed'> {
    const { signal, from } = options;
    const network = networkReference(reference);
    const { digest } = descriptor;
    if (await this.exists(network, digest, signal)) return 'there';
    return this.retrying(async () => {
      const begin = this.url(network, 'blobs/uploads/');
      if (from !== undefined) begin.search = `?mount=${digest}&from=${encodeURIComponent(from)}`;
      const scope = from === undefined ? pushScope(network) : `${pushScope(network)} repository:${from}:pull`;
      const response = await this.send(
        network.registry,
        { method: 'POST', url: begin, signal, body: '' },
        scope,
      );
      await discard(response);
      if (response.status === 201 && from !== undefined) return 'mounted';
      if (response.status !== 202) throw await failure(response, begin, `an upload to ${reference.text}`);
      const place = uploadLocation(response, begin);
      const chunk = this.options.chunk ?? DEFAULT_CHUNK;
      if (bytes.length <= chunk) await this.finish(network, place, digest, bytes, options);
      else
        await this.finish(
          network,
          await this.pieces(network, place, bytes, chunk, options),
          digest,
          new Uint8Array(0),
          options,
        );
      return 'pushed';
    }, signal);
  }

  /** By tag, or by digest when the reference has none. */
  async pushManifest(
    reference: Reference,
    { descriptor, bytes }: Blob,
    options: { byDigest?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const network = networkReference(reference);
    const name = options.byDigest || network.tag === undefined ? descriptor.digest : network.tag;
    const url = this.url(network, `manifests/${name}`);
    await this.retrying(async () => {
      const response = await this.send(
        network.registry,
        {
          method: 'PUT',
          url,
          body: bytes,
          headers: { 'content-type': descriptor.mediaType },
          signal: options.signal,
        },
        pushScope(network),
      );
      if (!response.ok) throw await failure(response, url, `the manifest of ${reference.text}`);
      const stored = response.headers.get('docker-content-digest');
      await discard(response);
      if (stored !== null && isDigest(stored) && stored !== descriptor.digest)
        throw new OciError(
          'MISMATCH',
          `${url.host} stored the manifest as ${stored}, not ${descriptor.digest}`,
        );
    }, options.signal);
  }

  private async exists(
    network: NetworkReference,
    digest: Digest,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const url = this.url(network, `blobs/${digest}`);
    return this.retrying(async () => {
      const response = await this.send(network.registry, { method: 'HEAD', url, signal }, pushScope(network));
      await discard(response);
      if (response.status === 200) return true;
      if (response.status === 404) return false;
      throw await failure(response, url, digest);
    }, signal);
  }

  /** PATCH by PATCH; after one that failed, on from where the registry says it is. Returns where to finish. */
  private async pieces(
    network: NetworkReference,
    begin: URL,
    bytes: Uint8Array,
    chunk: number,
    { signal, progress }: { readonly signal?: AbortSignal; readonly progress?: Progress },
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
        const response = await this.send(network.registry, request, pushScope(network));
        if (response.status !== 202) throw await failure(response, place, 'a piece of an upload');
        await discard(response);
        place = uploadLocation(response, place);
        offset += piece.length;
        progress?.(piece.length);
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        const there = await this.uploaded(network, place, signal);
        if (there === undefined || there.offset <= offset) throw error;
        ({ place, offset } = there);
      }
    }
    return place;
  }

  /** How far an upload got, where the registry can tell. */
  private async uploaded(
    network: NetworkReference,
    place: URL,
    signal: AbortSignal | undefined,
  ): Promise<{ place: URL; offset: number } | undefined> {
    const response = await this.send(
      network.registry,
      { method: 'GET', url: place, signal },
      pushScope(network),
    );
    await discard(response);
    const range = /^0-(\d{1,15})$/.exec(response.headers.get('range') ?? '');
    if (response.status !== 204 || range === null) return undefined;
    return { place: uploadLocation(response, place), offset: Number(range[1]) + 1 };
  }

  private async finish(
    network: NetworkReference,
    place: URL,
    digest: Digest,
    body: Uint8Array,
    { signal, progress }: { readonly signal?: AbortSignal; readonly progress?: Progress },
  ): Promise<void> {
    const url = new URL(place);
    url.searchParams.set('digest', digest);
    const response = await this.send(
      network.registry,
      { method: 'PUT', url, body, signal, headers: { 'content-type': 'application/octet-stream' } },
      pushScope(network),
    );
    if (response.status !== 201) throw await failure(response, url, digest);
    await discard(response);
    progress?.(body.length);
  }

  private async manifest(
    network: NetworkReference,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<{ bytes: Uint8Array; mediaType: string }> {
    const url = this.url(network, `manifests/${name}`);
    return this.retrying(async () => {
      const response = await this.send(
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
        throw new OciError(
          'MISMATCH',
          `${url.host} sends a manifest that has not the digest ${parseDigest(told)}`,
        );
      return { bytes, mediaType };
    }, signal);
  }

  private async pages(
    network: NetworkReference,
    first: string,
    signal: AbortSignal | undefined,
    take: (page: Record<string, unknown>) => void,
  ): Promise<void> {
    let url: URL | undefined = this.url(network, first);
    for (let page = 0; url !== undefined && page < MAX_PAGES; page++) {
      const at: URL = url;
      url = await this.retrying(async () => {
        const response = await this.send(
          network.registry,
          { method: 'GET', url: at, signal },
          pullScope(network),
        );
        if (!response.ok)
          throw await failure(response, at, `a list of ${network.registry}/${network.repository}`);
        const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
        const text = Buffer.from(await readBody(response, MAX_PAGE, at)).toString();
        const value = parsed(text);
        if (!isRecord(value)) throw unexpected(at, 'the answer is no JSON object');
        take(value);
        if (link === undefined) return undefined;
        const next = safeLocation(link, at);
        if (next.origin !== at.origin) throw unexpected(at, 'the next page is at another host');
        return next;
      }, signal);
    }
  }

  /** Send, and once more with what the registry's challenge asks for. */
  private async send(registry: string, request: HttpRequest, scope: string): Promise<Response> {
    const authorizer = this.authorizer(registry);
    // An upload's Location may lead elsewhere: credentials are for the registry only.
    const isOwn = request.url.origin === this.origin(registry).origin;
    const first = await this.http.send({
      ...request,
      authorization: isOwn ? authorizer.known(scope) : undefined,
    });
    if (first.status !== 401 || !isOwn) return first;
    const authorization = await authorizer.answer(first, request.url, scope, request.signal);
    return this.http.send({ ...request, authorization });
  }

  private authorizer(registry: string): Authorizer {
    let authorizer = this.authorizers.get(registry);
    if (!authorizer) {
      const { credential } = this.options;
      let asked: Promise<Credential | undefined> | undefined;
      authorizer = new Authorizer(this.http, registry, () => {
        asked ??= credential?.(registry) ?? Promise.resolve(undefined);
        return asked;
      });
      this.authorizers.set(registry, authorizer);
    }
    return authorizer;
  }

  private origin(registry: string): URL {
    const host = apiHost(registry);
    // A certificate is spoken of: then there is one.
    const { plainHttp, insecure, caFile } = this.options;
    const plain = plainHttp ?? (isLoopback(host) && !insecure && caFile === undefined);
    return new URL(`${plain ? 'http' : 'https'}://${host}`);
  }

  private url({ registry, repository }: NetworkReference, path: string): URL {
    return new URL(`/v2/${repository}/${path}`, this.origin(registry));
  }

  private retrying<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return withRetry(attempt, this.options, signal);
  }
}

const pullScope = ({ repository }: NetworkReference): string => `repository:${repository}:pull`;
const pushScope = ({ repository }: NetworkReference): string => `repository:${repository}:pull,push`;

function uploadLocation(response: Response, base: URL): URL {
  const location = response.headers.get('location');
  if (location === null) throw unexpected(base, 'the upload has no Location');
  return safeLocation(location, base);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
