import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCredential, removeCredential, saveCredential } from '../../../core/oci/index.js';

const HOST = 'registry.example.com';
const auth = (text: string): string => Buffer.from(text).toString('base64');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-credentials-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a config.json that is a symbolic link', () => {
  // As the kubelet mounts a Secret: what is in the folder leads through `..data`, which is swapped at an update.
  function mounted(): string {
    mkdirSync(join(folder, '..2026_01'));
    writeFileSync(
      join(folder, '..2026_01', 'config.json'),
      JSON.stringify({ auths: { [HOST]: { auth: auth('ada:secret') } }, psFormat: 'x' }),
    );
    symlinkSync('..2026_01', join(folder, '..data'));
    symlinkSync('..data/config.json', join(folder, 'config.json'));
    return join(folder, 'config.json');
  }

  it('is read', async () => {
    expect(await findCredential(HOST, { files: [mounted()] })).toEqual({
      username: 'ada',
      password: 'secret',
    });
  });

  it('stays one when a login or logout writes it', async () => {
    const file = mounted();
    const real = join(folder, '..2026_01', 'config.json');
    await saveCredential(file, 'other.example', { username: 'bob', password: 'x' });
    expect(readlinkSync(file)).toBe('..data/config.json');
    expect(lstatSync(real).mode & 0o777).toBe(0o600);
    expect(await removeCredential(file, HOST)).toBe(true);
    expect(JSON.parse(readFileSync(real, 'utf8'))).toEqual({
      auths: { 'other.example': { auth: auth('bob:x') } },
      psFormat: 'x',
    });
  });

  it('to a FIFO is refused and not waited for', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    symlinkSync('fifo', join(folder, 'config.json'));
    await expect(findCredential(HOST, { files: [join(folder, 'config.json')] })).rejects.toMatchObject({
      code: 'INVALID_CREDENTIALS',
      message: expect.stringContaining('config.json is no regular file'),
    });
  });
});
