import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { Folder } from './folder.js';
import { PARTIAL, SUFFIXES } from './rotated.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const CHUNK = 64 * 1024;

/**
 * Replace `name` by its compressed form. May be cut off anywhere, by `signal` or by the end of the process, and done
 * again: the original goes only after the whole of it is on the disk under its new name.
 */
export async function compress(
  folder: Folder,
  name: string,
  kind: 'gzip' | 'zstd',
  signal: AbortSignal,
): Promise<void> {
  const target = name + SUFFIXES[kind];
  const partial = target + PARTIAL;
  const source = await open(folder.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = await source.stat();
    // Empty: a name that a rotation has just claimed.
    if (!stat.isFile() || stat.size === 0) return;
    await unlink(folder.at(partial)).catch(() => {});
    const out = await open(folder.at(partial), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, stat.mode & 0o777);
    try {
      const read = await encode(source, encoder(kind), out, signal);
      await out.sync();
      // Another process still writes it: later.
      if ((await source.stat()).size !== read) throw new Error(`${folder.shown(name)}: has grown`);
      await rename(folder.at(partial), folder.at(target));
    } catch (error) {
      await unlink(folder.at(partial)).catch(() => {});
      throw error;
    } finally {
      await out.close().catch(() => {});
    }
    await folder.sync();
    await unlink(folder.at(name));
  } finally {
    await source.close().catch(() => {});
  }
}

/** All of `source` through `encoder` to `out`; the bytes that were read. */
async function encode(
  source: FileHandle,
  encoder: Transform,
  out: FileHandle,
  signal: AbortSignal,
): Promise<number> {
  let read = 0;
  const feed = async (): Promise<void> => {
    for (;;) {
      const { bytesRead, buffer } = await source.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, read);
      signal.throwIfAborted();
      if (bytesRead === 0) break;
      read += bytesRead;
      if (!encoder.write(buffer.subarray(0, bytesRead))) await once(encoder, 'drain', { signal });
    }
    encoder.end();
  };
  const fed = feed().catch((error) => {
    encoder.destroy(error);
    throw error;
  });
  try {
    for await (const chunk of encoder) await out.writeFile(chunk);
  } catch (error) {
    encoder.destroy();
    await fed.catch(() => {});
    throw error;
  }
  await fed;
  return read;
}

function encoder(kind: 'gzip' | 'zstd'): Transform {
  if (kind === 'gzip') return zlib.createGzip();
  return (zlib as unknown as { createZstdCompress(): Transform }).createZstdCompress();
}
