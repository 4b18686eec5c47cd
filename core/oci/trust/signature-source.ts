import type { Digest } from '../digest.js';
import { OciError } from '../error.js';
import type { Reference } from '../reference.js';
import type { SignatureImage } from './signature-image.js';

/** Somewhere signatures of an image can be found: a store that kept them, a registry. */
export interface SignatureSource {
  /** For messages, to follow "in ". */
  readonly label: string;
  /**
   * Signatures of one digest, in a bounded number, those that are cheap to have first: stop reading when enough is
   * seen. What cannot be read is a fault, not a throw, so that it hides no other signature.
   */
  signatures(reference: Reference, subject: Digest, signal?: AbortSignal): AsyncIterable<FoundSignatures>;
}

export type FoundSignatures = { readonly image: SignatureImage } | SignatureFault;

export interface SignatureFault {
  readonly fault: string;
  /** Where the place did not answer, or answered that it cannot now. */
  readonly unreachable?: OciError;
}

export function faultOf(error: unknown, signal: AbortSignal | undefined): SignatureFault {
  // An interrupt of the caller's is no finding; a time-out is one.
  const reason: unknown = signal?.reason;
  if (signal?.aborted && !(reason instanceof DOMException && reason.name === 'TimeoutError')) throw error;
  if (error instanceof OciError && error.code === 'UNREACHABLE')
    return { fault: error.message, unreachable: error };
  return { fault: error instanceof Error ? error.message : String(error) };
}
