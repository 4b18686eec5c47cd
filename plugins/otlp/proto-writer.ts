/** Longest text that is looked at character by character; what is longer, or not ASCII, is left to Node. */
const SHORT = 64;
/** A call that copies costs more than a loop over so few bytes. */
const SHORT_BYTES = 24;
const WORD = 4294967296;

/** Writes protobuf messages (protobuf.dev, "Encoding") to one buffer that grows. Field numbers are below 16. */
export class ProtoWriter {
  private buffer: Buffer;
  private view: DataView;
  private at = 0;
  /** The last 64-bit integer as words: a reading's points share their times. */
  private lastBig = 0n;
  private lastLow = 0;
  private lastHigh = 0;

  /** `bytes`: what is likely to be written. */
  constructor(bytes = 64 * 1024) {
    this.buffer = Buffer.allocUnsafe(bytes);
    this.view = viewOf(this.buffer);
  }

  /**
   * Begin a message in a field; {@link end}, with the same `width`, takes what this returns. The length stands before
   * the content and is known after it: so many bytes are kept for it.
   */
  begin(field: number, width = 1): number {
    this.need(1 + width);
    this.buffer[this.at] = field * 8 + 2;
    this.at += 1 + width;
    return this.at;
  }

  /** A length that is shorter than what was kept is padded; for one that is longer, the content makes room. */
  end(start: number, width = 1): void {
    const size = this.at - start;
    let taken = 1;
    for (let rest = size; rest >= 0x80; rest >>>= 7) taken++;
    if (taken > width) {
      this.need(taken - width);
      this.buffer.copyWithin(start + taken - width, start, this.at);
      this.at += taken - width;
    } else taken = width;
    let at = start - width;
    let rest = size;
    for (let i = 1; i < taken; i++, rest >>>= 7) this.buffer[at++] = (rest & 0x7f) | 0x80;
    this.buffer[at] = rest;
  }

  /** Bytes that are written already. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.need(length);
    if (length < SHORT_BYTES) for (let i = 0; i < length; i++) this.buffer[this.at + i] = bytes[i]!;
    else this.buffer.set(bytes, this.at);
    this.at += length;
  }

  /** A field of text that is there as UTF-8. */
  utf8(field: number, bytes: Buffer, from: number, to: number): void {
    const size = to - from;
    this.need(6 + size);
    this.buffer[this.at++] = field * 8 + 2;
    this.varint(size);
    if (size < SHORT_BYTES) for (let i = 0; i < size; i++) this.buffer[this.at + i] = bytes[from + i]!;
    else bytes.copy(this.buffer, this.at, from, to);
    this.at += size;
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

  /** int64: negative ones take ten bytes. A number is a safe integer. */
  int64(field: number, value: number | bigint): void {
    if (typeof value === 'number') {
      if (value >= 0) this.uint(field, value);
      else {
        const high = Math.floor(value / WORD);
        this.varintWords(field, value - high * WORD, high >>> 0);
      }
      return;
    }
    this.varintWords(field, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  /** A varint of 64 bits, as two unsigned words. */
  varintWords(field: number, low: number, high: number): void {
    this.need(11);
    const { buffer } = this;
    buffer[this.at++] = field * 8;
    let [a, b] = [low, high];
    while (b !== 0 || a >= 0x80) {
      buffer[this.at++] = (a & 0x7f) | 0x80;
      a = ((a >>> 7) | (b << 25)) >>> 0;
      b >>>= 7;
    }
    buffer[this.at++] = a;
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

  /** A fixed64 as two words. */
  words(field: number, low: number, high: number): void {
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
    for (; rest < 0x8000_0000 && rest >= 0x80; rest >>>= 7) this.buffer[this.at++] = (rest & 0x7f) | 0x80;
    // Shifts would cut what is longer.
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
