import { type Digest, isDigest, quote } from '../digest.js';
import { decodeJson, isRecord } from '../json.js';
import { Malformed } from './malformed.js';

/** cosign's SIGNATURE_SPEC.md: one layer a signature, the signature itself in the layer's annotation, base64. */
export const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';

/**
 * The image that a payload speaks of. Its `docker-reference` is not looked at: it is a name that the signer typed,
 * and says nothing of where the image was found.
 */
export function simpleSigningSubject(payload: Uint8Array): Digest {
  let value: unknown;
  try {
    value = decodeJson(payload);
  } catch {
    throw new Malformed('its payload is not JSON');
  }
  const critical = isRecord(value) && isRecord(value.critical) ? value.critical : undefined;
  if (critical?.type !== 'cosign container image signature')
    throw new Malformed('its payload is not a "cosign container image signature"');
  const digest = isRecord(critical.image) ? critical.image['docker-manifest-digest'] : undefined;
  if (typeof digest !== 'string' || !isDigest(digest))
    throw new Malformed(`its payload names ${quote(String(digest))}, which is not a digest`);
  return digest;
}
