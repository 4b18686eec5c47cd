/** A member of a tar archive. Folders are made of the paths of the files. */
export interface TarFile {
  /** Relative, with `/`, without `.` and `..`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly executable?: boolean;
}

const BLOCK = 512;
const NAME = 100;
const PREFIX = 155;

/**
 * A POSIX archive of files, the same for the same files: sorted, owned by root, all of one time. Paths that are
 * too long for ustar get a pax header.
 */
export function tarOf(files: readonly TarFile[], mtime: number): Buffer {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const folders = new Set<string>();
  for (const path of byPath.keys()) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at));
  }
  const paths = [...folders, ...byPath.keys()].sort((a, b) => (a < b ? -1 : 1));
  const parts = paths.flatMap((path) => {
    const file = byPath.get(path);
    if (file === undefined) return tarHeader(`${path}/`, { mode: 0o755, size: 0, mtime, type: '5' });
    const mode = file.executable ? 0o755 : 0o644;
    return [...tarHeader(path, { mode, size: file.bytes.length, mtime, type: '0' }), padded(file.bytes)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

/** Two empty blocks. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** What fills a member up to whole blocks. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

export interface TarHeader {
  readonly mode: number;
  readonly size: number;
  /** Seconds. */
  readonly mtime: number;
  readonly type: '0' | '5' | 'x';
}

/** Header blocks of one member. */
export function tarHeader(path: string, header: TarHeader): Buffer[] {
  const split = splitPath(path);
  if (split !== undefined) return [block(split.name, split.prefix, header)];
  const record = paxRecord('path', path);
  const pax = block('pax', '', { mode: 0o644, size: record.length, mtime: header.mtime, type: 'x' });
  return [pax, padded(record), block(Buffer.from(path).subarray(0, NAME).toString('latin1'), '', header)];
}

function splitPath(path: string): { name: string; prefix: string } | undefined {
  const fits = (text: string, limit: number) => /^[\x20-\x7e]*$/.test(text) && text.length <= limit;
  if (fits(path, NAME)) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const prefix = path.slice(0, at);
    const name = path.slice(at + 1);
    if (name !== '' && fits(name, NAME) && fits(prefix, PREFIX)) return { name, prefix };
  }
  return undefined;
}

function block(name: string, prefix: string, { mode, size, mtime, type }: TarHeader): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  bytes.write(name, 0, NAME, 'latin1');
  bytes.write(octal(mode, 8), 100, 'latin1');
  bytes.write(octal(0, 8), 108, 'latin1');
  bytes.write(octal(0, 8), 116, 'latin1');
  writeNumber(bytes, 124, size, octal);
  writeNumber(bytes, 136, mtime, octal);
  bytes.write('        ', 148, 'latin1');
  bytes.write(type, 156, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  bytes.write(prefix, 345, PREFIX, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

/** Eleven octal digits reach to 8 GiB; beyond, GNU's binary form, which every reader knows. */
function writeNumber(
  bytes: Buffer,
  at: number,
  value: number,
  octal: (value: number, width: number) => string,
): void {
  if (value < 8 ** 11) {
    bytes.write(octal(value, 12), at, 'latin1');
    return;
  }
  bytes[at] = 0x80;
  bytes.writeBigUInt64BE(BigInt(value), at + 4);
}

/** `<length> path=…\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, tarPadding(bytes.length)]);
}
