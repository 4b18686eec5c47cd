import { OciError } from '../error.js';
import { readLinkedFile } from '../files.js';

const MAX_BYTES = 64 * 1024;

/** The text of a small file. Symbolic links are followed: that is how secrets are mounted. `INVALID_KEY`. */
export async function readKeyFile(path: string): Promise<string> {
  const bytes = await readLinkedFile(path, MAX_BYTES).catch((cause: OciError) => {
    if (cause.code === 'UNSAFE_PATH') throw refused(path, 'it is no file', cause);
    if (cause.code === 'TOO_LARGE')
      throw refused(path, `it has more than ${MAX_BYTES} bytes, which is no key`, cause);
    throw cause;
  });
  if (bytes === undefined) throw refused(path, 'there is no such file');
  return Buffer.from(bytes).toString('latin1');
}

function refused(path: string, why: string, cause?: unknown): OciError {
  return new OciError('INVALID_KEY', `cannot verify with ${path}: ${why}`, { cause });
}
