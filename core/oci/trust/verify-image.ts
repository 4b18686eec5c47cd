import { OciError } from '../error.js';
import type { Blob } from '../image.js';
import type { Reference } from '../reference.js';
import type { Registries } from '../registry/index.js';
import type { ImageStore } from '../store.js';
import { KeptSignatures } from './kept-signatures.js';
import type { PublicKey } from './public-key.js';
import { refusal } from './refusal.js';
import { RegistrySignatures } from './registry-signatures.js';
import type { SignatureSource } from './signature-source.js';
import { type Finding, findSignature, type Verified } from './verdict.js';

/** Which signatures an image needs. */
export interface SignaturePolicy {
  /** A signature by any of them is enough; at least one. */
  readonly keys: readonly PublicKey[];
  /** Refuse an image without; otherwise warn. */
  readonly require: boolean;
}

export interface VerifyOptions {
  /** Their kept signatures are looked at first; what a registry has is kept in the first. */
  readonly stores: readonly ImageStore[];
  /** Absent: the network is not used. */
  readonly registries?: Registries | undefined;
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A registry that takes longer to tell of signatures has failed. */
const REGISTRY_MS = 60_000;

/**
 * Whether an image may be used. `documents` are what a signature may name: the image's manifest, and the index that
 * names it, whose bytes have their digests already. Throws `UNTRUSTED` where the policy requires a signature and there
 * is none, with an `UNREACHABLE` as its cause where a place could not be asked for one; returns undefined where it only
 * warns.
 */
export async function verifyImage(
  reference: Reference,
  documents: readonly Blob[],
  { keys, require }: SignaturePolicy,
  { stores, registries, warn, signal }: VerifyOptions,
): Promise<Verified | undefined> {
  const kept = stores.map((store) => new KeptSignatures(store));
  const places: SignatureSource[] = [...kept];
  if (registries !== undefined) places.push(new RegistrySignatures(registries, reference));
  const late = AbortSignal.timeout(REGISTRY_MS);
  const verdict = await findSignature(
    reference,
    documents,
    keys,
    places,
    signal === undefined ? late : AbortSignal.any([signal, late]),
  );
  if (verdict.is === 'verified') {
    const [first] = kept;
    // A store that cannot be written needs the registry again next time: no reason to refuse the image.
    if (first !== undefined && !kept.some((place) => place === verdict.from))
      await first
        .keep(verdict.subject, verdict.image, true)
        .catch((error: Error) => warn(`the signature of ${reference.text} is not kept: ${error.message}`));
    return verdict;
  }
  const message = refusal(reference, documents, keys, verdict.findings, registries !== undefined);
  if (require) throw new OciError('UNTRUSTED', message, { cause: unreachablePlace(verdict.findings) });
  warn(message);
  return undefined;
}

/** Where no signature was seen at all, why a place could not be asked: the image may be signed nevertheless. */
function unreachablePlace(findings: readonly Finding[]): OciError | undefined {
  if (findings.some(({ signatures }) => signatures.length > 0)) return undefined;
  return findings.find(({ unreachable }) => unreachable !== undefined)?.unreachable;
}

/** Keep the signature that an image was verified by, in a store that the image goes to. */
export function keepSignature(store: ImageStore, { subject, image }: Verified): Promise<void> {
  return new KeptSignatures(store).keep(subject, image, true);
}

/**
 * Keep the signatures that a registry has of an image, whoever made them, so that it can be verified without the
 * registry. Returns how many manifests of them there are. Best effort: what cannot be read is left out.
 */
export async function keepSignatures(
  reference: Reference,
  documents: readonly Blob[],
  store: ImageStore,
  registries: Registries,
  signal: AbortSignal,
): Promise<number> {
  const place = new RegistrySignatures(registries, reference);
  const kept = new KeptSignatures(store);
  let count = 0;
  for (const { descriptor } of documents) {
    for await (const found of place.signatures(reference, descriptor.digest, signal)) {
      if ('fault' in found || found.image.layers.length === 0) continue;
      await kept.keep(descriptor.digest, found.image);
      count++;
    }
  }
  return count;
}

/** How many signatures there are of an image, whoever made them. Keeps nothing. */
export async function countSignatures(
  reference: Reference,
  documents: readonly Blob[],
  { stores, registries, signal }: Omit<VerifyOptions, 'warn'>,
): Promise<number> {
  const places: SignatureSource[] = stores.map((store) => new KeptSignatures(store));
  if (registries !== undefined) places.push(new RegistrySignatures(registries, reference));
  const seen = new Set<string>();
  for (const place of places) {
    for (const { descriptor } of documents) {
      for await (const found of place.signatures(reference, descriptor.digest, signal))
        if ('image' in found)
          for (const layer of found.image.layers)
            seen.add(`${layer.descriptor.digest} ${JSON.stringify(layer.descriptor.annotations ?? {})}`);
    }
  }
  return seen.size;
}

/** Forget the signatures of images that a store has no longer. Returns how many manifests of them went. */
export function pruneSignatures(store: ImageStore): Promise<number> {
  return new KeptSignatures(store).prune();
}
