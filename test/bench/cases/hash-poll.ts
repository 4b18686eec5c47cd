import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from '../agent.js';
import type { BenchCase, Sample } from '../case.js';
import { ebpfExporterPass } from '../peers.js';
import { Child, sleep } from '../process.js';
import { probe, program } from '../tools.js';

const KEYS = 100_000;
const SECONDS = 4;

async function startAgent(): Promise<Agent> {
  const agent = await Agent.start(
    `probes: [{ file: ${probe('keys')}, maps: { counter_keys: { max_series: 200000, interval: 1s } } }]\nsinks: { prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:0" }\n`,
  );
  execFileSync(program('producer'), ['fill', String(KEYS)]);
  await sleep(3000);
  return agent;
}

/** CPU of one read. As many are counted as there were. */
async function ours(agent: Agent): Promise<Sample> {
  const [before, entries] = [agent.cpu, await agent.received()];
  // Every value is another at each read, as counters are.
  for (let second = 0; second < SECONDS; second++) {
    execFileSync(program('producer'), ['fill', String(KEYS)]);
    await sleep(1000);
  }
  const cpu = agent.cpu - before;
  const reads = ((await agent.received()) - entries) / KEYS;
  return { value: cpu / reads, also: { reads } };
}

async function reference(): Promise<Sample> {
  const child = Child.spawn(program('consumer'), ['poll', probe('keys'), String(SECONDS), String(KEYS)]);
  await once(child.process, 'close');
  const text = child.stderr;
  const { cpu, records } = JSON.parse(text.slice(text.indexOf('{"records"'))) as {
    cpu: number;
    records: number;
  };
  if (records !== SECONDS * KEYS) throw new Error(`the reference read ${records} keys`);
  return { value: cpu / SECONDS };
}

/** What `hash-poll` measured and `hash-poll-peer` has not shown yet: it is the same. */
const measured: Sample[] = [];

export const hashPoll: BenchCase = {
  name: 'hash-poll',
  what: `hash of ${KEYS.toLocaleString('en')} keys → series, read each second: CPU a pass`,
  unit: 'CPU s',
  better: 'lower',
  target: { ratio: 0.5, text: 'within 2 × C with batch look-ups' },
  async prepare() {
    const agent = await startAgent();
    return {
      async ours() {
        const sample = await ours(agent);
        measured.push(sample);
        return sample;
      },
      reference: {
        what: 'C: bpf_map_lookup_batch each second, each value kept in a hash of the same keys (FNV, open addressing)',
        measure: reference,
      },
      end: () => agent.end(),
    };
  },
};

export const hashPollPeer: BenchCase = {
  name: 'hash-poll-peer',
  what: hashPoll.what,
  unit: 'CPU s',
  better: 'lower',
  target: { ratio: 20, text: "at most 1/20 of ebpf_exporter's CPU" },
  async prepare({ ebpfExporter }) {
    if (ebpfExporter === undefined) {
      let agent: Agent | undefined;
      return {
        async ours() {
          const sample = measured.shift();
          if (sample) return sample;
          agent ??= await startAgent();
          return ours(agent);
        },
        reference: { what: 'ebpf_exporter, CPU of a scrape', published: 2 },
        end: async () => agent?.end(),
      };
    }
    const agent = await startAgent();
    return {
      ours: () => ours(agent),
      reference: {
        what: 'ebpf_exporter, CPU of a scrape of the same keys',
        measure: async () => ({ value: await ebpfExporterPass(ebpfExporter, KEYS) }),
      },
      end: () => agent.end(),
    };
  },
};
