import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CliError } from '../errors.js';

/** `BPF_FS_MAGIC` of linux/magic.h. */
const BPF_FS = 0xcafe4a11;

/**
 * The folder of `--pin-maps` or `--pin-progs`, made where it is missing. Objects are pinned in a BPF file system and
 * nowhere else: throws a `CliError` that tells how to get one.
 */
export function pinFolder(flag: string, folder: string, cwd: string): string {
  const path = resolve(cwd, folder);
  let there = path;
  while (!existsSync(there)) there = dirname(there);
  if (statfsSync(there).type !== BPF_FS)
    throw new CliError('IO', `${flag} ${folder}: pinning needs a BPF file system, and ${there} is on none`, {
      hint: 'Mount one, and pin in a folder of it:\n  mount -t bpf bpf /sys/fs/bpf',
    });
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError('IO', `${flag} ${folder}: ${reason}`, { cause: error });
  }
  return path;
}
