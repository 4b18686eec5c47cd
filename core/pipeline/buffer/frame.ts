import { crc32 } from 'node:zlib';

/*
 * A segment is a header and then frames, one behind the other, all numbers little-endian.
 *
 *   frame  0  u32 magic   4  u32 count of events   8  u64 sequence   16  u32 bytes of meta   20  u32 bytes of body
 *         24  u32 crc of meta and body   28  u32 crc of bytes 0 to 27   32  meta (JSON)   …  body   …  zeros to 8 bytes
 *
 * Every crc begins with the segment's salt, a random number: what a traced process puts into its events cannot pass
 * for a frame when one is looked for behind damage.
 */

export const FRAME_HEADER_BYTES = 32;
const MAGIC = 0x46454542;
/** The bytes by which a frame is found again. */
export const FRAME_MAGIC = Buffer.from([0x42, 0x45, 0x45, 0x46]);
/** Far above what is ever written: a batch is cut before, an event alone may be as big as a ring. */
const MAX_PAYLOAD_BYTES = 1 << 30;

export interface FrameHeader {
  readonly count: number;
  readonly sequence: number;
  readonly metaBytes: number;
  readonly bodyBytes: number;
  readonly payloadCrc: number;
}

/** Of the whole frame, with its padding. */
export function frameBytes({ metaBytes, bodyBytes }: Pick<FrameHeader, 'metaBytes' | 'bodyBytes'>): number {
  return (FRAME_HEADER_BYTES + metaBytes + bodyBytes + 7) & ~7;
}

/** The pieces of a frame, to be written one behind the other. */
export function encodeFrame(
  salt: number,
  of: { readonly sequence: number; readonly count: number },
  meta: Uint8Array,
  body: readonly Uint8Array[],
): readonly Uint8Array[] {
  let bodyBytes = 0;
  let crc = crc32(meta, salt);
  for (const part of body) {
    bodyBytes += part.byteLength;
    // Of nothing, Node's crc32 is 0, whatever it begins with.
    if (part.byteLength > 0) crc = crc32(part, crc);
  }
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(of.count, 4);
  header.writeBigUInt64LE(BigInt(of.sequence), 8);
  header.writeUInt32LE(meta.byteLength, 16);
  header.writeUInt32LE(bodyBytes, 20);
  header.writeUInt32LE(crc, 24);
  header.writeUInt32LE(crc32(header.subarray(0, 28), salt), 28);
  const size = { metaBytes: meta.byteLength, bodyBytes };
  const padding = frameBytes(size) - FRAME_HEADER_BYTES - size.metaBytes - bodyBytes;
  return [header, meta, ...body, ...(padding > 0 ? [Buffer.alloc(padding)] : [])];
}

/** The header at the beginning of `bytes`, or undefined where there is none. */
export function decodeFrameHeader(salt: number, bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < FRAME_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  if (crc32(bytes.subarray(0, 28), salt) !== bytes.readUInt32LE(28)) return undefined;
  const sequence = bytes.readBigUInt64LE(8);
  const header = {
    count: bytes.readUInt32LE(4),
    sequence: Number(sequence),
    metaBytes: bytes.readUInt32LE(16),
    bodyBytes: bytes.readUInt32LE(20),
    payloadCrc: bytes.readUInt32LE(24),
  };
  const isSane =
    Number.isSafeInteger(header.sequence) && header.metaBytes + header.bodyBytes <= MAX_PAYLOAD_BYTES;
  return isSane ? header : undefined;
}

/** Whether meta and body, one behind the other, are what was written. */
export function isIntact(salt: number, header: FrameHeader, payload: Uint8Array): boolean {
  return crc32(payload, salt) === header.payloadCrc;
}

export const SEGMENT_HEADER_BYTES = 32;
const SEGMENT_MAGIC = Buffer.from('beebuf\r\n');
const SEGMENT_VERSION = 1;

/** 0 magic, 8 u32 version, 12 u32 salt, 16 u64 number of the segment, 24 u32 crc of bytes 0 to 23, 28 zeros. */
export function encodeSegmentHeader(number: number, salt: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(header);
  header.writeUInt32LE(SEGMENT_VERSION, 8);
  header.writeUInt32LE(salt, 12);
  header.writeBigUInt64LE(BigInt(number), 16);
  header.writeUInt32LE(crc32(header.subarray(0, 24)), 24);
  return header;
}

/** The salt, or why this is no segment of that number. */
export function decodeSegmentHeader(bytes: Buffer, number: number): { salt: number } | { problem: string } {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { problem: 'it ends within its header' };
  if (!bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return { problem: 'it does not begin like a segment' };
  if (crc32(bytes.subarray(0, 24)) !== bytes.readUInt32LE(24)) return { problem: 'its header is damaged' };
  const version = bytes.readUInt32LE(8);
  if (version !== SEGMENT_VERSION)
    return { problem: `its version is ${version}, this bee-agent knows ${SEGMENT_VERSION}` };
  if (bytes.readBigUInt64LE(16) !== BigInt(number)) return { problem: 'it was another segment once' };
  return { salt: bytes.readUInt32LE(12) };
}
