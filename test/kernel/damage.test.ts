import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { compileProbe } from '../support/compile.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let rich: string;
beforeAll(() => {
  rich = compileProbe(here('./probes/rich.bpf.c'));
});

/** Environment: `DAMAGE` how many damaged objects are tried; more of them find more. */
const COUNT = Number(process.env.DAMAGE ?? 1500);

it.each([
  ['open', COUNT],
  ['load', COUNT / 5],
])(
  'a damaged object is an error, whatever libbpf would make of it: %s',
  (way, count) => {
    const child = spawnSync(
      process.execPath,
      [here('./children/damage.mjs'), here('../../dist'), rich, '0', String(count), way],
      { encoding: 'utf8', timeout: 240_000 },
    );
    expect({ status: child.status, signal: child.signal, stderr: child.stderr }).toEqual({
      status: 0,
      signal: null,
      stderr: '',
    });
    const outcomes = JSON.parse(child.stdout);
    expect(outcomes.refused + outcomes.unopened + outcomes.opened).toBe(count);
    for (const outcome of [
      'refused',
      'unopened',
      'opened',
      ...(way === 'load' ? ['unloaded', 'loaded'] : []),
    ])
      expect(outcomes[outcome], outcome).toBeGreaterThan(0);
  },
  250_000,
);
