import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentMain } from '../agent.js';
import type { BenchCase } from '../case.js';
import { Child } from '../process.js';
import { probe, program, ROOT, WORK } from '../tools.js';

export const start: BenchCase = {
  name: 'start',
  what: 'process start → first event on stdout, probe in the store',
  unit: 's',
  better: 'lower',
  target: { ratio: 1, text: 'under 400 ms, or 3 × node -e 0' },
  runs: 7,
  async prepare() {
    const store = join(WORK, 'store');
    const source = join(ROOT, 'test', 'bench', 'probes', 'tick.bpf.c');
    execFileSync(process.execPath, [
      join(ROOT, 'dist/bin/bee.js'),
      ...['build', source, 'localhost/bench/tick:latest', '--storage', store],
    ]);
    const config = join(WORK, 'start.yaml');
    writeFileSync(
      config,
      `probes: [{ image: "localhost/bench/tick:latest", pull: never }]\nsinks: { out: { type: stdout, format: json }, prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:0", storage: ${store} }\n`,
      { mode: 0o600 },
    );
    probe('tick');
    return {
      ours: async () => {
        // Ticks before, so that the first event is there as soon as the probe is.
        const ticks = spawn(program('stopwatch'), ['2000'], { stdio: ['ignore', 'ignore', 'ignore'] });
        try {
          const begun = performance.now();
          const child = Child.spawn(process.execPath, [agentMain(), '--config', config], { stdout: 'pipe' });
          await child.firstOutput();
          const value = (performance.now() - begun) / 1000;
          await child.end();
          return { value };
        } finally {
          ticks.kill();
        }
      },
      reference: {
        what: '400 ms, or 3 × node -e 0 in the same run where that is more',
        measure: async () => {
          const begun = performance.now();
          await once(spawn(process.execPath, ['-e', '0']), 'close');
          const node = (performance.now() - begun) / 1000;
          return { value: Math.max(0.4, 3 * node), also: { 'node -e 0, s': node } };
        },
      },
    };
  },
};
