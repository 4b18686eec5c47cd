import type { Digest } from '../digest.js';
import type { OciError } from '../error.js';
import type { Blob } from '../image.js';
import type { Reference } from '../reference.js';
import { judge } from './judge.js';
import type { PublicKey } from './public-key.js';
import type { SignatureImage } from './signature-image.js';
import type { SignatureSource } from './signature-source.js';

/** What is known of an image's signatures. */
export type Verdict = Verified | { readonly is: 'unverified'; readonly findings: readonly Finding[] };

export interface Verified {
  readonly is: 'verified';
  readonly key: PublicKey;
  /** What the signature names: the image's manifest, or the index that names it. */
  readonly subject: Digest;
  readonly image: SignatureImage;
  readonly from: SignatureSource;
}

/** What a place has of a subject: nothing, or what is wrong with each signature. */
export interface Finding {
  readonly from: string;
  readonly subject: Digest;
  /** To follow "a signature ". */
  readonly signatures: readonly string[];
  /** What could not be asked or read. */
  readonly faults: readonly string[];
  /** One of the faults, where the place could not be asked. */
  readonly unreachable: OciError | undefined;
}

/** Look for one signature of one of the subjects by one of the keys, in place after place, and stop at the first. */
export async function findSignature(
  reference: Reference,
  subjects: readonly Blob[],
  keys: readonly PublicKey[],
  places: readonly SignatureSource[],
  signal?: AbortSignal,
): Promise<Verdict> {
  const findings: Finding[] = [];
  for (const from of places) {
    for (const subject of subjects) {
      const { digest } = subject.descriptor;
      const signatures: string[] = [];
      const faults: string[] = [];
      let unreachable: OciError | undefined;
      for await (const found of from.signatures(reference, digest, signal)) {
        if ('fault' in found) {
          faults.push(found.fault);
          unreachable ??= found.unreachable;
          continue;
        }
        for (const layer of found.image.layers) {
          const judgement = judge(layer, subject, keys);
          if ('key' in judgement)
            return { is: 'verified', key: judgement.key, subject: digest, image: found.image, from };
          signatures.push(judgement.why);
        }
      }
      findings.push({ from: from.label, subject: digest, signatures, faults, unreachable });
    }
  }
  return { is: 'unverified', findings };
}
