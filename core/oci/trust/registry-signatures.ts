import { annotation, type Descriptor, parseDescriptor } from '../descriptor.js';
import type { Digest } from '../digest.js';
import { isRecord } from '../json.js';
import { MANIFEST } from '../media-types.js';
import { networkReference, parseReference, type Reference } from '../reference.js';
import type { Registries } from '../registry/index.js';
import { isBundle, SIGN_PREDICATE } from './bundle.js';
import { readSignatureImage } from './signature-image.js';
import { type FoundSignatures, faultOf, type SignatureSource } from './signature-source.js';
import { signatureTag } from './signature-tag.js';

/** Referrers that are fetched. Their order is a stranger's, so that what says it is a signature comes first. */
const MAX_REFERRERS = 32;
/** cosign's own, for simple signing over OCI 1.1. */
const COSIGN_ARTIFACT = 'application/vnd.dev.cosign.artifact.sig.v1+json';
const EMPTY_CONFIG = 'application/vnd.oci.empty.v1+json';
const PREDICATE_ANNOTATION = 'dev.sigstore.bundle.predicateType';

/** Signatures beside the image, where cosign puts them: under the tag `sha256-….sig`, and among its referrers. */
export class RegistrySignatures implements SignatureSource {
  constructor(
    private readonly registries: Registries,
    reference: Reference,
  ) {
    this.label = `the registry ${networkReference(reference).registry}`;
  }

  readonly label: string;

  async *signatures(
    reference: Reference,
    subject: Digest,
    signal?: AbortSignal,
  ): AsyncGenerator<FoundSignatures> {
    const options = signal === undefined ? {} : { signal };
    const tag = parseReference(`${reference.name}:${signatureTag(subject)}`);
    try {
      const descriptor = await this.registries.resolve(tag, options);
      if (descriptor !== undefined)
        yield { image: await readSignatureImage(this.registries, descriptor, tag, signal) };
    } catch (error) {
      yield faultOf(error, signal);
    }

    let referrers: Descriptor[] = [];
    try {
      referrers = (await this.registries.referrers(reference, subject, signal)).flatMap(signatureReferrer);
    } catch (error) {
      yield faultOf(error, signal);
    }
    referrers.sort((a, b) => rank(a) - rank(b));
    if (referrers.length > MAX_REFERRERS)
      yield { fault: `of ${referrers.length} referrers, only ${MAX_REFERRERS} were looked at` };
    for (const descriptor of referrers.slice(0, MAX_REFERRERS)) {
      try {
        yield { image: await readSignatureImage(this.registries, descriptor, reference, signal) };
      } catch (error) {
        yield faultOf(error, signal);
      }
    }
  }
}

/**
 * The descriptor of a referrer that may be a signature. Some registries leave the type out, and where there is no
 * referrers API cosign itself (v2.6, by go-containerregistry) writes the type of the empty config.
 */
function signatureReferrer(value: unknown): Descriptor[] {
  if (!isRecord(value) || value.mediaType !== MANIFEST) return [];
  const { artifactType } = value;
  if (typeof artifactType === 'string' && artifactType !== '')
    if (!isBundle(artifactType) && artifactType !== COSIGN_ARTIFACT && artifactType !== EMPTY_CONFIG)
      return [];
  try {
    return [parseDescriptor(value, 'referrer')];
  } catch {
    return [];
  }
}

function rank({ annotations }: Descriptor): number {
  const predicate = annotation(annotations, PREDICATE_ANNOTATION);
  return predicate === SIGN_PREDICATE ? 0 : predicate === undefined ? 1 : 2;
}
