import type { NativeRingReader, RingPeek } from '../../native/addon.js';
import { addon, guarded } from './addon.js';

export type { RingPeek };

/**
 * The reader's side of a ring buffer, made in the worker that decodes it. Records stay where they are, in
 * `memory`, until the {@link RingOwner} releases them. Duplicates `fd`.
 */
export class RingReader {
  private readonly native: NativeRingReader;
  readonly size: number;
  /** The data, twice in a row, so that no record wraps. Read-only: a write to it kills the process. Length 0 after `close`. */
  readonly memory: ArrayBuffer;

  constructor(fd: number) {
    this.native = guarded(() => addon().createRingReader(fd));
    this.size = this.native.size;
    this.memory = this.native.memory;
  }

  /**
   * Walk the records from `from`, a position that the owner's consumer has not passed. Fills `offsets` and
   * `lengths`, which say where each record lies in `memory`; skips discarded records; stops at one that is
   * still being written, when a table is full, or before `maxBytes` are exceeded (but takes at least one).
   */
  peek(from: number, offsets: Uint32Array, lengths: Uint32Array, maxBytes: number): RingPeek {
    try {
      return this.native.peek(from, offsets, lengths, maxBytes);
    } catch (error) {
      return guarded(() => {
        throw error;
      });
    }
  }

  /** Unmaps at once: nobody may read in `memory` any more. Idempotent. */
  close(): void {
    this.native.close();
  }
}
