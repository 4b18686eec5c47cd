import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileProbe } from '../support/compile.js';
// @ts-expect-error: a plain script, shared with the children
import { STEPS } from './children/scenario.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const addon = join(root, 'native', 'build', 'Release', 'bee.node');
const end = fileURLToPath(new URL('./children/end.mjs', import.meta.url));

let probe: string;
beforeAll(() => {
  probe = compileProbe(fileURLToPath(new URL('./probes/life.bpf.c', import.meta.url)));
});

/** A child that ends as `mode` says; clean is: exit code 0, no signal, not a word. */
function expectCleanEnd(mode: string, step: string): void {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--force-node-api-uncaught-exceptions-policy=true', end, addon, probe, mode, step],
    { encoding: 'utf8', timeout: 60_000 },
  );
  expect({ status, signal, stdout, stderr }).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
}

const steps = STEPS as readonly string[];

describe('the addon ends cleanly', () => {
  it('is there', () => {
    expect(readdirSync(join(addon, '..'))).toContain('bee.node');
  });

  it.each(steps)('by process.exit when %s', (step) => expectCleanEnd('exit', step));

  it.each(steps)('when the loop runs empty and it is %s', (step) => expectCleanEnd('empty', step));

  it.each(steps)('when all is dropped and collected and it is %s', (step) => expectCleanEnd('drop', step));

  it.each(steps)('when its worker is terminated and it is %s', (step) => expectCleanEnd('worker', step));

  it('when workers are terminated at any moment', () => expectCleanEnd('midair', '-'), 90_000);
});
