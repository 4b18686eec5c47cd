import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compileProbe } from '../support/compile.js';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

it('reads maps key by key where the kernel has no batches, and finds the same', () => {
  const shim = join(mkdtempSync(join(tmpdir(), 'bee-shim-')), 'no-batch.so');
  execFileSync('cc', ['-shared', '-fPIC', '-o', shim, at('./children/no-batch.c')]);
  const probe = compileProbe(at('../kernel/probes/tables.bpf.c'));
  const args = [at('./children/read-maps.mjs'), at('../../native/build/Release/bee.node'), probe, '1000'];
  const read = (preload: string): unknown =>
    JSON.parse(
      execFileSync(process.execPath, args, {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, LD_PRELOAD: preload },
      }),
    );
  const batched = read('') as Record<string, { count: number }>;
  expect(Object.values(batched).map(({ count }) => count)).toEqual([1000, 1000, 1000, 1000, 1000, 1000]);
  expect(read(shim)).toEqual(batched);
});
