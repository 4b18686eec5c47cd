import { annotation } from '../descriptor.js';
import type { Blob } from '../image.js';
import { isBundle, judgeBundle } from './bundle.js';
import { decodeBase64, Malformed } from './malformed.js';
import type { PublicKey } from './public-key.js';
import type { SignatureLayer } from './signature-image.js';
import { SIGNATURE_ANNOTATION, simpleSigningSubject } from './simple-signing.js';

/** What one signature is to a subject: by one of the keys, or why not, to follow "a signature ". */
export type Judgement = { readonly key: PublicKey } | { readonly why: string };

/** Never throws: what cannot be understood is no signature. */
export function judge(layer: SignatureLayer, subject: Blob, keys: readonly PublicKey[]): Judgement {
  if ('fault' in layer) return { why: `that cannot be read: ${layer.fault}` };
  try {
    if (isBundle(layer.descriptor.mediaType)) return judgeBundle(layer.bytes, subject, keys);
    const text = annotation(layer.descriptor.annotations, SIGNATURE_ANNOTATION);
    const signature = decodeBase64(text, `its annotation ${SIGNATURE_ANNOTATION}`);
    const key = keys.find((one) => one.verifies(layer.bytes, signature));
    if (key === undefined) return { why: 'by another key, or damaged' };
    // Only what the key has signed is worth reading.
    const named = simpleSigningSubject(layer.bytes);
    return named === subject.descriptor.digest ? { key } : { why: `for another image, ${named}` };
  } catch (error) {
    if (error instanceof Malformed) return { why: `that is malformed: ${error.message}` };
    throw error;
  }
}
