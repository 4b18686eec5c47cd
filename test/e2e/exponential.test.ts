import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, runAgent, writeConfig } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const RING = '4';

describe('scale: exponential', () => {
  let object: string;
  let agent: AgentProcess | undefined;
  beforeAll(() => {
    object = compileProbe(here('./probes/maps.bpf.c'));
  });
  afterAll(() => agent?.stop());

  const config = (maps: string): string => `
probes:
  - file: ${object}
    maps: ${maps}
sinks: { prom: { type: prometheus } }
agent: { listen: "127.0.0.1:0" }
`;

  it('shows whole powers of two, in the unit of the metric, and the sum', async () => {
    agent = await AgentProcess.start(
      config('{ hist_wait_ns: { scale: exponential }, hist_size: { scale: exponential } }'),
    );
    await run(compileProgram(here('./probes/do.c')), [RING]);
    await agent.until(async () => (await agent!.sum('ebpf_wait_seconds_count')) === 4);
    const metrics = await agent.metrics();
    // The counts by bound, where they grow: the kernel's side observed 0, 1000, 1001 and 5,000,000,000 ns.
    const steps = (family: string): [number, number][] => {
      let before = 0;
      return [...metrics].flatMap(([series, value]): [number, number][] => {
        const le = new RegExp(`^${family}_bucket\\{.*le="([^"]+)"`).exec(series)?.[1];
        if (le === undefined || value === before) return [];
        before = value;
        return [[Number(le.replace('+Inf', 'Infinity')), value]];
      });
    };
    expect(steps('ebpf_wait_seconds')).toEqual([
      [0, 1],
      [2 ** -19, 3],
      [8, 4],
    ]);
    expect(await agent.sum('ebpf_wait_seconds_sum')).toBeCloseTo(5.000002001, 12);
    // 20 and 2^60+1.
    expect(steps('ebpf_size')).toEqual([
      [32, 1],
      [2 ** 61, 2],
    ]);
  }, 60_000);

  it.each([
    ['hist_size: { scale: exponential, buckets: [1] }', /Remove one/],
    ['hist_blocks: { scale: exponential }', /exponential buckets are for histograms of ring buffers/],
    ['gauge_level: { export: histogram, value: value, scale: exponential }', /field "value" is not/],
    ['counter_opens: { scale: exponential }', /this is a counter of one/],
  ])('cannot be: %s', async (map, message) => {
    const { code, stderr } = await runAgent('--config', writeConfig(config(`{ ${map} }`)), '--check');
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  });
});
