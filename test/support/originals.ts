import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface OriginalSource {
  /** Of the file: `tcpconnect`. */
  readonly name: string;
  /** Of the file with its folders, which no two have: `old-tcpconnect-tcpconnect`. */
  readonly id: string;
  readonly source: string;
}

/**
 * Sources of BumbleBee's own examples, which are not in this repository: all C files in the folder that BEE_ORIGINALS
 * names, and below. None where it is not set.
 */
export function originals(): OriginalSource[] {
  const folder = process.env.BEE_ORIGINALS;
  if (!folder) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.c'),
  );
  if (files.length === 0) throw new Error(`BEE_ORIGINALS=${folder}: there is no C file in it`);
  return files.sort().map((file) => {
    const path = file.replace(/(\.bpf)?\.c$/, '');
    return { name: basename(path), id: path.replace(/[^\w-]+/g, '-'), source: join(folder, file) };
  });
}
