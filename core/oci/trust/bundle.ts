import { digestParts, quote } from '../digest.js';
import type { Blob } from '../image.js';
import { decodeJson, isRecord } from '../json.js';
import { decodeBase64, Malformed } from './malformed.js';
import type { PublicKey } from './public-key.js';

/** Media types of a sigstore bundle: v0.3, and as 0.1 and 0.2 spelled theirs. */
const BUNDLE = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.3\+json|\+json;version=0\.[123])$/;
const IN_TOTO = 'application/vnd.in-toto+json';
const STATEMENTS = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];
/** What `cosign sign` attests. Any other predicate says something else of an image: that it is bad, for all we know. */
export const SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';
/** As sigstore-go has it. */
const MAX_SUBJECTS = 1024;

/** `key` of a list that signed; otherwise why it is no signature of the subject by one of them. */
export type BundleJudgement = { readonly key: PublicKey } | { readonly why: string };

export function isBundle(mediaType: string): boolean {
  return BUNDLE.test(mediaType);
}

/**
 * Judge a sigstore bundle (sigstore/protobuf-specs, sigstore_bundle.proto) by its signature alone: a transparency
 * log's entries, timestamps and certificates are not looked at. Throws {@link Malformed}.
 */
export function judgeBundle(bytes: Uint8Array, subject: Blob, keys: readonly PublicKey[]): BundleJudgement {
  const bundle = record(json(bytes, 'it'), 'it');
  if (typeof bundle.mediaType !== 'string' || !isBundle(bundle.mediaType))
    throw new Malformed('it does not say that it is a sigstore bundle');
  const material = record(bundle.verificationMaterial, 'verificationMaterial');
  if (material.certificate !== undefined || material.x509CertificateChain !== undefined)
    return { why: 'made with a certificate (keyless), not with a key' };
  if (bundle.dsseEnvelope !== undefined) return judgeEnvelope(bundle.dsseEnvelope, subject, keys);
  if (bundle.messageSignature !== undefined) return judgeMessage(bundle.messageSignature, subject, keys);
  throw new Malformed('it has neither a dsseEnvelope nor a messageSignature');
}

/** DSSE (secure-systems-lab/dsse, protocol.md) around an in-toto statement. */
function judgeEnvelope(value: unknown, subject: Blob, keys: readonly PublicKey[]): BundleJudgement {
  const envelope = record(value, 'dsseEnvelope');
  const { payloadType, signatures } = envelope;
  if (payloadType !== IN_TOTO) throw new Malformed(`its payload is ${quote(String(payloadType))}`);
  if (!Array.isArray(signatures) || signatures.length !== 1)
    throw new Malformed('dsseEnvelope has not exactly one signature');
  const payload = decodeBase64(envelope.payload, 'the payload');
  const signature = decodeBase64(record(signatures[0], 'the signature').sig, 'the signature');
  const signed = preAuthenticationEncoding(IN_TOTO, payload);
  const key = keys.find((one) => one.verifies(signed, signature));
  if (key === undefined) return { why: 'by another key, or damaged' };

  const statement = record(json(payload, 'the statement'), 'the statement');
  if (!STATEMENTS.includes(String(statement._type)))
    throw new Malformed('the payload is not an in-toto statement');
  if (statement.predicateType !== SIGN_PREDICATE)
    return { why: `an attestation (${quote(String(statement.predicateType))}), which is no signature` };
  const { subject: subjects } = statement;
  if (!Array.isArray(subjects) || subjects.length > MAX_SUBJECTS)
    throw new Malformed('the statement has no list of subjects, or one that is too long');
  const { algorithm, hex } = digestParts(subject.descriptor.digest);
  const named = subjects.map((one) => {
    const digests = isRecord(one) && isRecord(one.digest) ? one.digest : {};
    return Object.hasOwn(digests, algorithm) ? digests[algorithm] : undefined;
  });
  if (named.includes(hex)) return { key };
  return { why: `for another image, ${algorithm}:${quote(String(named[0]))}` };
}

/** A signature of the manifest's own bytes. */
function judgeMessage(value: unknown, subject: Blob, keys: readonly PublicKey[]): BundleJudgement {
  const message = record(value, 'messageSignature');
  const { algorithm, digest } = record(message.messageDigest, 'messageDigest');
  const expected = digestParts(subject.descriptor.digest);
  const hex = Buffer.from(decodeBase64(digest, 'messageDigest')).toString('hex');
  if (algorithm !== (expected.algorithm === 'sha256' ? 'SHA2_256' : 'SHA2_512') || hex !== expected.hex)
    return { why: `for something else, ${quote(`${String(algorithm)} ${hex}`)}` };
  const signature = decodeBase64(message.signature, 'the signature');
  const key = keys.find((one) => one.verifies(subject.bytes, signature));
  return key === undefined ? { why: 'by another key, or damaged' } : { key };
}

function preAuthenticationEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function json(bytes: Uint8Array, what: string): unknown {
  try {
    return decodeJson(bytes);
  } catch {
    throw new Malformed(`${what} is not JSON`);
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new Malformed(`${what} is not an object`);
  return value;
}
