import { execFile, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { type Family, parseExposition } from '../support/exposition.js';
import { dumpMap } from '../support/kernel-map.js';
import { PrometheusServer } from '../support/prometheus.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const FILL = '1';
const CHANGE = '2';
const PER_CPU = '3';
const RING = '4';
const EVENTS = '5';

/** What `name{labels}` is expected to be; Prometheus' own labels left out. */
type Wanted = Readonly<Record<string, number>>;

const RING_SERIES: Wanted = {
  'ebpf_opens_total{comm="cat",kind="1"}': 3,
  'ebpf_opens_total{comm="cat",kind="0"}': 2,
  'ebpf_sent_bytes_total{port="80"}': 2 ** 63 + 3,
  'ebpf_level{disk="sda"}': -7,
  'ebpf_wait_seconds_bucket{le="1e-06",queue="rt"}': 2,
  'ebpf_wait_seconds_bucket{le="0.001",queue="rt"}': 3,
  'ebpf_wait_seconds_bucket{le="+Inf",queue="rt"}': 4,
  'ebpf_wait_seconds_sum{queue="rt"}': 5.000002001,
  'ebpf_wait_seconds_count{queue="rt"}': 4,
  'ebpf_size_bucket{le="16.0"}': 0,
  'ebpf_size_bucket{le="32.0"}': 1,
  'ebpf_size_bucket{le="+Inf"}': 2,
  'ebpf_size_sum{}': 2 ** 60 + 21,
  'ebpf_size_count{}': 2,
};

const ENTRIES: Wanted = {
  'ebpf_flows_total{conn_proto="6",conn_state="OPEN",port="443",saddr="10.0.0.1"}': 2 ** 64 - 1,
  'ebpf_flows_total{conn_proto="6",conn_state="OPEN",port="80",saddr="10.0.0.1"}': 2 ** 53 + 1,
  'ebpf_flows_total{conn_proto="6",conn_state="OP",port="80",saddr="10.0.0.1"}': 11,
  'ebpf_temperature{key="1"}': -40,
  'ebpf_temperature{key="2"}': 2147483647,
  'ebpf_blocks_bucket{dev="sda",le="0.0"}': 2,
  'ebpf_blocks_bucket{dev="sda",le="512.0"}': 6,
  'ebpf_blocks_bucket{dev="sda",le="4096.0"}': 9,
  'ebpf_blocks_bucket{dev="sda",le="+Inf"}': 9,
  'ebpf_calls_total{key="0"}': 0,
  'ebpf_calls_total{key="1"}': 0,
  'ebpf_calls_total{key="2"}': 0,
  'ebpf_calls_total{key="3"}': 12345,
  'ebpf_names_total{text="a\\"b\\\\c\\nd"}': 1,
  'ebpf_names_total{text="\uFFFD\uFFFD{}=,"}': 2,
  'ebpf_names_total{}': 3,
  'ebpf_stats_rx_bytes{key="1"}': 2 ** 64 - 1,
  'ebpf_stats_delta{key="1"}': -9,
  'ebpf_stats_io_count_value{key="1"}': 7,
  'ebpf_stats_io_busy_seconds{key="1"}': 0.0015,
  'ebpf_reserved_total{exported_instance="5",exported_job="4",exported_le="2",exported_node="3",exported_probe="1",src_port="6"}': 1,
};

describe('maps of every kind, read back from a Prometheus', () => {
  let agent: AgentProcess;
  let prometheus: PrometheusServer;
  let request: string;
  let perCpu: Wanted;
  const ask = (...args: string[]): Promise<unknown> => run(request, args);

  beforeAll(async () => {
    request = compileProgram(here('./probes/do.c'));
    agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('./probes/maps.bpf.c'))}
    name: maps
    maps:
      counter_sent_bytes: { value: bytes }
      hist_wait_ns: { buckets: [1000, 1000000] }
      hist_size: { buckets: [16, 32] }
      counter_calls: { interval: 100ms }
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus }
agent: { listen: "127.0.0.1:0", labels: { region: "eu" } }
`);
    const cpus = availableParallelism();
    let numbers = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      await ask(PER_CPU, String(cpu));
      numbers += cpu;
    }
    perCpu = {
      'ebpf_cpu_hash_total{key="0"}': 100 * cpus + numbers,
      'ebpf_cpu_hash_total{key="1"}': 100 * cpus + numbers,
      'ebpf_cpu_array_total{key="0"}': 1000 * cpus + numbers,
      'ebpf_cpu_array_total{key="1"}': 2000 * cpus + numbers,
    };
    await ask(RING);
    await ask(FILL);
    prometheus = await PrometheusServer.scrape(`${agent.url}/metrics`);
  }, 60_000);

  afterAll(async () => {
    await prometheus?.stop();
    await agent?.stop();
  });

  /** What Prometheus has of the probe now; labels that all have in common are checked and left out. */
  async function stored(): Promise<Record<string, number>> {
    const series: Record<string, number> = {};
    for (const { metric, value } of await prometheus.query('{__name__=~"ebpf_.*"}')) {
      const { __name__, probe, region, job, instance, ...labels } = metric;
      expect([probe, region, job, `http://${instance}`]).toEqual(['maps', 'eu', 'bee', agent.url]);
      const text = Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, label]) => `${name}=${JSON.stringify(label)}`);
      const key = `${__name__}{${text.join(',')}}`;
      expect(series).not.toHaveProperty([key]);
      series[key] = Number(value);
    }
    return series;
  }

  async function exposed(accept: string): Promise<Family[]> {
    const response = await fetch(`${agent.url}/metrics`, { headers: { accept } });
    return parseExposition(await response.text(), accept.includes('openmetrics') ? 'openmetrics' : 'text');
  }

  it('every value, each series once', async () => {
    const wanted = { ...RING_SERIES, ...ENTRIES, ...perCpu };
    await expect.poll(stored, { timeout: 15_000, interval: 500 }).toEqual(wanted);
    expect(await prometheus.refused()).toBe(0);
    const [up] = await prometheus.query('up');
    expect(up!.value).toBe('1');
  }, 30_000);

  it('with the exact digits of 64 bits, in both formats', async () => {
    for (const accept of ['text/plain', 'application/openmetrics-text']) {
      const samples = (await exposed(accept)).flatMap((family) => family.samples);
      const of = (name: string, label: string): string | undefined =>
        samples.find((sample) => sample.name === name && Object.values(sample.labels).includes(label))?.value;
      expect(of('ebpf_flows_total', '443')).toBe('18446744073709551615');
      expect(of('ebpf_flows_total', 'OPEN')).toMatch(/^(18446744073709551615|9007199254740993)$/);
      expect(of('ebpf_sent_bytes_total', '80')).toBe(String(2n ** 63n + 3n));
      expect(of('ebpf_size_sum', 'maps')).toBe(String(2n ** 60n + 21n));
      expect(of('ebpf_stats_rx_bytes', '1')).toBe('18446744073709551615');
    }
  });

  it('as the kernel has them, says bpftool', async () => {
    const kernel = Object.fromEntries(
      dumpMap(agent.child.pid!, 'gauge_temperature').map(({ key, value }) => [
        `ebpf_temperature{key="${key}"}`,
        value,
      ]),
    );
    expect(Object.keys(kernel).length).toBe(2);
    expect(await stored()).toMatchObject(kernel);
  });

  it('with names that promtool has nothing to say about', async () => {
    const text = await (await fetch(`${agent.url}/metrics`)).text();
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    });
    expect([status, stdout + stderr]).toEqual([0, '']);
  });

  it('without what was deleted in the kernel, and with counters that began again', async () => {
    await ask(CHANGE);
    const wanted: Record<string, number> = { ...RING_SERIES, ...ENTRIES, ...perCpu };
    for (const gone of Object.keys(wanted)) {
      if (/port="443"|temperature\{key="1"|_stats_|le="4096/.test(gone)) delete wanted[gone];
    }
    wanted['ebpf_flows_total{conn_proto="6",conn_state="OPEN",port="80",saddr="10.0.0.1"}'] = 10;
    wanted['ebpf_blocks_bucket{dev="sda",le="+Inf"}'] = 6;
    await expect.poll(stored, { timeout: 15_000, interval: 500 }).toEqual(wanted);
    // The fall is a reset to Prometheus, which adds what came after it: from 2^53+1 to 10 is ten more.
    const name = 'ebpf_flows_total{conn_state="OPEN",port="80"}';
    const [resets] = await prometheus.query(`resets(${name}[1m])`);
    expect(resets!.value).toBe('1');
    expect(await prometheus.refused()).toBe(0);
  }, 30_000);

  it('and entries of a print_ map as events: new and changed ones, once', async () => {
    const seen = (): unknown[] =>
      agent.events
        .filter((event) => event.map === 'print_states')
        .map(({ data }) => data)
        .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    const entry = (key: number, level: number, name: string): unknown => ({ key, value: { level, name } });
    await ask(EVENTS);
    const first = [entry(1, 1, 'same'), entry(2, 10, 'old')];
    await agent.until(() => seen().length >= 2);
    expect(seen()).toEqual(first);
    await ask(EVENTS);
    await agent.until(() => seen().length >= 4);
    // Two more reads: what did not change is not told again.
    await new Promise((done) => setTimeout(done, 2500));
    expect(seen()).toEqual([...first, entry(2, 20, 'old'), entry(3, 20, 'new')]);
  }, 30_000);
});
