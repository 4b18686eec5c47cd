import type { NativeRingOwner } from '../../native/addon.js';
import { addon, guarded } from './addon.js';

/**
 * The owner's side of a ring buffer: sees both positions, and alone moves the consumer's. Lives in the thread
 * that decides what is done with, whatever thread reads the records. Duplicates `fd`.
 */
export class RingOwner {
  private readonly native: NativeRingOwner;
  /** Data bytes; a power of two. */
  readonly size: number;

  constructor(fd: number) {
    this.native = guarded(() => addon().createRingOwner(fd));
    this.size = this.native.size;
  }

  /** Bytes since the ring was made; what lies between them is not released yet. */
  positions(): { consumer: number; producer: number } {
    return guarded(() => this.native.positions());
  }

  /** Give everything before `position` back to the kernel. Refuses to go back, or beyond the producer. */
  release(position: number): void {
    guarded(() => this.native.release(position));
  }

  /** Unmaps. Idempotent. */
  close(): void {
    this.native.close();
  }
}
