const FIRST = 1 << 16;
/** A bigger buffer is not kept for the next drain. */
const KEPT = 16 << 20;

/** Growing memory that text is written to and copied from; reused between drains. */
export class LineBuffer {
  out = new DataView(new ArrayBuffer(FIRST));

  /** Make room for `size` bytes at `at`, keeping what is before. */
  grow(at: number, size: number): DataView {
    const grown = new Uint8Array(Math.max(at + size, this.out.byteLength * 2));
    grown.set(new Uint8Array(this.out.buffer, 0, at));
    this.out = new DataView(grown.buffer);
    return this.out;
  }

  /** The first `size` bytes, in memory of their own. */
  take(size: number): Uint8Array {
    const taken = new Uint8Array(this.out.buffer, 0, size).slice();
    if (this.out.byteLength > KEPT) this.out = new DataView(new ArrayBuffer(FIRST));
    return taken;
  }
}
