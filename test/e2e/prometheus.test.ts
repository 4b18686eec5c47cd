import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { makeCa, makeCertificate } from '../support/certificates.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { parseExposition, type Sample } from '../support/exposition.js';
import { PrometheusServer } from '../support/prometheus.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const FILL = '1';
const RING = '4';

describe('the prometheus sink of a running agent', () => {
  let object: string;
  let request: string;
  let agent: AgentProcess;
  beforeAll(() => {
    object = compileProbe(here('./probes/maps.bpf.c'));
    request = compileProgram(here('./probes/do.c'));
  });
  afterEach(() => agent.stop());

  const start = (sinks: string, maps = '', probes = ''): Promise<AgentProcess> =>
    AgentProcess.start(`
probes:
  - file: ${object}
    name: maps
    maps: { counter_sent_bytes: { value: bytes }${maps} }
${probes}
sinks:
${sinks}
agent: { listen: "127.0.0.1:0" }
`);

  async function samples(url: string): Promise<Sample[]> {
    return parseExposition(await (await fetch(url)).text(), 'text').flatMap((family) => family.samples);
  }

  it('answers at its own address, which has nothing else, and not at the agent’s', async () => {
    agent = await start('  prom: { type: prometheus, listen: "127.0.0.1:0", path: /probes/metrics }');
    await agent.until(() => /metrics at (http:\S+)/.test(agent.stderr));
    const url = /metrics at (http:[^\s"]+)/.exec(agent.stderr)![1]!;
    expect(url).toMatch(/\/probes\/metrics$/);
    const prometheus = await PrometheusServer.scrape(url);
    try {
      await run(request, [RING]);
      await expect
        .poll(async () => (await prometheus.query('sum(ebpf_opens_total)'))[0]?.value, { timeout: 15_000 })
        .toBe('5');
    } finally {
      await prometheus.stop();
    }
    for (const other of ['/events', '/healthz', '/metrics', '/'])
      expect((await fetch(new URL(other, url))).status).toBe(404);
    for (const own of ['/probes/metrics', '/metrics'])
      expect((await fetch(agent.url + own)).status).toBe(404);
    expect((await fetch(`${agent.url}/healthz`)).status).toBe(200);
    expect(await agent.stop()).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  }, 60_000);

  it('is scraped by Prometheus over TLS, with a password and a client certificate, and by nobody else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-web-'));
    makeCa(folder, 'ca');
    for (const name of ['server', 'client']) makeCertificate(folder, name, 'ca');
    const { stdout } = await run('htpasswd', ['-nbBC', '10', 'prometheus', 'let me in']);
    writeFileSync(
      join(folder, 'web.yml'),
      `tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
basic_auth_users:
  prometheus: ${stdout.trim().split(':')[1]}
`,
    );
    agent = await start(
      `  prom: { type: prometheus, listen: "127.0.0.1:0", web_config: ${join(folder, 'web.yml')} }`,
    );
    await agent.until(() => /metrics at (https:\S+)/.test(agent.stderr));
    const url = /metrics at (https:[^\s"]+)/.exec(agent.stderr)![1]!;
    const scraped = (user: string): Promise<PrometheusServer> =>
      PrometheusServer.scrape(url, '500ms', [
        `basic_auth: { username: ${user}, password: let me in }`,
        `tls_config: { ca_file: ${folder}/ca.pem, cert_file: ${folder}/client.pem, key_file: ${folder}/client.key }`,
      ]);
    const [prometheus, stranger] = [await scraped('prometheus'), await scraped('somebody')];
    try {
      await run(request, [RING]);
      await expect
        .poll(async () => (await prometheus.query('sum(ebpf_opens_total)'))[0]?.value, { timeout: 15_000 })
        .toBe('5');
      await expect.poll(async () => (await stranger.query('up'))[0]?.value, { timeout: 15_000 }).toBe('0');
      expect(await stranger.query('ebpf_opens_total')).toEqual([]);
    } finally {
      await prometheus.stop();
      await stranger.stop();
    }
    // Neither without TLS, nor without a certificate.
    for (const target of [url, url.replace('https', 'http')]) await expect(fetch(target)).rejects.toThrow();
    expect(agent.stderr).not.toContain('let me in');
  }, 90_000);

  it('answers at a unix socket', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bee-prom-')), 'prom.sock');
    agent = await start(`  prom: { type: prometheus, listen: "unix:${path}" }`);
    await agent.until(() => agent.stderr.includes(`metrics at unix:${path}`));
    const [response] = (await once(get({ socketPath: path, path: '/metrics' }), 'response')) as [
      IncomingMessage,
    ];
    let text = '';
    for await (const part of response) text += part;
    expect(parseExposition(text, 'text').some(({ name }) => name === 'bee_agent_build_info')).toBe(true);
  }, 60_000);

  it('ends the agent, and says why, where its address is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    agent = await start(`  prom: { type: prometheus, listen: "127.0.0.1:${port}" }\n  out: { type: stdout }`);
    await agent.until(() => agent.child.exitCode !== null);
    expect(agent.child.exitCode).toBe(1);
    expect(agent.stderr).toContain(
      `sink \\"prom\\": listen: 127.0.0.1:${port} is in use by another process. Stop it, or choose another address`,
    );
    expect(agent.stderr.match(/in use/g)!.length).toBe(1);
    expect(agent.stderr).not.toMatch(/\n\s+at /);
    other.close();
  }, 60_000);

  it('compresses, answers HEAD, and refuses what is neither', async () => {
    agent = await start('  prom: { type: prometheus }');
    const url = new URL('/metrics', agent.url);
    const ask = async (
      method: string,
      headers: Record<string, string>,
    ): Promise<[IncomingMessage, Buffer]> => {
      const [response] = (await once(
        get({ host: url.hostname, port: url.port, path: url.pathname, method, headers }),
        'response',
      )) as [IncomingMessage];
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part);
      return [response, Buffer.concat(parts)];
    };
    const headers = { 'accept-encoding': 'gzip', accept: 'application/openmetrics-text; version=1.0.0' };
    const [zipped, body] = await ask('GET', headers);
    expect(zipped.headers['content-encoding']).toBe('gzip');
    parseExposition(gunzipSync(body).toString(), 'openmetrics');
    const [head, empty] = await ask('HEAD', headers);
    expect([head.statusCode, head.headers['content-type'], empty.length]).toEqual([
      200,
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      0,
    ]);
    expect((await ask('POST', {}))[0].statusCode).toBe(405);
  }, 60_000);

  it('keeps the names of the original, beside another sink that does not', async () => {
    agent = await start(
      '  old: { type: prometheus, path: /old, naming: bumblebee }\n  prom: { type: prometheus }',
    );
    await run(request, [FILL]);
    await run(request, [RING]);
    const wanted = [
      'ebpf_solo_io_counter_opens{"comm":"cat","kind":"1"} 3',
      'ebpf_solo_io_counter_flows{"saddr":"10.0.0.1","port":"443","conn_proto":"6","conn_state":"OPEN"} 18446744073709551615',
      'ebpf_solo_io_gauge_stats_io_busy{"key":"1"} 0.0015',
      'ebpf_solo_io_counter_reserved{"probe":"1","le":"2","node":"3","job":"4","instance":"5","srcPort":"6"} 1',
      'ebpf_solo_io_hist_wait_ns_count{"queue":"rt"} 4',
    ];
    const shown = async (): Promise<string[]> =>
      (await samples(`${agent.url}/old`)).map(
        ({ name, labels, value }) => `${name}${JSON.stringify(labels)} ${value}`,
      );
    await expect.poll(shown, { timeout: 10_000 }).toEqual(expect.arrayContaining(wanted));
    expect((await shown()).some((line) => /^ebpf_(?!solo_io_)/.test(line))).toBe(false);
    const names = (await samples(`${agent.url}/metrics`)).map(({ name }) => name);
    expect(names.some((name) => name.startsWith('ebpf_solo_io_'))).toBe(false);
    expect(names).toContain('ebpf_opens_total');
  }, 60_000);

  it('shows what exceeds max_series as one series of a ring, and leaves it out of a hash', async () => {
    agent = await start(
      '  prom: { type: prometheus }',
      ', counter_opens: { max_series: 1 }, gauge_temperature: { max_series: 1 }',
    );
    await run(request, [RING]);
    await run(request, [FILL]);
    const of = async (name: string): Promise<(readonly [string | undefined, string])[]> =>
      (await samples(`${agent.url}/metrics`))
        .filter((sample) => sample.name === name)
        .map(({ labels, value }) => [labels.overflow, value] as const);
    await expect
      .poll(() => of('ebpf_opens_total'))
      .toEqual([
        [undefined, '3'],
        ['true', '2'],
      ]);
    await expect.poll(async () => (await of('ebpf_temperature')).length).toBe(1);
    const overflowed = async (map: string): Promise<number> =>
      agent.sum('bee_agent_series_overflowed_total', `map="${map}"`);
    expect(await overflowed('counter_opens')).toBe(2);
    await expect.poll(() => overflowed('gauge_temperature')).toBeGreaterThan(0);
  }, 60_000);

  it.each([
    [
      'two types',
      ', counter_opens: { metric: x_total, export: gauge, value: kind }',
      /names that end in _total are a counter's/,
    ],
    [
      'a family of two maps',
      ', gauge_level: { metric: ebpf_temperature }, gauge_temperature: { labels: [key] }, hist_size: { metric: ebpf_temperature }',
      /map "hist_size" would be the family ebpf_temperature as a histogram, which map "gauge_\w+" is as a gauge/,
    ],
    [
      'one series of two maps',
      ', counter_calls: { metric: calls }, counter_cpu_hash: { metric: calls }',
      /would be the same series of the family calls_total/,
    ],
  ])('finds a clash before anything is loaded: %s', async (_, maps, message) => {
    agent = await AgentProcess.start(
      `
probes:
  - file: ${object}
    name: maps
    maps: { counter_sent_bytes: { value: bytes }${maps} }
agent: { listen: "127.0.0.1:0" }
`,
      '--check',
    );
    expect(agent.child.exitCode).toBe(2);
    expect(agent.stderr).toMatch(/probes\.yaml:\d+:\d+/);
    expect(agent.stderr).toMatch(message);
  });

  it.each([
    ['/metrics', 'that of sink "one"'],
    ['/events', "the agent's own"],
  ])('finds a path that is taken: %s', async (path, owner) => {
    agent = await AgentProcess.start(
      `
probes: [{ file: ${object}, maps: { counter_sent_bytes: { value: bytes } } }]
sinks:
  one: { type: prometheus }
  two: { type: prometheus, path: ${path} }
  other: { type: prometheus, listen: "127.0.0.1:0" }
`,
      '--check',
    );
    expect(agent.child.exitCode).toBe(2);
    expect(agent.stderr).toContain(`sink "two" (prometheus), path: ${path} is ${owner}`);
    expect(agent.stderr).not.toContain('"other"');
  });
});
