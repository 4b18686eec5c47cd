import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Folder } from './folder.js';

const { O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
const NEWLINE = 10;
/** How every event begins. */
const EVENT_START = Buffer.from('{"timestamp":"');
/** Longest torn line that is looked for at a file's end. */
const MAX_TAIL = 4 * 2 ** 20;

/** A file of whole lines. Not safe for calls that overlap. */
export class EventFile {
  /** What is left to do after a write that could neither be finished nor undone. */
  private repair: (() => Promise<void>) | undefined;

  private constructor(
    private readonly handle: FileHandle,
    readonly path: string,
  ) {}

  /** Open or make `name`; a line that an ended process left half-written at its end is taken away. */
  static async open(folder: Folder, name: string, mode: number): Promise<EventFile> {
    const handle = await openOrMake(folder, name, mode);
    const file = new EventFile(handle, folder.shown(name));
    try {
      await file.checkKind(folder);
      await file.dropTornLine();
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private async checkKind(folder: Folder): Promise<void> {
    const stat = await this.handle.stat();
    if (!stat.isFile()) throw new Error(`${this.path}: not a regular file`);
    if (stat.nlink > 1 && !folder.trusted)
      throw new Error(
        `${this.path}: has another name elsewhere (a hard link), in a folder that others can write`,
      );
  }

  /** Bytes, when it was last written, and whether it still has a name. */
  async state(): Promise<{ size: number; written: number; gone: boolean }> {
    const { size, mtimeMs, nlink } = await this.handle.stat();
    return { size, written: mtimeMs, gone: nlink === 0 };
  }

  /** All of `lines`, or, after a throw, nothing of them. Gives where they begin. */
  async append(lines: Uint8Array): Promise<number> {
    await this.repair?.();
    const start = (await this.handle.stat()).size;
    let written = 0;
    try {
      while (written < lines.byteLength) {
        const { bytesWritten } = await this.handle.write(lines, written, lines.byteLength - written, null);
        written += bytesWritten;
      }
    } catch (error) {
      await this.undo(start, written);
      throw error;
    }
    return start;
  }

  /** Append, and have it on the disk. What cannot be made to last is taken back. */
  async appendDurably(lines: Uint8Array): Promise<void> {
    const start = await this.append(lines);
    try {
      await this.handle.datasync();
    } catch (error) {
      await this.undo(start, lines.byteLength);
      throw error;
    }
  }

  private async undo(start: number, written: number): Promise<void> {
    if (written === 0) return;
    this.repair = async () => {
      const { size } = await this.handle.stat();
      // Somebody else has written behind us: only end our line.
      if (size > start + written) await this.handle.write('\n');
      else if (size > start) await this.handle.truncate(start);
      this.repair = undefined;
    };
    await this.repair().catch(() => {});
  }

  private async dropTornLine(): Promise<void> {
    const { size } = await this.handle.stat();
    if (size === 0) return;
    const tail = Buffer.alloc(Math.min(size, MAX_TAIL));
    let read = 0;
    while (read < tail.length) {
      const { bytesRead } = await this.handle.read(tail, read, tail.length - read, size - tail.length + read);
      if (bytesRead === 0) return;
      read += bytesRead;
    }
    if (tail.at(-1) === NEWLINE) return;
    const line = tail.subarray(tail.lastIndexOf(NEWLINE) + 1);
    const start = EVENT_START.subarray(0, line.length);
    // Only what we wrote ourselves is cut; anything else becomes a line of its own.
    if (line.subarray(0, start.length).equals(start)) await this.handle.truncate(size - line.length);
    else await this.handle.write('\n');
  }

  sync(): Promise<void> {
    return this.handle.datasync();
  }

  async close(): Promise<void> {
    await this.repair?.().catch(() => {});
    await this.handle.close();
  }
}

async function openOrMake(folder: Folder, name: string, mode: number): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a FIFO would wait for its reader.
  const flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  for (;;) {
    try {
      return await open(folder.at(name), flags);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ELOOP')
        throw new Error(`${folder.shown(name)}: a symbolic link; not followed`, { cause: error });
      if (code !== 'ENOENT') throw error;
    }
    try {
      const handle = await open(folder.at(name), flags | O_CREAT | O_EXCL, mode);
      // The umask may have taken bits away.
      await handle.chmod(mode);
      return handle;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
