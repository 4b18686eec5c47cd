import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compileProbe } from '../support/compile.js';

interface Holdings {
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  readonly kilobytes: number;
}

it('holds no more after a thousand loads and unloads than after a hundred', () => {
  const addon = fileURLToPath(new URL('../../native/build/Release/bee.node', import.meta.url));
  const child = fileURLToPath(new URL('./children/steady.mjs', import.meta.url));
  const probe = compileProbe(join(fileURLToPath(new URL('./probes', import.meta.url)), 'life.bpf.c'));
  const output = execFileSync(process.execPath, ['--expose-gc', child, addon, probe, '1000'], {
    encoding: 'utf8',
  });
  const { early, late } = JSON.parse(output) as { early: Holdings; late: Holdings };
  expect(late).toMatchObject({
    descriptors: early.descriptors,
    threads: early.threads,
    mappings: early.mappings,
  });
  // Compiled code, feedback and the allocator's arenas settle: a leak of one ring would be 128 KiB a round.
  expect(late.kilobytes - early.kilobytes).toBeLessThan(8 * 1024);
}, 180_000);
