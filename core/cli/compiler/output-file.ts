import { randomBytes } from 'node:crypto';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { systemReason } from '../../oci/index.js';
import { CliError } from '../errors.js';

/** Where BumbleBee puts the object when `--output-file` is not given: beside the source. */
export function defaultOutputFile(source: string): string {
  const extension = extname(source);
  return `${extension === '' ? source : source.slice(0, -extension.length)}.o`;
}

/** Whole or not at all; but a device such as `/dev/null` is written to, not replaced. */
export async function writeOutputFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const known = await stat(path).catch(() => undefined);
    if (known !== undefined && !known.isFile()) {
      await writeFile(path, bytes);
      return;
    }
    const temporary = join(dirname(path), `.${basename(path)}-${randomBytes(6).toString('hex')}`);
    try {
      await writeFile(temporary, bytes);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (cause) {
    const why = systemReason(cause);
    throw new CliError('IO', `cannot write ${path}: ${why}`, { cause });
  }
}
