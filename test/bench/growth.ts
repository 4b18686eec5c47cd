import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Agent } from './agent.js';
import { agentConsumer, produce } from './load.js';
import { median } from './measure.js';
import { privateBytes, sleep } from './process.js';
import { probe, program, ROOT, WORK } from './tools.js';

/** How a cost grows with one size, all else the same. */
export interface GrowthCase {
  readonly name: string;
  readonly what: string;
  readonly x: string;
  readonly y: string;
  readonly sizes: readonly number[];
  measure(size: number): Promise<number>;
}

export interface GrowthResult {
  readonly name: string;
  readonly what: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly (readonly [size: number, cost: number])[];
}

const COUNTER = '{ export: counter, labels: [comm, pid, daddr], metric: load_total }';
/** Of `growth-workers`: so many rings, each so many records a second. */
const RINGS = 4;
const RING_RATE = 50_000;
const PROMETHEUS = '{ prom: { type: prometheus } }';

export async function measureGrowth(growth: GrowthCase, runs: number): Promise<GrowthResult> {
  const points: [number, number][] = [];
  for (const size of growth.sizes) {
    const costs: number[] = [];
    for (let run = 0; run < runs; run++) costs.push(await growth.measure(size));
    points.push([size, median(costs)]);
  }
  const { name, what, x, y } = growth;
  return { name, what, x, y, points };
}

/** CPU ns a record at a rate that everything here can bear. */
async function costOfRecord(
  map: string,
  sinks: string,
  options: Parameters<typeof agentConsumer>[2],
  rate = 500_000,
): Promise<number> {
  const consumer = await agentConsumer(map, sinks, options);
  try {
    await consumer.load(rate, rate);
    const { cpu, delivered } = await consumer.load(rate * 2, rate);
    return (cpu / delivered) * 1e9;
  } finally {
    await consumer.end();
  }
}

export const growthCases: readonly GrowthCase[] = [
  {
    name: 'growth-probes',
    what: 'probes attached, nothing happening: private memory',
    x: 'probes',
    y: 'MiB',
    sizes: [1, 2, 4, 8, 16, 32],
    async measure(size) {
      const object = probe('load', { RING_BYTES: 1 << 20, ROLE: 2 });
      const list = Array.from(
        { length: size },
        (_, i) => `  - { file: ${object}, name: p${i}, maps: { load: ${COUNTER} } }`,
      );
      const agent = await Agent.start(
        `probes:\n${list.join('\n')}\nsinks: ${PROMETHEUS}\nagent: { listen: "127.0.0.1:0" }\n`,
      );
      await sleep(2000);
      const bytes = privateBytes(agent.pid);
      await agent.end();
      return bytes / 2 ** 20;
    },
  },
  {
    name: 'growth-series',
    what: 'distinct label sets of a ring counter: CPU of a record',
    x: 'series',
    y: 'ns',
    sizes: [10, 100, 1000, 10_000, 100_000],
    measure: (size) =>
      costOfRecord(COUNTER.replace(' }', ', max_series: 200000 }'), PROMETHEUS, {
        object: probe('load', { GROUPS: size }),
      }),
  },
  {
    name: 'growth-keys',
    what: 'keys of a counter hash, read each second: CPU of a pass',
    x: 'keys',
    y: 'ms',
    sizes: [10, 100, 1000, 10_000, 100_000],
    async measure(size) {
      const agent = await Agent.start(
        `probes: [{ file: ${probe('keys')}, maps: { counter_keys: { max_series: 200000 } } }]\nsinks: ${PROMETHEUS}\nagent: { listen: "127.0.0.1:0" }\n`,
      );
      execFileSync(program('producer'), ['fill', String(size)]);
      await sleep(4000);
      const before = agent.cpu;
      await sleep(5000);
      const cost = ((agent.cpu - before) / 5) * 1000;
      await agent.end();
      return cost;
    },
  },
  {
    name: 'growth-record',
    what: 'size of a record, folded into a counter: CPU of a record',
    x: 'bytes',
    y: 'ns',
    sizes: [16, 44, 128, 512, 1024, 4096],
    measure: (size) =>
      costOfRecord(
        '{ export: counter, labels: [pid, daddr], metric: load_total }',
        PROMETHEUS,
        {
          object: probe('load', {
            ...(size === 16 ? { SMALL: 1 } : { PADDING: size - 44 }),
            RING_BYTES: 64 << 20,
          }),
        },
        200_000,
      ),
  },
  {
    name: 'growth-sinks',
    what: 'custom sinks that read every field of every event: CPU of a record',
    x: 'sinks',
    y: 'ns',
    sizes: [1, 2, 3, 4, 5],
    measure: (size) => {
      const sink = join(ROOT, 'test', 'bench', 'sinks', 'read-rows.js');
      const sinks = Array.from(
        { length: size },
        (_, i) => `s${i}: { type: "${sink}", queue: { when_full: block } }`,
      );
      return costOfRecord('{ export: event }', `{ ${sinks.join(', ')} }`, {}, 200_000);
    },
  },
  {
    name: 'growth-workers',
    what: `decode workers, JSON lines of ${RINGS} rings to a file: CPU of a record`,
    x: 'workers',
    y: 'ns',
    sizes: [1, 2, 4],
    async measure(size) {
      // One system call makes the records of every ring.
      const list = Array.from(
        { length: RINGS },
        (_, i) => `  - { file: ${probe('load')}, name: p${i}, maps: { load: { export: event } } }`,
      );
      const agent = await Agent.start(
        `probes:\n${list.join('\n')}\nsinks: { out: { type: stdout, format: json } }\nagent: { listen: "127.0.0.1:0", workers: ${size} }\n`,
        join(WORK, 'workers.ndjson'),
      );
      const load = async (records: number): Promise<number> => {
        const [cpu, before] = [agent.cpu, await agent.received()];
        await produce(0, records, RING_RATE);
        // None is lost at this rate: if one were, this would end with an error.
        await agent.child.until(async () => (await agent.received()) >= before + records * RINGS);
        return agent.cpu - cpu;
      };
      try {
        await load(RING_RATE);
        return ((await load(2 * RING_RATE)) / (2 * RING_RATE * RINGS)) * 1e9;
      } finally {
        await agent.end();
      }
    },
  },
];
