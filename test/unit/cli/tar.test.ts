import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TarFile, tarOf } from '../../../core/cli/package/tar.js';
import { readAt, tarMembers } from '../../../core/cli/package/tar-members.js';

const LONG = `${'folder/'.repeat(20)}${'name'.repeat(30)}.js`;
const FILES: TarFile[] = [
  { path: 'b/plain.txt', bytes: Buffer.from('plain') },
  { path: 'a/empty', bytes: new Uint8Array() },
  { path: 'a/run', bytes: Buffer.alloc(512, 'x'), executable: true },
  { path: `${'p'.repeat(100)}/${'n'.repeat(100)}`, bytes: Buffer.from('split') },
  { path: LONG, bytes: Buffer.from('long') },
  { path: 'ünïcode', bytes: Buffer.from('ü') },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-tar-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function membersOf(bytes: Uint8Array): Promise<Map<string, string>> {
  const path = join(folder, 'read.tar');
  writeFileSync(path, bytes);
  const file = await open(path);
  try {
    const found = await tarMembers(file, 'read.tar');
    const entries = [...found].map(
      async ([name, { offset, size }]): Promise<[string, string]> => [
        name,
        (await readAt(file, offset, size)).toString(),
      ],
    );
    return new Map(await Promise.all(entries));
  } finally {
    await file.close();
  }
}

const CONTENTS = new Map(FILES.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));

describe('a tar archive', () => {
  it('is unpacked by tar as it was meant', () => {
    const root = mkdtempSync(join(folder, 'root-'));
    writeFileSync(join(folder, 'ours.tar'), tarOf(FILES, 1_700_000_000));
    execFileSync('tar', ['-C', root, '-xf', join(folder, 'ours.tar')]);
    for (const { path, bytes, executable } of FILES) {
      expect(readFileSync(join(root, path))).toEqual(Buffer.from(bytes));
      const { mode, mtimeMs } = statSync(join(root, path));
      expect({ mode: mode & 0o777, mtimeMs }).toEqual({
        mode: executable ? 0o755 : 0o644,
        mtimeMs: 1_700_000_000_000,
      });
    }
  });

  it('does not depend on the order of the files', () => {
    expect(tarOf([...FILES].reverse(), 0).equals(tarOf(FILES, 0))).toBe(true);
    expect(tarOf(FILES, 1).equals(tarOf(FILES, 0))).toBe(false);
  });

  it('is read back, by ours and from tar in each of its formats', async () => {
    const byPath = (map: Map<string, string>) => new Map([...map].sort());
    expect(byPath(await membersOf(tarOf(FILES, 0)))).toEqual(byPath(CONTENTS));
    const root = mkdtempSync(join(folder, 'formats-'));
    execFileSync('tar', ['-C', root, '-x'], { input: tarOf(FILES, 0) });
    for (const format of ['gnu', 'pax', 'posix']) {
      const args = ['-C', root, `--format=${format}`, '-c', ...FILES.map(({ path }) => path)];
      expect(byPath(await membersOf(execFileSync('tar', args)))).toEqual(byPath(CONTENTS));
    }
  });

  it.each([
    ['text', Buffer.from('x'.repeat(2000))],
    ['a wrong sum', tarOf(FILES, 0).fill('y', 0, 1)],
    ['an end too soon', tarOf(FILES, 0).subarray(0, 1100)],
  ])('that is %s is refused', async (_name, bytes) => {
    await expect(membersOf(bytes)).rejects.toThrow('read.tar is no tar archive, or damaged at byte');
  });
});
