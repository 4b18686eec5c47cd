import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, runAgent, writeConfig } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { parseExposition } from '../support/exposition.js';
import { PrometheusServer } from '../support/prometheus.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const RING = '4';
const OPENMETRICS = { accept: 'application/openmetrics-text; version=1.0.0' };

describe('exemplars', () => {
  let object: string;
  let agent: AgentProcess | undefined;
  let prometheus: PrometheusServer | undefined;
  beforeAll(() => {
    object = compileProbe(here('./probes/maps.bpf.c'));
  });
  afterAll(async () => {
    await prometheus?.stop();
    await agent?.stop();
  });

  const config = (maps: string): string => `
probes:
  - file: ${object}
    maps: { counter_sent_bytes: { export: none }, ${maps} }
sinks: { prom: { type: prometheus } }
agent: { listen: "127.0.0.1:0" }
`;

  it('of real records are what Prometheus keeps of them', async () => {
    agent = await AgentProcess.start(
      config('counter_opens: { exemplar: [comm] }, hist_wait_ns: { exemplar: [queue], buckets: [1000] }'),
    );
    prometheus = await PrometheusServer.scrape(
      `${agent.url}/metrics`,
      '500ms',
      [],
      ['--enable-feature=exemplar-storage'],
    );
    const before = Date.now() / 1000;
    await run(compileProgram(here('./probes/do.c')), [RING]);
    await expect
      .poll(() => prometheus!.exemplars('{__name__=~"ebpf_(opens|wait).*"}'), { timeout: 20_000 })
      .toHaveLength(4);
    const after = Date.now() / 1000;
    const found = await prometheus.exemplars('{__name__=~"ebpf_(opens|wait).*"}');
    // The kernel's side: kinds 1 and 0 opened by cat; waits of 0, 1000, 1001 and 5,000,000,000 ns.
    const shown = found.map(({ series, labels, value }) => [
      `${series.__name__} ${series.kind ?? series.le}`,
      labels,
      Number(value),
    ]);
    expect(shown.sort()).toEqual([
      ['ebpf_opens_total 0', { comm: 'cat' }, 1],
      ['ebpf_opens_total 1', { comm: 'cat' }, 1],
      ['ebpf_wait_seconds_bucket +Inf', { queue: 'rt' }, 5],
      ['ebpf_wait_seconds_bucket 1e-06', { queue: 'rt' }, 1e-6],
    ]);
    for (const { timestamp } of found) {
      expect(timestamp).toBeGreaterThan(before - 1);
      expect(timestamp).toBeLessThan(after + 1);
    }
    const openMetrics = await (await fetch(`${agent.url}/metrics`, { headers: OPENMETRICS })).text();
    const samples = parseExposition(openMetrics, 'openmetrics').flatMap((family) => family.samples);
    expect(samples.filter(({ exemplar }) => exemplar)).toHaveLength(4);
    expect(await (await fetch(`${agent.url}/metrics`)).text()).not.toContain(' # {');
    expect(await prometheus.refused()).toBe(0);
  }, 90_000);

  it.each([
    ['gauge_level: { exemplar: [disk] }', /this is a gauge of a ringbuf/],
    ['counter_flows: { exemplar: [port] }', /this is a counter of a hash/],
    ['counter_opens: { exemplar: [com] }', /no field "com".*comm/s],
    ['counter_opens: { exemplar: [] }', /at least one field/],
    ['counter_opens: { exemplar: [comm, comm] }', /choose with `exemplar:`/],
  ])('cannot be: %s', async (map, message) => {
    const { code, stderr } = await runAgent('--config', writeConfig(config(map)), '--check');
    expect(code).toBe(2);
    expect(stderr).toMatch(/probes\.yaml:4:7\d: /);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  });
});
