import { Option } from 'commander';

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
