import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { Counter, type OpenMetricsContentType, Registry } from 'prom-client';
import { Agent } from '../agent.js';
import type { BenchCase } from '../case.js';
import { peakBytes, sleep } from '../process.js';
import { probe, program } from '../tools.js';

const KEYS = 100_000;
const STALL = 'longest wait of another request, ms';
/** Scrapes before the first that counts: Prometheus comes every 15 s for months. */
const WARM_UP = 5;
const READ_MS = 2000;

/** What Prometheus (2.42) asks for. */
const PROMETHEUS = {
  accept:
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
  'accept-encoding': 'gzip',
};
/** The sink's. */
const zipped = promisify(gzip);
const LEVEL = 1;

/** All of a body, with as little work of ours as there can be: it shares the machine with what is measured. */
async function download(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const [response] = (await once(get(url, { headers }), 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(response, 'end');
  return Buffer.concat(chunks);
}

export const scrape: BenchCase = {
  name: 'scrape',
  what: `/metrics with ${KEYS.toLocaleString('en')} series as Prometheus asks for it (OpenMetrics, gzip), from request to last byte; both warm`,
  unit: 's',
  better: 'lower',
  target: { ratio: 3, most: { [STALL]: 20 }, text: "under prom-client's third, no stall over 20 ms" },
  async prepare() {
    const agent = await Agent.start(
      `probes: [{ file: ${probe('keys')}, maps: { counter_keys: { max_series: 200000, interval: ${READ_MS}ms } } }]\nsinks: { prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:0" }\n`,
    );
    execFileSync(program('producer'), ['fill', String(KEYS)]);
    await sleep(4500);
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const counter = new Counter({
      name: 'keys',
      help: 'x',
      labelNames: ['probe', 'pid', 'uid', 'comm'],
      registers: [registry],
    });
    for (let i = 0; i < KEYS; i++)
      counter.inc({ probe: 'keys', pid: String(i), uid: String(i % 7), comm: 'bench-worker' }, i + 1);
    for (let i = 0; i < WARM_UP; i++) {
      await download(`${agent.url}/metrics`, PROMETHEUS);
      await registry.metrics();
    }
    return {
      ours: async () => {
        // Every value is another since the last scrape, as counters are.
        execFileSync(program('producer'), ['fill', String(KEYS)]);
        await sleep(2 * READ_MS);
        let stall = 0;
        let scraping = true;
        // What else the agent serves answers as late as its event loop is held.
        const watch = (async () => {
          while (scraping) {
            const asked = performance.now();
            await (await fetch(`${agent.url}/healthz`)).text();
            stall = Math.max(stall, performance.now() - asked);
            await sleep(2);
          }
        })();
        const begun = performance.now();
        const body = await download(`${agent.url}/metrics`, PROMETHEUS);
        const value = (performance.now() - begun) / 1000;
        scraping = false;
        await watch;
        const text = gunzipSync(body).toString();
        const series = text.match(/^ebpf_keys_total\{/gm)?.length ?? 0;
        if (series !== KEYS || !text.endsWith('# EOF\n'))
          throw new Error(`the scrape showed ${series} series`);
        const again = performance.now();
        await download(`${agent.url}/metrics`);
        const plain = (performance.now() - again) / 1000;
        return {
          value,
          also: {
            MB: text.length / 1e6,
            'MB on the wire': body.length / 1e6,
            'as plain text without gzip, s': plain,
            [STALL]: stall,
            'peak RSS, MiB': peakBytes(agent.pid) / 2 ** 20,
          },
        };
      },
      reference: {
        what: 'prom-client rendering the same series as OpenMetrics, zipped alike, in its own process without HTTP',
        measure: async () => {
          const begun = performance.now();
          const text = await registry.metrics();
          const rendered = performance.now();
          await zipped(text, { level: LEVEL });
          const value = (performance.now() - begun) / 1000;
          return { value, also: { 'rendering alone, s': (rendered - begun) / 1000 } };
        },
      },
      end: () => agent.end(),
    };
  },
};
