import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findEngine } from '../../../core/cli/package/engine.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-engine-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const program = (name: string, script: string): void =>
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
const find = () => findEngine({ env: { PATH: folder }, signal: new AbortController().signal });

it('of this machine that answers none is told why, in the last line of each', async () => {
  program('docker', 'echo "a warning" >&2; printf "no daemon at \\033[1mx.sock\\n\\n" >&2; exit 1');
  program('podman', 'exit 125');
  expect(await find()).toEqual({ why: 'docker: no daemon at  [1mx.sock; podman: it ended with 125' });
});

it('is Docker before Podman, and Podman where there is no Docker', async () => {
  program('podman', 'exit 0');
  expect(await find()).toEqual({ engine: 'podman' });
  program('docker', 'exit 0');
  expect(await find()).toEqual({ engine: 'docker' });
});

it('is not waited for by what it has left running', async () => {
  program('docker', `/bin/sleep 60 & echo $! >${join(folder, 'pid')}; echo "it left" >&2; exit 1`);
  expect(await find()).toEqual({ why: 'docker: it left; podman: not installed' });
  process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')));
}, 10_000);
