import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, ioError, OciError } from './error.js';

/** Scratch files of ours in a store begin so; see `removeLeftovers` in `leftovers.ts`. */
export const SCRATCH_PREFIX = '.tmp-';

/**
 * Read a regular file of at most `limit` bytes; `undefined` when there is none. A symbolic link is not
 * followed, and a FIFO or device is refused rather than waited for.
 */
export function readRegularFile(path: string, limit: number): Promise<Uint8Array | undefined> {
  return readFile(path, limit, constants.O_NOFOLLOW);
}

/**
 * Like {@link readRegularFile}, but symbolic links are followed, for a user's own file: secrets are mounted so
 * (Kubernetes), and dotfiles are kept so. `UNSAFE_PATH` is then: it leads to no regular file.
 */
export function readLinkedFile(path: string, limit: number): Promise<Uint8Array | undefined> {
  return readFile(path, limit, 0);
}

async function readFile(path: string, limit: number, flags: number): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENXIO') throw unsafe(path, error);
    throw ioError('read', path, error);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw unsafe(path);
    if (stat.size > limit) {
      throw new OciError('TOO_LARGE', `${path} has ${stat.size} bytes, more than the ${limit} allowed`);
    }
    return await readUpTo(file, stat.size);
  } catch (error) {
    throw ioError('read', path, error);
  } finally {
    await file.close();
  }
}

/** Refuse a folder that is a symbolic link or no folder. `false` when there is none. */
export async function isOwnFolder(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isDirectory()) throw unsafe(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw ioError('look at', path, error);
  }
}

/**
 * Make a folder and what is missing above it. Not by mkdir's `recursive`: Node 20 never returns from it where a
 * parent exists but takes no folders (`/proc`).
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST' && (await isFolder(path))) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path) throw ioError('create', path, error);
    // Where it is there after all, another may have made it meanwhile: then this works, too.
    if (!(await isFolder(parent))) await makeFolder(parent);
    await mkdir(path, { mode: 0o755 }).catch(async (again) => {
      if (errnoOf(again) !== 'EEXIST' || !(await isFolder(path))) throw ioError('create', path, again);
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Put `bytes` at `path`: either whole or not at all, also when the machine stops. Written to a scratch file in
 * `scratch` (same file system), synced, then renamed over whatever is there.
 */
export async function writeAtomically(
  path: string,
  bytes: Uint8Array,
  scratch: string,
  mode = 0o644,
): Promise<void> {
  const temporary = await writeScratch(bytes, scratch, path, mode);
  try {
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw ioError('write', path, error);
  }
}

/**
 * Like {@link writeAtomically}, but `false` and nothing changed when `path` exists already. Where the file system has
 * no hard links (FAT, some of FUSE), only the creation is atomic: for a moment, or for ever if the process is killed
 * then, the file may lack its content. So it is for locks.
 */
export async function createAtomically(path: string, bytes: Uint8Array, scratch: string): Promise<boolean> {
  const temporary = await writeScratch(bytes, scratch, path);
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'EEXIST') return false;
    if (NO_LINKS.has(code)) return createExclusively(path, bytes);
    throw ioError('write', path, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** What link(2) answers where there are no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function createExclusively(path: string, bytes: Uint8Array): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o644);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw ioError('write', path, error);
  }
  try {
    await file.writeFile(bytes);
    await file.sync();
    return true;
  } catch (error) {
    await rm(path, { force: true });
    throw ioError('write', path, error);
  } finally {
    await file.close();
  }
}

async function writeScratch(
  bytes: Uint8Array,
  scratch: string,
  target: string,
  mode = 0o644,
): Promise<string> {
  const temporary = join(scratch, `${SCRATCH_PREFIX}${process.pid}-${randomBytes(8).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw ioError('write', target, error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file that grows meanwhile does not make us read more than it had. */
async function readUpTo(file: FileHandle, size: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(buffer, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function unsafe(path: string, cause?: unknown): OciError {
  return new OciError(
    'UNSAFE_PATH',
    `${path} is a symbolic link or a special file, which a store may not have`,
    {
      cause,
    },
  );
}
