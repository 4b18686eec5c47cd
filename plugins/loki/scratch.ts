/** More than this is not kept: one huge batch should not cost memory for ever. */
const MOST_BYTES = 8 << 20;

/**
 * Memory for what is done with before anything else runs. New memory each time would make V8 collect everything
 * several times a second.
 */
export class Scratch {
  private kept = Buffer.alloc(0);

  /** So many bytes, with anything in them. Valid until the next call. */
  take(bytes: number): Buffer {
    if (bytes > MOST_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > this.kept.length) this.kept = Buffer.allocUnsafeSlow(bytes);
    return this.kept.subarray(0, bytes);
  }
}
