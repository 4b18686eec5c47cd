import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface OriginalSource {
  readonly name: string;
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
  return files.sort().map((file) => ({
    name: basename(file).replace(/(\.bpf)?\.c$/, ''),
    source: join(folder, file),
  }));
}
