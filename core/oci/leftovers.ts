import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SCRATCH_PREFIX } from './files.js';

/** Older scratch files were left by a process that was killed. */
const LEFTOVER_MS = 60 * 60 * 1000;

export async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith(SCRATCH_PREFIX)) continue;
    const path = join(root, name);
    const age = await lstat(path).then(
      (stat) => Date.now() - stat.mtimeMs,
      () => 0,
    );
    if (age > LEFTOVER_MS) await rm(path, { force: true });
  }
}
