import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/**
 * A script's code cache, beside it as `<script>.cache`: what V8 made, then 4 bytes of CRC-32 (little-endian) over
 * Node's version and architecture, the script, and that. V8 itself compares its version, its flags and the length of the
 * script, and trusts the rest.
 */

const SUM_BYTES = 4;

/** Of `file`, whose content is `source`; undefined where there is none, or not of this content and this Node, or damaged. */
export function readCache(file: string, source: Buffer): Buffer | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`${file}.cache`);
  } catch {
    return undefined;
  }
  const end = bytes.length - SUM_BYTES;
  if (end <= 0) return undefined;
  const data = bytes.subarray(0, end);
  return bytes.readUInt32LE(end) === sum(source, data) ? data : undefined;
}

/** Replaces the cache whole: a start meanwhile sees the old one or this. */
export function writeCache(file: string, source: Buffer, data: Buffer): void {
  const trailer = Buffer.alloc(SUM_BYTES);
  trailer.writeUInt32LE(sum(source, data));
  const temporary = `${file}.cache.${process.pid}`;
  writeFileSync(temporary, Buffer.concat([data, trailer]));
  renameSync(temporary, `${file}.cache`);
}

function sum(source: Buffer, data: Buffer): number {
  return crc32(data, crc32(source, crc32(`${process.version} ${process.arch}`)));
}
