import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf, ioError, OciError } from '../error.js';

const MAX_BYTES = 64 * 1024;

/** The text of a small file. Symbolic links are followed: that is how secrets are mounted. `INVALID_KEY`. */
export async function readKeyFile(path: string): Promise<string> {
  try {
    // Not blocking: opening a FIFO would wait for its writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw refused(path, 'it is no file');
      const buffer = Buffer.alloc(MAX_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead > MAX_BYTES) throw refused(path, `it has more than ${MAX_BYTES} bytes, which is no key`);
      return buffer.subarray(0, bytesRead).toString('latin1');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw refused(path, 'there is no such file', cause);
    throw ioError('read the key', path, cause);
  }
}

function refused(path: string, why: string, cause?: unknown): OciError {
  return new OciError('INVALID_KEY', `cannot verify with ${path}: ${why}`, { cause });
}
