import type { NumberColumn } from '../../../plugins/sdk/index.js';

const HEADROOM = 1.25;
const MOST_TIMES = 8;
const SMALL = 64 << 10;

/** Arrays of one buffer, each at a multiple of 8 bytes: one thing to transfer, and to write again. */
export class Packed {
  private readonly memory: ArrayBuffer;
  private used = 0;

  /**
   * `sizes`: bytes of the arrays that are to come. `spare` is taken where it is large enough, and not far too large:
   * what a burst needed is not kept for ever. Null: there is none, but what is made may become one.
   */
  constructor(sizes: readonly number[], spare: ArrayBuffer | null | undefined) {
    const bytes = sizes.reduce((sum, size) => sum + aligned(size), 0);
    if (spare && spare.byteLength >= bytes && spare.byteLength <= MOST_TIMES * Math.max(bytes, SMALL)) {
      this.memory = spare;
      return;
    }
    // Where it comes back: with room for a little more the next time.
    this.memory = new ArrayBuffer(spare === undefined ? bytes : aligned(bytes * HEADROOM));
  }

  /** An array that holds whatever was there. */
  take<T extends PackedArray>(kind: Kind<T>, length: number): T {
    const array = new kind(this.memory, this.used, length);
    this.used += aligned(array.byteLength);
    return array;
  }

  /** A copy of the first `length` elements. */
  copy<T extends PackedArray>(from: T, length: number): T {
    const copy = this.take(from.constructor as Kind<T>, length);
    copy.set(from.subarray(0, length) as never);
    return copy;
  }
}

type Kind<T> = new (memory: ArrayBuffer, at: number, length: number) => T;

type PackedArray = NumberColumn['values'];

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
