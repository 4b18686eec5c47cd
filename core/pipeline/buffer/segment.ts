import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSegmentHeader, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './frame.js';

const NAME = /^([0-9a-f]{12})\.seg$/;

export function segmentName(number: number): string {
  return `${number.toString(16).padStart(12, '0')}.seg`;
}

/** The number in a file's name, or undefined where it is none of a segment. */
export function segmentNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** Events of one map. */
export interface Share {
  readonly probe: string;
  readonly map: string;
  readonly count: number;
}

/** One file of a log, and what is known of its contents. */
export class Segment {
  /** Of the last frame; -1: none. */
  lastSequence = -1;
  /** Frames that a consumer has and did not settle yet. */
  outstanding = 0;
  /** Damage that was told already. */
  damage = 0;
  /** Events that no consumer has had, by map. */
  private readonly shares = new Map<string, { probe: string; map: string; count: number }>();

  private constructor(
    readonly number: number,
    readonly file: FileHandle,
    readonly salt: number,
    private readonly path: string,
    /** Up to where frames are whole, bytes. */
    public size: number,
  ) {}

  static async create(folder: string, number: number): Promise<Segment> {
    const path = join(folder, segmentName(number));
    const salt = randomBytes(4).readUInt32LE(0);
    const file = await open(path, 'wx+', 0o600);
    try {
      await file.write(encodeSegmentHeader(number, salt), 0, SEGMENT_HEADER_BYTES, 0);
    } catch (error) {
      await file.close();
      await unlink(path).catch(() => {});
      throw error;
    }
    return new Segment(number, file, salt, path, SEGMENT_HEADER_BYTES);
  }

  /** One that an earlier run left; or why it cannot be one. Rejects when the file cannot be read. */
  static async reopen(folder: string, number: number): Promise<Segment | { readonly problem: string }> {
    const path = join(folder, segmentName(number));
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const bytesRead = stat.isFile() ? (await file.read(header, 0, header.length, 0)).bytesRead : 0;
      const decoded = stat.isFile()
        ? decodeSegmentHeader(header.subarray(0, bytesRead), number)
        : { problem: 'it is no file' };
      if (!('problem' in decoded)) return new Segment(number, file, decoded.salt, path, stat.size);
      await file.close();
      return decoded;
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** Rejects, with nothing added, when not all of it can be written. */
  async append(pieces: readonly Uint8Array[], bytes: number): Promise<void> {
    try {
      const { bytesWritten } = await this.file.writev(pieces as Uint8Array[], this.size);
      if (bytesWritten < bytes) {
        const rest = Buffer.concat(pieces).subarray(bytesWritten);
        for (let at = 0; at < rest.length; ) {
          const more = await this.file.write(rest, at, rest.length - at, this.size + bytesWritten + at);
          at += more.bytesWritten;
        }
      }
    } catch (error) {
      await this.undo();
      throw error;
    }
    this.size += bytes;
  }

  /** What was written behind `size` is no part of it. */
  async undo(size = this.size): Promise<void> {
    this.size = size;
    await this.file.truncate(size).catch(() => {});
  }

  add({ probe, map }: Pick<Share, 'probe' | 'map'>, count: number): void {
    const key = `${probe}\0${map}`;
    const share = this.shares.get(key);
    if (share) share.count += count;
    else this.shares.set(key, { probe, map, count });
  }

  /** Events that nobody has had. */
  get untaken(): readonly Share[] {
    return [...this.shares.values()].filter(({ count }) => count > 0);
  }

  /** Nobody will have what nobody has had. */
  clear(): readonly Share[] {
    const rest = this.untaken;
    this.shares.clear();
    return rest;
  }

  async remove(): Promise<void> {
    await Promise.all([this.file.close(), unlink(this.path)]);
  }
}
