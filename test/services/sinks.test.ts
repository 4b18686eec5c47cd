import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { parseExposition } from '../support/exposition.js';
import { PrometheusServer } from '../support/prometheus.js';
import { freePort } from '../support/registry.js';
import { Collector } from './collector.js';
import { Loki } from './loki.js';
import { builtService, eventually, installed, Service } from './service.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const FILL = '1';
const RING = '4';
const EVENTS = '5';
/** Loki answers a query with 5,000 lines at most. */
const FLOOD = 4000;

const victoria = builtService('victoria-metrics');
const missing = [
  victoria ? '' : 'build-victoria-metrics.sh',
  Collector.program ? '' : 'build-collector.sh',
  installed('prometheus') ? '' : 'apt-get install prometheus',
].filter(Boolean);

/** Nanoseconds of an RFC 3339 time with nine digits. */
const nanoseconds = (time: string): bigint =>
  BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(time.slice(20, 29));

/** Go's way to write a time, as nanoseconds. */
const goNanoseconds = (text: string): bigint => {
  const [, day, time, fraction = ''] = /^(\S+) (\d+:\d+:\d+)(?:\.(\d+))? \+0000 UTC$/.exec(text)!;
  return nanoseconds(`${day}T${time}.${fraction.padEnd(9, '0')}Z`);
};

describe.skipIf(missing.length > 0)(
  `one probe to five sinks${missing.length > 0 ? ` (skipped without: ${missing.join(', ')})` : ''}`,
  () => {
    let metricsStore: Service;
    let loki: Loki | undefined;
    let collector: Collector;
    let prometheus: PrometheusServer;
    let agent: AgentProcess;
    let metricsUrl: string;
    /** Events that the kernel's side counted, of the flood. */
    let produced: number;

    beforeAll(async () => {
      const port = await freePort();
      metricsUrl = `http://127.0.0.1:${port}`;
      metricsStore = await Service.start({
        program: victoria!,
        args: (folder) => [
          `-httpListenAddr=127.0.0.1:${port}`,
          `-storageDataPath=${join(folder, 'data')}`,
          '-search.latencyOffset=0s',
          '-search.disableCache',
        ],
        ready: `${metricsUrl}/health`,
      });
      loki = Loki.program ? await Loki.start() : undefined;
      collector = await Collector.start();
      agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('../e2e/probes/maps.bpf.c'))}
    name: maps
    maps:
      counter_sent_bytes: { value: bytes }
      hist_wait_ns: { buckets: [1000, 1000000] }
      hist_size: { scale: exponential }
  - file: ${compileProbe(here('../e2e/probes/flood.bpf.c'))}
    name: flood
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus }
  file: { type: file, path: events.ndjson }
${loki ? `  loki: { type: loki, url: "${loki.url}" }` : ''}
  otlp:
    type: otlp
    metrics_endpoint: "${metricsUrl}/opentelemetry/v1/metrics"
    logs_endpoint: "${collector.url}/v1/logs"
    interval: 1s
agent: { listen: "127.0.0.1:0", labels: { region: "eu" } }
`);
      prometheus = await PrometheusServer.scrape(`${agent.url}/metrics`, '3s');
      const request = compileProgram(here('../e2e/probes/do.c'));
      const trigger = compileProgram(here('../e2e/probes/trigger.c'));
      for (const op of [RING, FILL, EVENTS]) await run(request, [op]);
      await run(trigger, [String(FLOOD), '100', '1000']);
      const [wanted, events] = readSlots(agent, 'produced');
      expect(wanted).toBe(FLOOD);
      produced = events!;
      await agent.until(() => flood().length >= produced && agent.events.length > produced, 60_000);
    });

    afterAll(async () => {
      await agent?.stop();
      await prometheus?.stop();
      for (const service of [metricsStore, loki?.service, collector?.service]) await service?.stop();
    });

    const flood = () => agent.events.filter(({ probe }) => probe === 'flood');
    const lines = (text: string): string[] => text.split('\n').filter(Boolean).sort();

    it('standard output has each event once, in order', () => {
      const sequence = flood().map(({ data }) => data.seq as number);
      expect(sequence.length).toBe(produced);
      expect(sequence.every((seq, i) => i === 0 || seq > sequence[i - 1]!)).toBe(true);
    });

    it('the file has the same lines', async () => {
      const shown = lines(agent.stdout);
      const file = await eventually(async () => {
        const now = lines(readFileSync(join(agent.folder, 'events.ndjson'), 'utf8'));
        return now.length >= shown.length ? now : undefined;
      });
      expect(file).toEqual(shown);
    });

    it.skipIf(!Loki.program)(
      'Loki has the same lines, at their times (build-loki.sh left none: skipped)',
      async () => {
        const shown = lines(agent.stdout);
        const stored = await eventually(async () => {
          const entries = await loki!.query('{region="eu"}');
          return entries.length >= shown.length ? entries : undefined;
        });
        expect(stored.map(({ line }) => line).sort()).toEqual(shown);
        for (const { time, line, labels } of stored) {
          const event = JSON.parse(line) as { timestamp: string; probe: string; map: string };
          expect(labels).toMatchObject({ probe: event.probe, map: event.map, region: 'eu' });
          // Events of one drain are put 1 ns apart.
          expect(Number(time - nanoseconds(event.timestamp))).toBeGreaterThanOrEqual(0);
          expect(Number(time - nanoseconds(event.timestamp))).toBeLessThan(FLOOD);
        }
      },
    );

    it('the Collector has the same events, value by value', async () => {
      const shown = agent.events;
      const logs = await eventually(async () => {
        const now = collector.logs;
        return now.length >= shown.length ? now : undefined;
      });
      expect(logs.length).toBe(shown.length);
      const stored = new Map(
        logs.map((log) => [log.attributes.seq ?? JSON.stringify(log.attributes.key), log]),
      );
      expect(stored.size).toBe(logs.length);
      for (const { timestamp, probe, map, data } of shown) {
        const log = stored.get('seq' in data ? `Int(${data.seq})` : JSON.stringify(`Int(${data.key})`))!;
        expect(goNanoseconds(log.fields.Timestamp!)).toBe(nanoseconds(timestamp));
        const { level, name } = (data.value ?? {}) as { level?: number; name?: string };
        expect(log.attributes).toEqual({
          'event.name': `Str(${probe}.${map})`,
          probe: `Str(${probe})`,
          map: `Str(${map})`,
          region: 'Str(eu)',
          ...('seq' in data
            ? {
                seq: `Int(${data.seq})`,
                group: `Int(${data.group})`,
                comm: `Str(${data.comm})`,
                pad: `Int(${data.pad})`,
              }
            : { key: `Int(${data.key})`, value: `Map({"level":${level},"name":"${name}"})` }),
        });
      }
    });

    it('Prometheus and VictoriaMetrics have every value that the agent itself shows', async () => {
      const [, , groups] = readSlots(agent, 'produced');
      // Hashes are read each second.
      const own = await eventually(async () => {
        const response = await fetch(`${agent.url}/metrics`, { headers: { accept: 'text/plain' } });
        const samples = parseExposition(await response.text(), 'text')
          .flatMap((family) => family.samples)
          .filter(({ name }) => name.startsWith('ebpf_'));
        const total = samples
          .filter(({ name }) => name === 'ebpf_groups_total')
          .reduce((sum, { value }) => sum + Number(value), 0);
        const all = samples.some(({ name }) => name === 'ebpf_flows_total') && total === groups;
        return all ? samples : undefined;
      });
      const query = '{__name__=~"ebpf_.*"}';
      // Prometheus asks for OpenMetrics, which has times of creation, and no count of a histogram without a sum.
      const isScraped = (name: string): boolean => name !== 'ebpf_blocks_count';
      const wanted = own.filter(({ name }) => isScraped(name)).length;
      const scraped = await eventually(async () => {
        const series = (await prometheus.query(query)).filter(
          ({ metric }) => !metric.__name__!.endsWith('_created'),
        );
        return series.length >= wanted ? series : undefined;
      });
      expect(await prometheus.refused()).toBe(0);
      expect(scraped.length).toBe(wanted);
      const pushed = await eventually(async () => {
        const url = `${metricsUrl}/api/v1/query?query=${encodeURIComponent(query)}`;
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: { metric: Record<string, string>; value: [number, string] }[] };
        };
        const series = data.result.map(({ metric, value }) => ({ metric, value: value[1] }));
        const total = series
          .filter(({ metric }) => metric.__name__ === 'ebpf_groups_total')
          .reduce((sum, { value }) => sum + Number(value), 0);
        return total === groups ? series : undefined;
      });
      for (const [store, stored] of [
        ['Prometheus', index(scraped)],
        ['VictoriaMetrics', index(pushed)],
      ] as const)
        for (const { name, labels, value } of own) {
          if (store === 'Prometheus' && !isScraped(name)) continue;
          // An exponential histogram to VictoriaMetrics, which has buckets of its own: below.
          if (store === 'VictoriaMetrics' && name === 'ebpf_size_bucket') continue;
          const found = stored.get(identity(name, labels));
          expect(found, `${store}: ${name} ${JSON.stringify(labels)}`).toBeDefined();
          // VictoriaMetrics keeps decimal mantissas of less than 64 bits: the last digits of the largest are lost.
          const error = Math.abs(Number(found) - Number(value));
          expect(error, `${store}: ${name} ${JSON.stringify(labels)}`).toBeLessThanOrEqual(
            Math.abs(Number(value)) * 1e-12,
          );
        }
    }, 240_000);

    it('VictoriaMetrics has the exponential histogram that a map was counted in', async () => {
      const url = `${metricsUrl}/api/v1/query?query=ebpf_size_bucket`;
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { metric: { vmrange: string }; value: [number, string] }[] };
      };
      const ranges = data.result.map(({ metric, value }) => [
        ...metric.vmrange.split('...').map(Number),
        value[1],
      ]);
      // 20 and 2^60+1: so far apart that 160 buckets are powers of 2^(1/2). VictoriaMetrics shows four digits.
      const near = (value: number) => expect.closeTo(value, -Math.log10(value) + 3);
      expect(ranges.sort(([a], [b]) => Number(a) - Number(b))).toEqual([
        [near(2 ** 4), near(2 ** 4.5), '1'],
        [near(2 ** 60), near(2 ** 60.5), '1'],
      ]);
    });

    it('the sum holds for each of them', async () => {
      const metrics = await eventually(async () => {
        const now = await agent.metrics();
        const isQueued = ([name, value]: [string, number]): boolean =>
          name.startsWith('bee_agent_sink_queued') && value > 0;
        return [...now].some(isQueued) ? undefined : now;
      });
      const sum = (name: string, sink: string, map = ''): number =>
        [...metrics]
          .filter(
            ([key]) =>
              key.startsWith(`bee_agent_sink_${name}{`) &&
              key.includes(`sink="${sink}"`) &&
              key.includes(map),
          )
          .reduce((total, [, value]) => total + value, 0);
      for (const sink of ['out', 'prom', 'file', 'otlp', ...(loki ? ['loki'] : [])]) {
        // Sinks of metrics have records that were folded, too.
        const accounted =
          sum('delivered_total', sink) + sum('lost_total', sink) + sum('filtered_total', sink);
        expect(sum('received_total', sink), sink).toBe(accounted);
        expect(sum('lost_total', sink), sink).toBe(0);
        if (sink === 'prom') continue;
        expect(sum('delivered_total', sink, 'map="print_flood"'), sink).toBe(produced);
        const states = agent.events.length - produced;
        expect(sum('delivered_total', sink, 'map="print_states"'), sink).toBe(states);
      }
      expect(sum('rejected_points_total', 'otlp')).toBe(0);
    });
  },
);

/** Labels that a store adds of its own: of the target, or of the resource. */
const ADDED = /^(?:__name__|job|instance|service[._]name|host[._]name|otel_.*|scope[._].*)$/;

/** A series by its name and labels; to Prometheus' model an empty label is none. */
function identity(name: string, labels: Readonly<Record<string, string>>): string {
  const own = Object.entries(labels)
    .filter(([label, text]) => text !== '' && !ADDED.test(label))
    // VictoriaMetrics writes the bounds of OTLP histograms as Go does.
    .map(
      ([label, text]) => [label, label === 'le' && text !== '+Inf' ? String(Number(text)) : text] as const,
    );
  return JSON.stringify([name, own.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function index(
  series: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: string }[],
): Map<string, string> {
  return new Map(series.map(({ metric, value }) => [identity(metric.__name__!, metric), value]));
}
