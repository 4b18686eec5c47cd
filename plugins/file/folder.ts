import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** As the kernel's own limit. */
const MAX_LINKS = 40;

/**
 * A folder that is held open: names in it are reached through its descriptor, so that nobody who may rename things
 * on the way to it can lead us elsewhere between two calls.
 */
export class Folder {
  private constructor(
    private readonly handle: FileHandle,
    /** As the user wrote it, for messages. */
    readonly path: string,
    /** Nobody but us and root can put names into it. */
    readonly trusted: boolean,
  ) {}

  /** Walk to `path`, absolute, one name at a time. A symbolic link of another user is refused. */
  static async open(path: string): Promise<Folder> {
    let at = await open('/', O_RDONLY | O_DIRECTORY);
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    let links = 0;
    try {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const here = `/proc/self/fd/${at.fd}/${name}`;
        const stat = await lstat(here);
        if (stat.isSymbolicLink()) {
          if (!isOurs(stat.uid))
            throw new Error(
              `${path}: "${name}" is a symbolic link of another user (uid ${stat.uid}); not followed`,
            );
          if (++links > MAX_LINKS) throw new Error(`${path}: too many symbolic links`);
          const target = await readlink(here);
          names.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'));
          if (target.startsWith('/')) at = await swap(at, '/');
          continue;
        }
        // Not followed: it may have become a link since.
        at = await swap(at, here);
      }
      const stat = await at.stat();
      return new Folder(at, path, isOurs(stat.uid) && (stat.mode & 0o022) === 0);
    } catch (error) {
      await at.close();
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT')
        throw new Error(`${path}: no such folder; make it with: mkdir -p ${path}`, { cause: error });
      if (code === 'ENOTDIR') throw new Error(`${path}: not a folder`, { cause: error });
      throw error;
    }
  }

  /** A path by which the kernel finds `name` in this folder, whatever became of the folder's own name. */
  at(name: string): string {
    return `/proc/self/fd/${this.handle.fd}/${name}`;
  }

  shown(name: string): string {
    return join(this.path, name);
  }

  names(): Promise<string[]> {
    return readdir(this.at('.'));
  }

  /** Make renames last. */
  async sync(): Promise<void> {
    await this.handle.sync();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

async function swap(from: FileHandle, to: string): Promise<FileHandle> {
  const next = await open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  await from.close();
  return next;
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}
