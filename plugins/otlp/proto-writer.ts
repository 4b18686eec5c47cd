const scratch = new DataView(new ArrayBuffer(8));

/** Writes protobuf messages (protobuf.dev, "Encoding") to one buffer that grows. */
export class ProtoWriter {
  private buffer = Buffer.allocUnsafe(64 * 1024);
  private at = 0;

  /** The length stands before the content and is known after it: four bytes are kept, a padded varint. */
  message(field: number, content: () => void): void {
    this.tag(field, 2);
    this.need(4);
    const length = this.at;
    this.at += 4;
    content();
    const size = this.at - length - 4;
    this.buffer[length] = (size & 0x7f) | 0x80;
    this.buffer[length + 1] = ((size >>> 7) & 0x7f) | 0x80;
    this.buffer[length + 2] = ((size >>> 14) & 0x7f) | 0x80;
    this.buffer[length + 3] = (size >>> 21) & 0x7f;
  }

  text(field: number, text: string): void {
    this.tag(field, 2);
    // A UTF-16 unit is three bytes of UTF-8 at most.
    this.need(5 + 3 * text.length);
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.at += this.buffer.write(text, this.at, size, 'utf8');
  }

  uint(field: number, value: number): void {
    this.tag(field, 0);
    this.varint(value);
  }

  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  /** int64: negative ones take ten bytes. */
  int64(field: number, value: bigint): void {
    this.tag(field, 0);
    this.need(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.buffer[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.at++] = Number(rest);
  }

  fixed64(field: number, value: bigint): void {
    this.tag(field, 1);
    this.need(8);
    this.at = this.buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.at);
  }

  double(field: number, value: number): void {
    this.tag(field, 1);
    this.need(8);
    this.at = this.buffer.writeDoubleLE(value, this.at);
  }

  packedDoubles(field: number, values: readonly number[]): void {
    this.packed(field, values, (value) => scratch.setFloat64(0, value, true));
  }

  packedFixed64(field: number, values: readonly number[]): void {
    this.packed(field, values, (value) => scratch.setBigUint64(0, BigInt(value), true));
  }

  private packed(field: number, values: readonly number[], store: (value: number) => void): void {
    if (values.length === 0) return;
    this.tag(field, 2);
    this.varint(values.length * 8);
    this.need(values.length * 8);
    for (const value of values) {
      store(value);
      for (let i = 0; i < 8; i++) this.buffer[this.at++] = scratch.getUint8(i);
    }
  }

  private tag(field: number, wireType: 0 | 1 | 2): void {
    this.varint(field * 8 + wireType);
  }

  private varint(value: number): void {
    this.need(8);
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
  }

  done(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }
}
