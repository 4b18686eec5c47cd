import type { Descriptor } from './descriptor.js';
import type { Reference } from './reference.js';

/** Somewhere images can be read: a local store, later a registry. */
export interface ImageSource {
  /** For messages: the store's folder, the registry's host. */
  readonly label: string;
  /** What the reference stands for here; `undefined` when this source has no such image. */
  resolve(reference: Reference, options?: SourceOptions): Promise<Descriptor | undefined>;
  /**
   * The content of a descriptor: exactly `descriptor.size` bytes with its digest, verified before it is handed
   * out. `OciError` `TOO_LARGE` before anything is read when the size exceeds `limit`.
   */
  fetch(descriptor: Descriptor, options: FetchOptions): Promise<Uint8Array>;
}

export interface SourceOptions {
  readonly signal?: AbortSignal;
}

export interface FetchOptions extends SourceOptions {
  /** The image it belongs to: a registry keeps blobs by repository. */
  readonly reference: Reference;
  /** Bytes. */
  readonly limit: number;
}
