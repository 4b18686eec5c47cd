import { constants, createHash, type KeyObject, sign } from 'node:crypto';

/*
 * Signatures as cosign's specs (SIGNATURE_SPEC.md, BUNDLE_SPEC.md) say, made with node:crypto, so that tests need no
 * Go. test/services/cosign.test.ts holds the same code to what the real cosign writes.
 */

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
export const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';

export interface TestBlob {
  readonly descriptor: Record<string, unknown> & { mediaType: string; digest: string; size: number };
  readonly bytes: Buffer;
}

/** A manifest and what it names, as a registry takes them. */
export interface TestImage {
  readonly manifest: TestBlob;
  readonly blobs: readonly TestBlob[];
}

export const sha256 = (bytes: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export function blob(mediaType: string, content: string | Uint8Array, more: object = {}): TestBlob {
  const bytes = Buffer.from(content);
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length, ...more }, bytes };
}

export function image(config: TestBlob, layers: readonly TestBlob[], more: object = {}): TestImage {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    ...more,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  };
  return { manifest: blob(MANIFEST, JSON.stringify(document)), blobs: [config, ...layers] };
}

/** How cosign signs with a key of this kind. */
export function signWith(key: KeyObject, data: Uint8Array, hash = hashOf(key), pss = false): Buffer {
  if (!pss) return sign(hash, data, key);
  return sign(hash, data, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
}

function hashOf(key: KeyObject): string | null {
  if (key.asymmetricKeyType === 'ed25519') return null;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256';
}

/** The payload of a simple signing layer. */
export function payload(digest: string, more: { reference?: string; type?: string } = {}): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': more.reference ?? 'example.com/somewhere/else' },
      image: { 'docker-manifest-digest': digest },
      type: more.type ?? 'cosign container image signature',
    },
    optional: null,
  });
}

/** A layer of a signature tag's manifest. */
export function signedLayer(
  key: KeyObject,
  text: string,
  signature = signWith(key, Buffer.from(text)),
): TestBlob {
  return blob(SIMPLE_SIGNING, text, {
    annotations: { 'dev.cosignproject.cosign/signature': signature.toString('base64') },
  });
}

/** The image that cosign puts under the tag sha256-….sig. */
export function signatureImage(...layers: readonly TestBlob[]): TestImage {
  const config = blob(
    'application/vnd.oci.image.config.v1+json',
    JSON.stringify({ architecture: '', os: '', config: {}, rootfs: { type: 'layers', diff_ids: [] } }),
  );
  return image(config, layers);
}

/** An in-toto statement as `cosign sign` makes it. */
export function statement(digest: string, predicateType = SIGN_PREDICATE): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  const subject = [{ digest: { [algorithm]: hex } }];
  return JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject, predicateType });
}

/** A sigstore bundle around a DSSE envelope. */
export function dsseBundle(key: KeyObject, text: string, changes: object = {}): Record<string, unknown> {
  const type = 'application/vnd.in-toto+json';
  const bytes = Buffer.from(text);
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${bytes.length} `), bytes]);
  return {
    mediaType: BUNDLE,
    verificationMaterial: { publicKey: { hint: 'aGludA==' } },
    dsseEnvelope: {
      payload: bytes.toString('base64'),
      payloadType: type,
      signatures: [{ sig: signWith(key, signed).toString('base64') }],
    },
    ...changes,
  };
}

/** A sigstore bundle with a signature of the artifact's own bytes. */
export function messageBundle(key: KeyObject, artifact: Uint8Array): Record<string, unknown> {
  return {
    mediaType: BUNDLE,
    verificationMaterial: { publicKey: { hint: 'aGludA==' } },
    messageSignature: {
      messageDigest: {
        algorithm: 'SHA2_256',
        digest: createHash('sha256').update(artifact).digest('base64'),
      },
      signature: signWith(key, artifact).toString('base64'),
    },
  };
}

/** The referrer that holds a bundle. */
export function bundleImage(bundle: object, subject: TestBlob['descriptor']): TestImage {
  const config = blob('application/vnd.oci.empty.v1+json', '{}');
  const { mediaType, digest, size } = subject;
  return image(config, [blob(BUNDLE, JSON.stringify(bundle))], {
    artifactType: BUNDLE,
    subject: { mediaType, digest, size },
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': SIGN_PREDICATE,
    },
  });
}

/** Where a registry without the referrers API is told of referrers: the index under the tag sha256-…. */
export function referrersIndex(...images: readonly TestImage[]): TestBlob {
  const manifests = images.map(({ manifest }) => ({ ...manifest.descriptor, artifactType: BUNDLE }));
  return blob(INDEX, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
}

/** Push to a registry that asks for nothing. `tag`: instead of by digest. */
export async function pushImage(url: string, { manifest, blobs }: TestImage, tag?: string): Promise<void> {
  for (const { descriptor, bytes } of blobs) {
    const begun = await fetch(`${url}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(begun.headers.get('location') ?? '', url);
    place.searchParams.set('digest', descriptor.digest);
    await put(place.href, bytes, 'application/octet-stream');
  }
  await pushManifest(url, manifest, tag);
}

export async function pushManifest(
  url: string,
  { descriptor, bytes }: TestBlob,
  tag?: string,
): Promise<void> {
  await put(`${url}/manifests/${tag ?? descriptor.digest}`, bytes, descriptor.mediaType);
}

async function put(url: string, body: Buffer, type: string): Promise<void> {
  const { status } = await fetch(url, {
    method: 'PUT',
    body: new Uint8Array(body),
    headers: { 'content-type': type },
  });
  if (status !== 201) throw new Error(`PUT ${url}: ${status}`);
}

export const signatureTag = (digest: string): string => `${digest.replace(':', '-')}.sig`;
