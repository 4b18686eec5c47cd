import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCache, writeCache } from '../../../core/launch/cache-file.js';

describe('a file of a code cache', () => {
  const source = Buffer.from('let a = 1;\n');
  const data = Buffer.from('what V8 made of it');
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bee-cache-'));
    file = join(folder, 'script.js');
    writeCache(file, source, data);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives what was written for this script', () => {
    expect(readCache(file, source)).toEqual(data);
  });

  it('gives nothing for a script of the same length that was edited, of which V8 would run the old code', () => {
    expect(readCache(file, Buffer.from('let a = 2;\n'))).toBeUndefined();
  });

  it.each(['version', 'arch'] as const)('gives nothing of a Node of another %s', (name) => {
    const own = Object.getOwnPropertyDescriptor(process, name) ?? {};
    Object.defineProperty(process, name, { ...own, value: 'another' });
    try {
      expect(readCache(file, source)).toBeUndefined();
    } finally {
      Object.defineProperty(process, name, own);
    }
    expect(readCache(file, source)).toEqual(data);
  });

  it('gives nothing where there is none', () => {
    expect(readCache(join(folder, 'other.js'), source)).toBeUndefined();
  });

  it('gives nothing of a file that is damaged or cut anywhere', () => {
    const whole = readFileSync(`${file}.cache`);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      writeFileSync(`${file}.cache`, damaged);
      expect(readCache(file, source), `byte ${at}`).toBeUndefined();
      writeFileSync(`${file}.cache`, whole.subarray(0, at));
      expect(readCache(file, source), `${at} bytes`).toBeUndefined();
    }
  });
});
