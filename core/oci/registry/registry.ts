import type { Descriptor } from '../descriptor.js';
import { type Digest, digestOf } from '../digest.js';
import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import { networkReference, type Reference } from '../reference.js';
import type { FetchOptions, ImageSource, SourceOptions } from '../source.js';
import { subjectOf } from '../subject.js';
import { Connection, type Progress, type RegistryOptions } from './connection.js';
import { download, downloadManifest } from './download.js';
import { failure } from './failure.js';
import { discard } from './http.js';
import { readPages } from './pages.js';
import { addToReferrersTag, readReferrersTag } from './referrers-tag.js';
import { type UploadContent, type UploadOptions, upload, uploadManifest } from './upload.js';

/**
 * Registries by the OCI distribution spec 1.1, on fetch. Reads: every byte is verified before it is handed out.
 * One instance may speak to any number of registries, and keeps the tokens of each.
 */
export class Registries implements ImageSource {
  readonly label = 'the registry';
  private readonly others: Connection;
  private readonly own: ReadonlyMap<string, Connection>;
  /** Manifests that `resolve` read already. */
  private readonly manifests = new Map<Digest, Uint8Array>();

  constructor(options: RegistryOptions = {}) {
    this.others = new Connection(options);
    this.own = new Map(
      Object.entries(options.registries ?? {}).map(([host, transport]) => [
        host,
        new Connection({ ...options, ...transport }),
      ]),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.others, ...this.own.values()].map((connection) => connection.close()));
  }

  /** What one registry is set to holds for the hosts, too, that it leads to: its token server, its blobs' storage. */
  private to(registry: string): Connection {
    return this.own.get(registry.toLowerCase()) ?? this.others;
  }

  /** Ask whether the credentials are good. Throws `UNAUTHORIZED`. */
  async check(registry: string, signal?: AbortSignal): Promise<void> {
    const connection = this.to(registry);
    const url = new URL('/v2/', connection.origin(registry));
    await connection.retrying(async () => {
      const response = await connection.send(registry, { method: 'GET', url, signal }, '');
      if (!response.ok) throw await failure(response, url, `the registry ${registry}`);
      await discard(response);
    }, signal);
  }

  async resolve(reference: Reference, { signal }: SourceOptions = {}): Promise<Descriptor | undefined> {
    const network = networkReference(reference);
    const wanted = network.digest ?? network.tag!;
    try {
      const { bytes, mediaType } = await downloadManifest(this.to(network.registry), network, wanted, signal);
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
    const known = this.manifests.get(descriptor.digest);
    if (known) return known;
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.stream(descriptor, options)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Like `fetch`, as it comes. Rejects at the end when it was not what the digest promised. */
  stream(descriptor: Descriptor, options: FetchOptions & { progress?: Progress }): AsyncIterable<Uint8Array> {
    const { digest, size } = descriptor;
    const { reference, limit } = options;
    if (size > limit)
      throw new OciError('TOO_LARGE', `${digest} has ${size} bytes, more than the ${limit} allowed`);
    const network = networkReference(reference);
    return download(this.to(network.registry), network, descriptor, options);
  }

  /** The tags of a repository, page by page. `NOT_FOUND` where the registry has no such repository. */
  tags(reference: Reference, signal?: AbortSignal): Promise<string[]> {
    const network = networkReference(reference);
    return readPages(this.to(network.registry), network, 'tags/list?n=1000', signal, ({ tags }) =>
      Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [],
    );
  }

  /**
   * What refers to a manifest: the referrers API, or the tag that stands in for it where a registry has none
   * (distribution spec, "Referrers tag schema"). Descriptors as they were sent: not checked.
   */
  async referrers(reference: Reference, digest: Digest, signal?: AbortSignal): Promise<readonly unknown[]> {
    const network = networkReference(reference);
    try {
      return await readPages<unknown>(
        this.to(network.registry),
        network,
        `referrers/${digest}`,
        signal,
        manifestsOf,
      );
    } catch (error) {
      if (!(error instanceof OciError) || (error.code !== 'NOT_FOUND' && error.code !== 'REFUSED'))
        throw error;
    }
    return readReferrersTag(this.to(network.registry), network, digest, signal);
  }

  /** Upload a blob unless it is there. */
  pushBlob(
    reference: Reference,
    content: UploadContent,
    options: UploadOptions = {},
  ): Promise<'there' | 'mounted' | 'pushed'> {
    const network = networkReference(reference);
    return upload(this.to(network.registry), network, content, options);
  }

  /**
   * By tag, or by digest when the reference has none. A manifest with a subject is found among its referrers afterwards,
   * in a registry without the referrers API, too.
   */
  async pushManifest(
    reference: Reference,
    manifest: Blob,
    options: { byDigest?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const network = networkReference(reference);
    const name = options.byDigest || network.tag === undefined ? manifest.descriptor.digest : network.tag;
    const { isListed } = await uploadManifest(
      this.to(network.registry),
      network,
      manifest,
      name,
      options.signal,
    );
    const subject = subjectOf(manifest);
    if (subject !== undefined && !isListed)
      await addToReferrersTag(this.to(network.registry), network, subject.digest, manifest, options.signal);
  }
}

function manifestsOf({ manifests }: Record<string, unknown>): readonly unknown[] {
  return Array.isArray(manifests) ? manifests : [];
}
