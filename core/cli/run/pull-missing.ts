import {
  type Blob,
  OciError,
  parseReference,
  pullImage,
  verifyImage,
  withDefaultTag,
} from '../../oci/index.js';
import type { Context } from '../context.js';
import { CliError } from '../errors.js';
import { openRegistries, type RegistryFlags } from '../registry-flags.js';
import { TransferProgress } from '../transfer-progress.js';
import { type VerifyFlag, verifyKeys } from '../verify-flag.js';

/**
 * Bring an image that no store has, telling so on a terminal; with keys, only one that is signed. Returns the name that
 * it has in the store: without a tag, what was pulled is `:latest`.
 */
export async function pullMissing(
  image: string,
  flags: RegistryFlags & VerifyFlag,
  context: Context,
): Promise<string> {
  const { terminal, host } = context;
  const stores = context.stores();
  const missing = await missingFrom(image, context);
  if (!missing) return image;
  const reference = withDefaultTag(parseReference(image));
  if (reference.text !== image && !(await missingFrom(reference.text, context))) return reference.text;
  const keys = await verifyKeys(flags, host.cwd);
  const registries = openRegistries(flags, context);
  const warn = (message: string): void => terminal.error(message);
  const places = { stores: [stores.primary], registries, warn, signal: host.signal };
  const check = (documents: readonly Blob[]) =>
    verifyImage(reference, documents, { keys, require: true }, places);
  const progress = new TransferProgress(terminal);
  terminal.progress(`Pulling ${reference.text}`);
  try {
    await pullImage(registries, stores.primary, reference, {
      signal: host.signal,
      ...progress.hooks,
      ...(keys.length === 0 ? {} : { check }),
    });
    progress.done(`Pulled ${reference.text} into ${stores.primary.folder}`);
    return reference.text;
  } catch (error) {
    if (error instanceof OciError && error.code === 'UNTRUSTED') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError('IO', `${missing.message}, and pulling it failed: ${reason}`, { cause: error });
  } finally {
    progress.end();
    await registries.close();
  }
}

/** The error of an image that is in no store. What else may be wrong with it is told when it is loaded. */
async function missingFrom(image: string, context: Context): Promise<OciError | undefined> {
  try {
    await context.stores().readProbe(image);
    return undefined;
  } catch (error) {
    return error instanceof OciError && error.code === 'NOT_FOUND' ? error : undefined;
  }
}
