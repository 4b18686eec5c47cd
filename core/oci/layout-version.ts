import { join } from 'node:path';
import { OciError } from './error.js';
import { readRegularFile } from './files.js';
import { decodeJson, isRecord } from './json.js';

/** image-layout.md: the version is 1.0.0 in every revision so far; another one is not ours to write into. */
export async function checkLayoutVersion(root: string): Promise<void> {
  const path = join(root, 'oci-layout');
  const bytes = await readRegularFile(path, 64 * 1024);
  if (bytes === undefined) return;
  let version: unknown;
  try {
    const value = decodeJson(bytes);
    version = isRecord(value) ? value.imageLayoutVersion : undefined;
  } catch (cause) {
    throw new OciError('INVALID_STORE', `${path} is damaged: not JSON`, { cause });
  }
  if (version !== '1.0.0') {
    throw new OciError(
      'INVALID_STORE',
      `${path} says layout version ${JSON.stringify(version)}, not "1.0.0"`,
    );
  }
}
