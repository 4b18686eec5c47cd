import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeConfig } from '../support/agent.js';
import { compileProbe } from '../support/compile.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('an installation whose addon was not built', () => {
  let folder: string;
  let probe: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bee-no-addon-'));
    for (const name of ['dist', 'package.json'])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    mkdirSync(join(folder, 'native'));
    cpSync(join(root, 'native', 'binding.gyp'), join(folder, 'native', 'binding.gyp'));
    probe = compileProbe(fileURLToPath(new URL('./probes/controls.bpf.c', import.meta.url)));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['bee-agent', 'bee'])('is told by %s in one message, without a stack', (name) => {
    const config = writeConfig(`probes: [{ file: ${probe} }]\nagent: { listen: "127.0.0.1:0" }\n`);
    const args = name === 'bee' ? ['run', probe, '--no-tty', '--prom-port', '0'] : ['--config', config];
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(folder, 'dist', 'bin', `${name}.js`), ...args],
      { encoding: 'utf8', timeout: 20_000 },
    );
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(/the native addon cannot be loaded: .*npm run build:native/);
    expect(stderr).not.toMatch(/(\n|\\n)\s+at /);
  });
});
