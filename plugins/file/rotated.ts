import { lstat, open, rename, unlink } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Folder } from './folder.js';

const DIGITS = 9;
export const SUFFIXES = { none: '', gzip: '.gz', zstd: '.zst' } as const;
/** Of a compressed file that is not complete. */
export const PARTIAL = '.part';

interface RotatedName {
  readonly name: string;
  readonly number: number;
  /** '', '.gz', '.zst', or with '.part' behind it. */
  readonly suffix: string;
}

/**
 * The rotated files of one event file: `events.ndjson` becomes `events-000000001.ndjson`, then …2, and so on. A number
 * is never used again while its file is there, and a file keeps its name, so that others can follow it.
 */
export class Rotated {
  private readonly stem: string;
  private readonly extension: string;
  private last: number | undefined;

  constructor(private readonly file: string) {
    this.extension = extname(file);
    this.stem = file.slice(0, file.length - this.extension.length);
  }

  base(number: number): string {
    return `${this.stem}-${String(number).padStart(DIGITS, '0')}${this.extension}`;
  }

  /** Oldest first. */
  async list(folder: Folder): Promise<RotatedName[]> {
    const found = (await folder.names()).flatMap((name): RotatedName[] => {
      const number = Number(name.slice(this.stem.length + 1, this.stem.length + 1 + DIGITS));
      if (!Number.isInteger(number) || !name.startsWith(this.base(number))) return [];
      const suffix = name.slice(this.base(number).length);
      return /^(?:\.gz|\.zst)?(?:\.part)?$/.test(suffix) ? [{ name, number, suffix }] : [];
    });
    return found.sort((a, b) => a.number - b.number);
  }

  /**
   * Give the event file the next free name. The name is claimed by an empty file first: a rename would replace
   * whatever is there, and link() is not to be had on every file system.
   */
  async take(folder: Folder): Promise<string> {
    this.last ??= (await this.list(folder)).at(-1)?.number ?? 0;
    for (;;) {
      const name = this.base(this.last + 1);
      if (name.length > this.base(1).length) throw new Error(`${folder.shown(name)}: no number is left`);
      try {
        await (await open(folder.at(name), 'wx', 0o600)).close();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        this.last++;
        continue;
      }
      try {
        await rename(folder.at(this.file), folder.at(name));
      } catch (error) {
        await unlink(folder.at(name)).catch(() => {});
        throw error;
      }
      this.last++;
      return name;
    }
  }

  /** Remove what an ended process left: claimed names and incomplete files. Not while a rotation may run. */
  async sweep(folder: Folder): Promise<void> {
    for (const { name, suffix } of await this.list(folder)) {
      const stat = await lstat(folder.at(name));
      const claim = suffix === '' && stat.size === 0;
      if (stat.isFile() && (claim || suffix.endsWith(PARTIAL))) await unlink(folder.at(name));
    }
  }

  /** Remove all but the newest `keep`. Gives how many went. */
  async prune(folder: Folder, keep: number): Promise<number> {
    const complete = (await this.list(folder)).filter(({ suffix }) => !suffix.endsWith(PARTIAL));
    const numbers = [...new Set(complete.map(({ number }) => number))];
    const old = new Set(numbers.slice(0, Math.max(0, numbers.length - keep)));
    for (const { name, number } of complete) if (old.has(number)) await unlink(folder.at(name));
    return old.size;
  }
}
