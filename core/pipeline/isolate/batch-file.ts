import { randomBytes } from 'node:crypto';
import { closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a batch's body lies in the file. */
export interface Slot {
  readonly at: number;
  readonly bytes: number;
}

/** Bytes from one slot to the next. The file is sparse: what no batch was written to takes no memory. */
const STRIDE = 2 ** 30;

/**
 * The way of batches to a sink's process: a file in memory that has no name, written here and read there. A batch is
 * copied into it once; its slot is used again when it was answered for, so the memory is that of the largest batch, as
 * many times as batches are under way at once.
 */
export class BatchFile {
  private readonly used: boolean[] = [];

  private constructor(
    private readonly writable: number,
    /** Descriptor for the process that reads. */
    readonly readable: number,
  ) {}

  /** Undefined where neither of the folders can be written. */
  static create(folders: readonly string[] = ['/dev/shm', tmpdir()]): BatchFile | undefined {
    for (const folder of folders) {
      const path = join(folder, `bee-sink-${randomBytes(12).toString('hex')}`);
      let writable: number | undefined;
      try {
        writable = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
        const readable = openSync(path, constants.O_RDONLY);
        return new BatchFile(writable, readable);
      } catch {
        if (writable !== undefined) closeSync(writable);
      } finally {
        if (writable !== undefined) unlinkSync(path);
      }
    }
    return undefined;
  }

  /** Undefined where there is no room for it: the file system is full, or it is larger than a slot. */
  write(body: readonly Uint8Array[]): Slot | undefined {
    const bytes = body.reduce((sum, part) => sum + part.byteLength, 0);
    if (bytes > STRIDE) return undefined;
    const free = this.used.indexOf(false);
    const slot = free < 0 ? this.used.length : free;
    const at = slot * STRIDE;
    if (!this.writeAll(body, bytes, at)) return undefined;
    this.used[slot] = true;
    return { at, bytes };
  }

  private writeAll(body: readonly Uint8Array[], bytes: number, at: number): boolean {
    try {
      if (writevSync(this.writable, body, at) === bytes) return true;
    } catch {
      // Full: told by a short write above, or here where there was no room for the first byte.
    }
    // Others need what there is of it, too.
    if (!this.used.includes(true)) ftruncateSync(this.writable, 0);
    return false;
  }

  free({ at }: Slot): void {
    this.used[at / STRIDE] = false;
  }

  /** The other process has it by now. */
  closeReadable(): void {
    closeSync(this.readable);
  }

  close(): void {
    closeSync(this.writable);
  }
}

/** What was written to a slot, in memory that is the reader's. */
export function readSlot(descriptor: number, { at, bytes }: Slot): Uint8Array {
  // Not filled with zeros first, and not a part of a pool.
  const body = Buffer.allocUnsafeSlow(bytes);
  for (let done = 0; done < bytes; ) {
    const read = readSync(descriptor, body, done, bytes - done, at + done);
    if (read === 0) throw new Error(`a batch of ${bytes} bytes ends after ${done}`);
    done += read;
  }
  return new Uint8Array(body.buffer);
}
