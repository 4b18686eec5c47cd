import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { parseExposition } from '../support/exposition.js';
import { freePort } from '../support/registry.js';
import { builtService, eventually, Service } from './service.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const FILL = '1';
const RING = '4';
const EVENTS = '5';

const victoria = builtService('victoria-metrics');
const loki = builtService('loki');

describe.skipIf(!victoria || !loki)(
  'one probe to five sinks (skipped where build-victoria-metrics.sh and build-loki.sh left nothing)',
  () => {
    const services: Service[] = [];
    let agent: AgentProcess;
    let metricsUrl: string;
    let lokiUrl: string;
    let request: string;
    const ask = (...args: string[]): Promise<unknown> => run(request, args);

    beforeAll(async () => {
      const [metricsPort, lokiPort, lokiGrpc] = [await freePort(), await freePort(), await freePort()];
      metricsUrl = `http://127.0.0.1:${metricsPort}`;
      lokiUrl = `http://127.0.0.1:${lokiPort}`;
      services.push(
        await Service.start(
          victoria!,
          (folder) => [
            `-httpListenAddr=127.0.0.1:${metricsPort}`,
            `-storageDataPath=${join(folder, 'data')}`,
            '-search.latencyOffset=0s',
            '-search.disableCache',
          ],
          `${metricsUrl}/health`,
        ),
        await Service.start(
          loki!,
          (folder) => {
            const file = join(folder, 'loki.yaml');
            writeFileSync(file, lokiConfig(folder, lokiPort, lokiGrpc));
            return [`-config.file=${file}`];
          },
          `${lokiUrl}/ready`,
        ),
      );
      request = compileProgram(here('../e2e/probes/do.c'));
      agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('../e2e/probes/maps.bpf.c'))}
    name: maps
    maps:
      counter_sent_bytes: { value: bytes }
      hist_wait_ns: { buckets: [1000, 1000000] }
      hist_size: { buckets: [16, 32] }
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus }
  file: { type: file, path: events.ndjson }
  loki: { type: loki, url: "${lokiUrl}" }
  otlp: { type: otlp, metrics_endpoint: "${metricsUrl}/opentelemetry/v1/metrics", logs: false, interval: 1s }
agent: { listen: "127.0.0.1:0", labels: { region: "eu" } }
`);
      await ask(RING);
      await ask(FILL);
      await ask(EVENTS);
    });

    afterAll(async () => {
      await agent?.stop();
      for (const service of services) await service.stop();
    });

    it('gives VictoriaMetrics every value that the agent itself shows', async () => {
      // Hashes are read each second.
      const own = await eventually(async () => {
        const response = await fetch(`${agent.url}/metrics`, { headers: { accept: 'text/plain' } });
        const samples = parseExposition(await response.text(), 'text')
          .filter(({ type }) => type !== 'histogram')
          .flatMap((family) => family.samples)
          .filter(({ name }) => name.startsWith('ebpf_'));
        return samples.length >= 18 ? samples : undefined;
      });
      const key = (labels: Record<string, string>): string =>
        JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
      const stored = await eventually(async () => {
        const url = `${metricsUrl}/api/v1/query?query=${encodeURIComponent('{__name__=~"ebpf_.*"}')}`;
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: { metric: Record<string, string>; value: [number, string] }[] };
        };
        return data.result.length >= own.length ? data.result : undefined;
      });
      for (const { name, labels, value } of own) {
        // What the resource adds is not the series' own; an empty label is none to Prometheus' model.
        const present = Object.fromEntries(Object.entries(labels).filter(([, text]) => text !== ''));
        const found = stored.filter(({ metric }) => {
          const { __name__, ...rest } = metric;
          return (
            __name__ === name &&
            Object.entries(present).every(([label, text]) => rest[label] === text) &&
            Object.keys(rest).every(
              (label) => label in present || /^(service|host|job|instance|otel|scope)/.test(label),
            )
          );
        });
        expect(found.length, `${name}${key(labels)}`).toBe(1);
        // VictoriaMetrics keeps decimal mantissas of less than 64 bits: the last digits of the largest are lost there.
        const wanted = Number(value);
        const error = Math.abs(Number(found[0]!.value[1]) - wanted);
        expect(error, `${name}${key(labels)}`).toBeLessThanOrEqual(Math.abs(wanted) * 1e-12);
      }
    });

    it('gives Loki and the file each event that standard output shows, with its time', async () => {
      await agent.until(() => agent.events.length > 0);
      const lines = (text: string): string[] => text.split('\n').filter(Boolean).sort();
      const shown = lines(agent.stdout);
      await eventually(async () => {
        const file = lines(readFileSync(join(agent.folder, 'events.ndjson'), 'utf8'));
        return file.length === shown.length ? file : undefined;
      }).then((file) => expect(file).toEqual(shown));
      const stored = await eventually(async () => {
        const url = new URL(`${lokiUrl}/loki/api/v1/query_range`);
        url.searchParams.set('query', '{probe="maps",region="eu"}');
        url.searchParams.set('limit', '5000');
        url.searchParams.set('start', String(BigInt(Date.now() - 3_600_000) * 1_000_000n));
        const response = await fetch(url);
        if (!response.ok) return undefined;
        const { data } = (await response.json()) as { data: { result: { values: [string, string][] }[] } };
        const entries = data.result.flatMap(({ values }) => values);
        return entries.length === shown.length ? entries : undefined;
      });
      expect(stored.map(([, line]) => line).sort()).toEqual(shown);
      for (const [time, line] of stored) {
        const { timestamp } = JSON.parse(line) as { timestamp: string };
        const seconds = BigInt(Date.parse(`${timestamp.slice(0, 19)}Z`)) * 1_000_000n;
        // Twins of one nanosecond are told apart by one.
        expect(Number(BigInt(time) - seconds - BigInt(timestamp.slice(20, 29)))).toBeLessThan(1000);
      }
    });

    it('adds up for every sink', async () => {
      const metrics = await eventually(async () => {
        const now = await agent.metrics();
        return [...now].some(([name, value]) => name.startsWith('bee_agent_sink_queued') && value > 0)
          ? undefined
          : now;
      });
      const sum = (name: string, sink: string): number =>
        [...metrics]
          .filter(([key]) => key.startsWith(`${name}{`) && key.includes(`sink="${sink}"`))
          .reduce((total, [, value]) => total + value, 0);
      for (const sink of ['out', 'file', 'loki']) {
        expect(sum('bee_agent_sink_delivered_total', sink)).toBe(agent.events.length);
        expect(sum('bee_agent_sink_lost_total', sink)).toBe(0);
      }
    });
  },
);

function lokiConfig(folder: string, port: number, grpc: number): string {
  return `
auth_enabled: false
analytics: { reporting_enabled: false }
server: { http_listen_address: 127.0.0.1, http_listen_port: ${port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: ${grpc}, log_level: error }
common:
  instance_addr: 127.0.0.1
  path_prefix: ${folder}/loki
  storage: { filesystem: { chunks_directory: ${folder}/chunks, rules_directory: ${folder}/rules } }
  replication_factor: 1
  ring: { kvstore: { store: inmemory } }
schema_config:
  configs: [{ from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: { prefix: index_, period: 24h } }]
limits_config: { allow_structured_metadata: true, reject_old_samples: false }
`;
}
