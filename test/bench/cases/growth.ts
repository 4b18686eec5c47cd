import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../agent.js';
import type { GrowthCase } from '../growth.js';
import { type AgentOptions, agentConsumer, COUNTER, produce, TO_PROMETHEUS } from '../load.js';
import { privateBytes, sleep } from '../process.js';
import { probe, program, WORK } from '../tools.js';
import { costOfEvent, GROWING_SINKS } from './sinks.js';

/** Of `growth-workers`: so many rings, each so many records a second. */
const RINGS = 4;
const RING_RATE = 50_000;
/** As many as there are cores; two where there is one. */
const ALL_WORKERS = Math.max(2, availableParallelism());
const WORKERS = [...[1, 2, 4, 8, 16, 32].filter((size) => size < ALL_WORKERS), ALL_WORKERS];

/** CPU ns a record at a rate that everything here can bear. */
async function costOfRecord(
  map: string,
  sinks: string,
  options: AgentOptions,
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

/** Of `growth-probes-idle`. */
const IDLE_SECONDS = 8;

function quietProbes(count: number): Promise<Agent> {
  // Nobody makes records for this role.
  const object = probe('load', { RING_BYTES: 1 << 20, ROLE: 2 });
  const list = Array.from(
    { length: count },
    (_, i) => `  - { file: ${object}, name: p${i}, maps: { load: ${COUNTER} } }`,
  );
  return Agent.start(
    `probes:\n${list.join('\n')}\nsinks: ${TO_PROMETHEUS}\nagent: { listen: "127.0.0.1:0" }\n`,
  );
}

export const growthCases: readonly GrowthCase[] = [
  {
    name: 'growth-probes',
    what: 'probes attached, nothing happening: private memory',
    x: 'probes',
    y: 'MiB',
    sizes: [1, 2, 4, 8, 16, 32],
    cost: 'of all',
    async measure(size) {
      const agent = await quietProbes(size);
      await sleep(2000);
      const bytes = privateBytes(agent.pid);
      await agent.end();
      return bytes / 2 ** 20;
    },
  },
  {
    name: 'growth-probes-idle',
    what: 'probes attached, nothing happening: CPU, from 8 s after the start',
    x: 'probes',
    y: 'share of a core',
    sizes: [1, 32],
    cost: 'of all',
    runs: 1,
    async measure(size) {
      const agent = await quietProbes(size);
      await sleep(8000);
      const before = agent.cpu;
      await sleep(IDLE_SECONDS * 1000);
      const share = (agent.cpu - before) / IDLE_SECONDS;
      await agent.end();
      return share;
    },
  },
  {
    name: 'growth-series',
    what: 'distinct label sets of a ring counter: CPU of a record',
    x: 'series',
    y: 'ns',
    sizes: [10, 100, 1000, 10_000, 100_000],
    cost: 'of one',
    measure: (size) =>
      costOfRecord(COUNTER.replace(' }', ', max_series: 200000 }'), TO_PROMETHEUS, {
        object: probe('load', { GROUPS: size }),
      }),
  },
  {
    name: 'growth-keys',
    what: 'keys of a counter hash, read each second: CPU of a pass',
    x: 'keys',
    y: 'ms',
    sizes: [10, 100, 1000, 10_000, 100_000],
    cost: 'of all',
    async measure(size) {
      const agent = await Agent.start(
        `probes: [{ file: ${probe('keys')}, maps: { counter_keys: { max_series: 200000, interval: 1s } } }]\nsinks: ${TO_PROMETHEUS}\nagent: { listen: "127.0.0.1:0" }\n`,
      );
      execFileSync(program('producer'), ['fill', String(size)]);
      await sleep(3000);
      const [before, entries] = [agent.cpu, await agent.received()];
      await sleep(5000);
      const cpu = agent.cpu - before;
      const passes = ((await agent.received()) - entries) / size;
      await agent.end();
      return (cpu / passes) * 1000;
    },
  },
  {
    name: 'growth-record',
    what: 'size of a record, folded into a counter: CPU of a record',
    x: 'bytes',
    y: 'ns',
    sizes: [16, 44, 128, 512, 1024, 4096],
    cost: 'of all',
    measure: (size) =>
      costOfRecord(
        '{ export: counter, labels: [pid, daddr], metric: load_total }',
        TO_PROMETHEUS,
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
    what: `100,000 events/s to ${GROWING_SINKS.join(', ')}: the first so many of them; CPU of an event`,
    x: 'sinks',
    y: 'ns',
    sizes: GROWING_SINKS.map((_, i) => i + 1),
    cost: 'of all',
    measure: (size) => costOfEvent(GROWING_SINKS.slice(0, size)),
  },
  {
    name: 'growth-workers',
    what: `decode workers, JSON lines of ${RINGS} rings to a file: CPU of a record`,
    x: 'workers',
    y: 'ns',
    sizes: WORKERS,
    cost: 'of one',
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
        await produce('ours', records, RING_RATE);
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
