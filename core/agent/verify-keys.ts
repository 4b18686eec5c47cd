import { realpath, stat } from 'node:fs/promises';
import { requireTrusted } from '../../config/index.js';
import { PublicKey } from '../oci/index.js';

/**
 * The public keys of files, read anew each time, so that a key that was replaced counts from the next start of a
 * probe. As root, a file that others can write is refused, as the config is: it decides what root loads.
 */
export async function readVerifyKeys(files: readonly string[]): Promise<PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const file of files) {
    const key = await PublicKey.read(file);
    if (process.getuid?.() === 0) {
      const real = await realpath(file);
      await requireTrusted(real, await stat(real), process.env);
    }
    keys.push(key);
  }
  return keys;
}
