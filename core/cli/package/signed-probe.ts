import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Blob,
  type Digest,
  ImageStore,
  keepSignature,
  type PublicKey,
  type Reference,
  type VerifyOptions,
  verifyImage,
} from '../../oci/index.js';
import { CliError } from '../errors.js';
import type { TarFile } from './tar.js';

/** What a container needs to verify its probe by itself, each time that it starts. */
export interface ProbeTrust {
  readonly keys: readonly PublicKey[];
  /** The document that is signed: the probe's manifest, or the index that names it. */
  readonly subject: Digest;
  /** The signature, as a store keeps it: paths below the store's folder. */
  readonly signatures: readonly TarFile[];
}

/** Verify a probe that is to be packed. Throws `UNTRUSTED`. */
export async function signedProbe(
  reference: Reference,
  documents: readonly Blob[],
  keys: readonly PublicKey[],
  places: VerifyOptions,
): Promise<ProbeTrust> {
  const verified = await verifyImage(reference, documents, { keys, require: true }, places);
  if (verified === undefined) throw new CliError('IO', `${reference.text} is not verified`);
  const folder = await mkdtemp(join(tmpdir(), 'bee-package-'));
  try {
    await keepSignature(new ImageStore(folder), verified);
    return { keys, subject: verified.subject, signatures: await filesBelow(folder) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function filesBelow(folder: string): Promise<TarFile[]> {
  const paths = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    paths
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        return { path: path.slice(folder.length + 1), bytes: await readFile(path) };
      }),
  );
}
