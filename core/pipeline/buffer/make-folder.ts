import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const MODE = 0o700;

/**
 * Make a folder, and those above it, unless they are there. Node's own `recursive` never ends where a file system
 * answers ENOENT to a mkdir in a folder that exists, as procfs does.
 */
export async function makeFolder(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await mkdir(path, { mode: MODE });
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') {
        if ((await stat(path)).isDirectory()) return;
        throw new Error('it is no folder', { cause: error });
      }
      if (code !== 'ENOENT') throw error;
      const parent = dirname(path);
      if (attempt > 0 || parent === path)
        throw new Error(`there can be no folder in ${parent}`, { cause: error });
      await makeFolder(parent);
    }
  }
}
