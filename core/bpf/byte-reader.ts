import { BpfError, type BpfErrorCode } from './error.js';

/** Little-endian reads that cannot leave the bytes: what lies outside is a {@link BpfError}, never a RangeError. */
export class ByteReader {
  /** A plain view: `slice` of a Buffer, which a caller may have given, would not copy. */
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  /** `where` and `code` describe the bytes in errors. Nothing is copied. */
  constructor(
    bytes: Uint8Array,
    readonly where: string,
    private readonly code: BpfErrorCode,
  ) {
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    this.check(offset, 1);
    return this.view.getUint8(offset);
  }

  u16(offset: number): number {
    this.check(offset, 2);
    return this.view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.check(offset, 4);
    return this.view.getUint32(offset, true);
  }

  i32(offset: number): number {
    this.check(offset, 4);
    return this.view.getInt32(offset, true);
  }

  /** As a number: exact up to 2^53, and beyond that larger than any length, which is all that offsets need. */
  u64(offset: number): number {
    this.check(offset, 8);
    return this.view.getUint32(offset + 4, true) * 2 ** 32 + this.view.getUint32(offset, true);
  }

  /** A window on the bytes, not a copy. */
  slice(offset: number, length: number): Uint8Array {
    this.check(offset, length);
    return this.bytes.subarray(offset, offset + length);
  }

  private check(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.bytes.length) return;
    throw new BpfError(
      this.code,
      this.where,
      `bytes ${offset} to ${offset + length} lie outside its ${this.bytes.length} bytes`,
    );
  }
}
