import type { FileHandle } from 'node:fs/promises';
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
  frameBytes,
  isIntact,
} from './frame.js';

/** Bytes read at once, at least. */
const CHUNK_BYTES = 256 << 10;

/** What lies at a place of a segment: a frame, a stretch in which there is none, or one whose contents are damaged. */
export type Found =
  | {
      readonly kind: 'frame';
      readonly header: FrameHeader;
      readonly meta: Uint8Array;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'damaged'; readonly header?: FrameHeader; readonly bytes: number };

/** Reads a segment from front to back. What is damaged is told, and what follows it is found again. */
export class SegmentReader {
  private chunk: Buffer = Buffer.alloc(0);
  /** Of the first byte of `chunk`. */
  private chunkAt = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly salt: number,
    /** Where the next frame is looked for. */
    public at: number,
  ) {}

  /** The next frame, or damage, before `end`; undefined when nothing is there. Rejects when the file cannot be read. */
  async next(end: number): Promise<Found | undefined> {
    if (this.at >= end) return undefined;
    const head = await this.bytes(FRAME_HEADER_BYTES, end);
    const header = decodeFrameHeader(this.salt, head);
    if (!header || this.at + frameBytes(header) > end) return this.search(end);
    const size = frameBytes(header);
    const payloadBytes = header.metaBytes + header.bodyBytes;
    const bytes = await this.bytes(size, end);
    if (bytes.length < size) return this.search(end);
    const payload = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + payloadBytes);
    this.at += size;
    if (!isIntact(this.salt, header, payload)) return { kind: 'damaged', header, bytes: size };
    // Copies: the chunk is written again, and the body must begin where numbers can be read.
    const meta = Uint8Array.prototype.slice.call(payload, 0, header.metaBytes);
    const body = Uint8Array.prototype.slice.call(payload, header.metaBytes);
    return { kind: 'frame', header, meta, body };
  }

  /** Go to the next frame whose header is whole, or to the end. */
  private async search(end: number): Promise<Found> {
    const from = this.at;
    this.at++;
    for (;;) {
      const bytes = await this.bytes(Math.min(CHUNK_BYTES, end - this.at), end);
      const hit = bytes.indexOf(FRAME_MAGIC);
      if (hit >= 0) {
        this.at += hit;
        const header = decodeFrameHeader(this.salt, await this.bytes(FRAME_HEADER_BYTES, end));
        if (header && this.at + frameBytes(header) <= end) break;
        this.at++;
      } else if (bytes.length >= end - this.at) {
        this.at = end;
        break;
      } else this.at += bytes.length - FRAME_MAGIC.length + 1;
      if (this.at >= end) {
        this.at = end;
        break;
      }
    }
    return { kind: 'damaged', bytes: this.at - from };
  }

  /** So many bytes from where the reader is; fewer at the end. Valid until the next call. */
  private async bytes(wanted: number, end: number): Promise<Buffer> {
    const size = Math.min(wanted, end - this.at);
    const from = this.at - this.chunkAt;
    if (from < 0 || from + size > this.chunk.length) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(size, CHUNK_BYTES), end - this.at));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await this.file.read(buffer, filled, buffer.length - filled, this.at + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      this.chunk = buffer.subarray(0, filled);
      this.chunkAt = this.at;
      return this.chunk.subarray(0, size);
    }
    return this.chunk.subarray(from, from + size);
  }
}
