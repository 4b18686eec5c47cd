/** Longest text that is looked at character by character; what is longer, or not ASCII, is left to Node. */
const SHORT = 64;
const WORD = 4294967296;

/** Writes protobuf messages (protobuf.dev, "Encoding") to one buffer that grows. Field numbers are below 16. */
export class ProtoWriter {
  private buffer = Buffer.allocUnsafe(64 * 1024);
  private view = viewOf(this.buffer);
  private at = 0;
  /** The last 64-bit integer as words: a reading's points share their times. */
  private lastBig = 0n;
  private lastLow = 0;
  private lastHigh = 0;

  /** Begin a message in a field; {@link end} takes what this returns. Four bytes are kept for the length. */
  begin(field: number): number {
    this.need(5);
    this.buffer[this.at] = field * 8 + 2;
    this.at += 5;
    return this.at;
  }

  /** The length stands before the content and is known after it: a padded varint. */
  end(start: number): void {
    const size = this.at - start;
    const { buffer } = this;
    buffer[start - 4] = (size & 0x7f) | 0x80;
    buffer[start - 3] = ((size >>> 7) & 0x7f) | 0x80;
    buffer[start - 2] = ((size >>> 14) & 0x7f) | 0x80;
    buffer[start - 1] = (size >>> 21) & 0x7f;
  }

  text(field: number, text: string): void {
    const { length } = text;
    // A UTF-16 unit is three bytes of UTF-8 at most.
    this.need(6 + 3 * length);
    const { buffer } = this;
    buffer[this.at] = field * 8 + 2;
    if (length < SHORT) {
      const start = this.at + 2;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[start + i] = code;
      }
      if (i === length) {
        buffer[this.at + 1] = length;
        this.at = start + length;
        return;
      }
    }
    this.at++;
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.at += this.buffer.write(text, this.at, size, 'utf8');
  }

  uint(field: number, value: number): void {
    this.need(10);
    this.buffer[this.at++] = field * 8;
    this.varint(value);
  }

  /** Zigzag. */
  sint32(field: number, value: number): void {
    this.uint(field, ((value << 1) ^ (value >> 31)) >>> 0);
  }

  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  /** int64: negative ones take ten bytes. */
  int64(field: number, value: bigint): void {
    this.need(11);
    this.buffer[this.at++] = field * 8;
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.buffer[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.at++] = Number(rest);
  }

  /** fixed64 or sfixed64. */
  fixed64(field: number, value: bigint): void {
    if (value !== this.lastBig) {
      this.lastBig = value;
      this.lastLow = Number(BigInt.asUintN(32, value));
      this.lastHigh = Number(BigInt.asUintN(32, value >> 32n));
    }
    this.words(field, this.lastLow, this.lastHigh);
  }

  /** The same of a safe integer. */
  fixedSafe(field: number, value: number): void {
    const high = Math.floor(value / WORD);
    this.words(field, value - high * WORD, high);
  }

  private words(field: number, low: number, high: number): void {
    this.need(9);
    this.buffer[this.at] = field * 8 + 1;
    this.view.setUint32(this.at + 1, low, true);
    this.view.setInt32(this.at + 5, high, true);
    this.at += 9;
  }

  double(field: number, value: number): void {
    this.need(9);
    this.buffer[this.at] = field * 8 + 1;
    this.view.setFloat64(this.at + 1, value, true);
    this.at += 9;
  }

  packedDoubles(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.packed(field, values.length);
    for (const value of values) {
      this.view.setFloat64(this.at, value, true);
      this.at += 8;
    }
  }

  /** fixed64 of safe integers. */
  packedFixed64(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.packed(field, values.length);
    for (const value of values) {
      const high = Math.floor(value / WORD);
      this.view.setUint32(this.at, value - high * WORD, true);
      this.view.setInt32(this.at + 4, high, true);
      this.at += 8;
    }
  }

  /** uint64 of safe integers. */
  packedVarints(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    const start = this.begin(field);
    for (const value of values) {
      this.need(10);
      this.varint(value);
    }
    this.end(start);
  }

  private packed(field: number, count: number): void {
    this.need(10 + 8 * count);
    this.buffer[this.at++] = field * 8 + 2;
    this.varint(8 * count);
  }

  private varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.at++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.at++] = rest;
  }

  private need(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, this.at + bytes));
    larger.set(this.buffer.subarray(0, this.at));
    this.buffer = larger;
    this.view = viewOf(larger);
  }

  done(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
