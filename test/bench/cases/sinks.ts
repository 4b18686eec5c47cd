import { once } from 'node:events';
import { mkdirSync, rmSync, truncateSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent } from '../agent.js';
import type { BenchCase, Sample } from '../case.js';
import { produce, produced, REFERENCE, referenceConsumer } from '../load.js';
import { probe, ROOT, WORK } from '../tools.js';

const TOTAL = 300_000;
const RATE = 100_000;
const WARM_UP = 150_000;
/** Of the file sink: it rotates, so there are several in it. */
const FOLDER = join(WORK, 'file-sink');
const STDOUT = join(WORK, 'sink-stdout.ndjson');

/** What each sink is written as in the config; `url` is an HTTP server that takes everything. */
const SINKS = {
  stdout: () => '{ type: stdout, format: json }',
  file: () => `{ type: file, path: ${join(FOLDER, 'sink.ndjson')} }`,
  loki: (url: string) => `{ type: loki, url: "${url}" }`,
  otlp: (url: string) => `{ type: otlp, endpoint: "${url}", metrics: false }`,
  custom: () => `{ type: ${join(ROOT, 'test/bench/sinks/take-lines.js')} }`,
} as const;
type SinkName = keyof typeof SINKS;

const WHAT: Readonly<Record<SinkName, string>> = {
  stdout: 'stdout, into a file',
  file: 'file, rotated and synced as by default, on tmpfs',
  loki: 'loki, protobuf and snappy, to a server that takes everything',
  otlp: 'otlp, logs in protobuf and gzip, to a server that takes everything',
  custom: 'custom, lines copied to its own worker, which drops them',
};

/** Takes any request, as Loki (204) and a collector (an empty message) do. */
async function sinkHole(): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(request.url?.startsWith('/loki') ? 204 : 200).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface SinkState {
  readonly name: string;
  readonly delivered: number;
  readonly lost: Readonly<Record<string, number>>;
}

/** CPU of the whole agent, from the ring to the last sink's acknowledgement; a loss is no measurement. */
async function load(agent: Agent, names: readonly SinkName[], total = TOTAL): Promise<number> {
  const states = async (): Promise<SinkState[]> =>
    ((await (await fetch(`${agent.url}/readyz`)).json()) as { sinks: SinkState[] }).sinks.filter(({ name }) =>
      names.some((one) => one === name),
    );
  const before = new Map((await states()).map(({ name, delivered }) => [name, delivered]));
  const first = produced('ours');
  const cpu = agent.cpu;
  await produce('ours', total, RATE);
  const last = produced('ours');
  const wanted = last.taken - first.taken;
  if (wanted < last.asked - first.asked) throw new Error('the ring was full');
  await agent.child.until(async () => {
    const now = await states();
    const lost = now.find((sink) => Object.values(sink.lost).some((count) => count > 0));
    if (lost) throw new Error(`${lost.name} lost events: ${JSON.stringify(lost.lost)}`);
    return now.every(({ name, delivered }) => delivered - before.get(name)! >= wanted);
  }, 60_000);
  const used = agent.cpu - cpu;
  truncateSync(STDOUT);
  return (used / wanted) * 1e9;
}

interface Prepared {
  readonly agent: Agent;
  end(): Promise<void>;
}

/** An agent with these sinks, that has warmed up. */
async function start(names: readonly SinkName[], more = ''): Promise<Prepared> {
  mkdirSync(FOLDER, { recursive: true });
  const hole = await sinkHole();
  const own = names.map((one) => `${one}: ${SINKS[one](hole.url)}`);
  const agent = await Agent.start(
    `probes:
  - { file: ${probe('load')}, name: load, maps: { load: { export: event } } }
sinks: { ${[...own, ...(more === '' ? [] : [more])].join(', ')} }
agent: { listen: "127.0.0.1:0" }
`,
    STDOUT,
  );
  await load(agent, names, WARM_UP);
  return {
    agent,
    async end() {
      await agent.end();
      hole.close();
      rmSync(FOLDER, { recursive: true, force: true });
    },
  };
}

function sinkCase(name: string, what: string, names: readonly SinkName[], more?: string): BenchCase {
  return {
    name,
    what: `${RATE.toLocaleString('en')} events/s to ${what}: CPU of an event, ring to acknowledgement`,
    unit: 'ns',
    better: 'lower',
    runs: 3,
    async prepare() {
      const { agent, end } = await start(names, more);
      const theirs = referenceConsumer('lines', join(WORK, 'sink-reference.ndjson'));
      return {
        ours: async (): Promise<Sample> => ({ value: await load(agent, names) }),
        reference: {
          what: `${REFERENCE.lines} to one file, whatever the sink`,
          measure: async () => {
            const { cpu, delivered } = await theirs.load(TOTAL, RATE);
            return { value: (cpu / delivered) * 1e9 };
          },
        },
        end,
      };
    },
  };
}

/** All sinks, in the order in which `growth-sinks` adds them. */
export const GROWING_SINKS: readonly SinkName[] = ['stdout', 'file', 'custom', 'otlp', 'loki'];

/** CPU ns of an event that goes to all of these. */
export async function costOfEvent(names: readonly SinkName[]): Promise<number> {
  const { agent, end } = await start(names);
  try {
    return await load(agent, names);
  } finally {
    await end();
  }
}

export const sinkCosts: readonly BenchCase[] = [
  ...GROWING_SINKS.map((name) => sinkCase(`sink-${name}`, WHAT[name], [name])),
  sinkCase(
    'sinks-together',
    'all five of these at once, and a prometheus sink beside',
    GROWING_SINKS,
    'prom: { type: prometheus }',
  ),
];
