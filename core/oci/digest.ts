import { createHash, type Hash } from 'node:crypto';
import { OciError } from './error.js';

/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case: the algorithms that the image spec registers and we verify. */
export type Digest = string & { readonly __digest: unique symbol };

export type DigestAlgorithm = 'sha256' | 'sha512';

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** Grammar of the image spec's `descriptor.md`: `algorithm:encoded`, checked for the registered algorithms. */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  if (colon < 0 || !isAlgorithm(algorithm)) {
    throw new OciError('INVALID_DIGEST', `${quote(text)} is not a digest: sha256:… or sha512:… expected`);
  }
  const hex = text.slice(colon + 1);
  if (hex.length !== HEX_LENGTH[algorithm] || !/^[0-9a-f]+$/.test(hex)) {
    throw new OciError(
      'INVALID_DIGEST',
      `${quote(text)} is not a digest: ${algorithm} needs ${HEX_LENGTH[algorithm]} lower-case hex digits`,
    );
  }
  return text as Digest;
}

export function isDigest(text: string): text is Digest {
  const [algorithm, hex, ...rest] = text.split(':');
  return (
    rest.length === 0 &&
    isAlgorithm(algorithm) &&
    hex?.length === HEX_LENGTH[algorithm] &&
    /^[0-9a-f]+$/.test(hex)
  );
}

export function digestParts(digest: Digest): { algorithm: DigestAlgorithm; hex: string } {
  const [algorithm, hex] = digest.split(':') as [DigestAlgorithm, string];
  return { algorithm, hex };
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

/** A running hash, for content that is streamed. */
export function digester(digest: Digest): { update(chunk: Uint8Array): void; matches(): boolean } {
  const { algorithm, hex } = digestParts(digest);
  const hash: Hash = createHash(algorithm);
  return {
    update: (chunk) => void hash.update(chunk),
    matches: () => hash.digest('hex') === hex,
  };
}

function isAlgorithm(text: string | undefined): text is DigestAlgorithm {
  return text === 'sha256' || text === 'sha512';
}

/** User or wire text in a message: shortened, control characters escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
