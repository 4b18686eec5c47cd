import { resolve } from 'node:path';
import { Option } from 'commander';
import type { PublicKey } from '../oci/index.js';

/** Who must have signed an image. */
export interface VerifyFlag {
  /** Files of public keys; a signature by any of them is enough. */
  readonly verifyKey: readonly string[];
}

/** `what` the flag does here. */
export function verifyKeyOption(what: string): Option {
  return new Option('--verify-key <file>', `${what}; repeatable: any of the keys`)
    .default([])
    .argParser((file: string, previous: readonly string[]) => [...previous, file]);
}

/** The keys that the flag names; none where it was not given, and then nothing is loaded for it. */
export async function verifyKeys({ verifyKey }: VerifyFlag, cwd: string): Promise<PublicKey[]> {
  if (verifyKey.length === 0) return [];
  const { readVerifyKeys } = await import('../agent/index.js');
  return readVerifyKeys(verifyKey.map((file) => resolve(cwd, file)));
}
