import { join } from 'node:path';
import { OciError } from './error.js';
import { readRegularFile } from './files.js';
import { decodeJson, encodeJson, isRecord } from './json.js';

/** File of an OCI image layout that names its version. */
export const LAYOUT_FILE = 'oci-layout';
/** image-layout.md: the same in every revision so far. */
const VERSION = '1.0.0';

export const LAYOUT_BYTES = encodeJson({ imageLayoutVersion: VERSION });

/**
 * Whether the folder has the file that names its version; `INVALID_STORE` where that is another one: it is not ours to
 * write into. An empty file counts as none: somebody who was interrupted left it.
 */
export async function hasLayoutVersion(root: string): Promise<boolean> {
  const path = join(root, LAYOUT_FILE);
  const bytes = await readRegularFile(path, 64 * 1024);
  if (bytes === undefined || bytes.length === 0) return false;
  let version: unknown;
  try {
    const value = decodeJson(bytes);
    version = isRecord(value) ? value.imageLayoutVersion : undefined;
  } catch (cause) {
    throw new OciError('INVALID_STORE', `${path} is damaged: not JSON`, { cause });
  }
  if (version === VERSION) return true;
  throw new OciError(
    'INVALID_STORE',
    `${path} says layout version ${JSON.stringify(version)}, not "${VERSION}"`,
  );
}
