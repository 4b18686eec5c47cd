import type { NativeMapReader } from '../../native/addon.js';
import { addon, guarded } from './addon.js';

/** What one {@link MapReader.read} found: `count` entries of `stride` bytes at the beginning of `bytes`. */
export interface MapSnapshot {
  /** Valid until the next `read`; may be longer than the entries. */
  readonly bytes: ArrayBuffer;
  readonly count: number;
  /** There were more entries than asked for. */
  readonly truncated: boolean;
}

/**
 * Reads a hash, LRU hash, array, LPM trie or per-CPU map whole, with as few system calls as the kernel allows.
 * An entry is its key padded to a multiple of 8, then its values (one, or one a possible CPU), each padded to 8.
 * The key of an array is its index, u32. Entries that come or go in mid-read may or may not be there; none is
 * there twice. Works in any thread; duplicates `fd`.
 */
export class MapReader {
  private readonly native: NativeMapReader;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly valuesPerKey: number;
  readonly stride: number;

  constructor(fd: number) {
    this.native = guarded(() => addon().createMapReader(fd));
    const { keySize, valueSize, maxEntries, valuesPerKey, stride } = this.native;
    this.keySize = keySize;
    this.valueSize = valueSize;
    this.maxEntries = maxEntries;
    this.valuesPerKey = valuesPerKey;
    this.stride = stride;
  }

  /** Read at most `maxEntries`. */
  read(options: { readonly maxEntries: number }): MapSnapshot {
    return guarded(() => this.native.read(options));
  }

  /** Idempotent. */
  close(): void {
    this.native.close();
  }
}
