import type { FileHandle } from 'node:fs/promises';
import { CliError } from '../errors.js';

/** Where a regular file lies in an archive. */
export interface TarMember {
  readonly offset: number;
  readonly size: number;
}

const BLOCK = 512;
/** An image's archive has a few files a layer. */
const MAX_MEMBERS = 100_000;
const MAX_PAX = 1024 * 1024;

/** The regular files of a tar archive by their path, found by its headers: contents are passed over. */
export async function tarMembers(file: FileHandle, shown: string): Promise<Map<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const { size: total } = await file.stat();
  let longPath: string | undefined;
  for (let at = 0; at < total; ) {
    if (at + BLOCK > total) throw damaged(shown, at);
    const header = await readAt(file, at, BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if (!hasRightSum(header)) throw damaged(shown, at);
    const size = numberAt(header, 124);
    const type = String.fromCharCode(header[156]!);
    const offset = at + BLOCK;
    if (!Number.isSafeInteger(size) || offset + size > total) throw damaged(shown, at);
    if (type === 'x' || type === 'L') {
      if (size > MAX_PAX) throw damaged(shown, at);
      const text = (await readAt(file, offset, size)).toString('utf8');
      longPath = type === 'L' ? text.replace(/\0.*$/s, '') : (/^\d+ path=(.*)$/m.exec(text)?.[1] ?? longPath);
    } else {
      const path = longPath ?? pathOf(header);
      longPath = undefined;
      if (type === '0' || type === '\0') members.set(path.replace(/^\.\//, ''), { offset, size });
      if (members.size > MAX_MEMBERS) throw damaged(shown, at);
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  return members;
}

export async function readAt(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(buffer, filled, size - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function pathOf(header: Buffer): string {
  const name = textAt(header, 0, 100);
  const isUstar = header.toString('latin1', 257, 262) === 'ustar' && header[262] === 0;
  const prefix = isUstar ? textAt(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function textAt(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('utf8');
}

function numberAt(header: Buffer, offset: number): number {
  if (header[offset] === 0x80) return Number(header.readBigUInt64BE(offset + 4));
  return Number.parseInt(textAt(header, offset, 12).trim() || '0', 8);
}

function hasRightSum(header: Buffer): boolean {
  const stated = Number.parseInt(textAt(header, 148, 8).trim(), 8);
  const sum = header.reduce((total, byte, n) => total + (n >= 148 && n < 156 ? 0x20 : byte), 0);
  return stated === sum;
}

function damaged(shown: string, at: number): CliError {
  const hint = 'A compressed archive must be unpacked first: gunzip FILE.';
  return new CliError('IO', `${shown} is no tar archive, or damaged at byte ${at}`, { hint });
}
