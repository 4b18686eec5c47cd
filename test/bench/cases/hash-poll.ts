import { execFileSync } from 'node:child_process';
import { Agent } from '../agent.js';
import type { BenchCase } from '../case.js';
import { ebpfExporterPass } from '../peers.js';
import { Child, sleep } from '../process.js';
import { probe, program } from '../tools.js';

const KEYS = 100_000;
const SECONDS = 5;

export const hashPoll: BenchCase = {
  name: 'hash-poll',
  what: `hash of ${KEYS.toLocaleString('en')} keys → series, read each second: CPU a pass`,
  unit: 'CPU s',
  better: 'lower',
  target: { ratio: 0.5, text: 'within 2 × C with batch look-ups' },
  async prepare() {
    const agent = await Agent.start(
      `probes: [{ file: ${probe('keys')}, maps: { counter_keys: { max_series: 200000 } } }]\nsinks: { prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:0" }\n`,
    );
    execFileSync(program('producer'), ['fill', String(KEYS)]);
    await sleep(3000);
    return {
      ours: async () => {
        const before = agent.cpu;
        // Every value is another at each read, as counters are.
        for (let second = 0; second < SECONDS; second++) {
          execFileSync(program('producer'), ['fill', String(KEYS)]);
          await sleep(1000);
        }
        const value = (agent.cpu - before) / SECONDS;
        return { value };
      },
      reference: {
        what: 'C: bpf_map_lookup_batch, each value kept in a hash of the same keys (FNV, open addressing)',
        measure: async () => {
          const child = Child.spawn(program('consumer'), ['poll', probe('keys'), '5', String(KEYS)]);
          const closed = new Promise((done) => child.process.once('close', done));
          await closed;
          const text = child.stderr;
          const { cpu, records } = JSON.parse(text.slice(text.indexOf('{"records"'))) as {
            cpu: number;
            records: number;
          };
          if (records !== 5 * KEYS) throw new Error(`the reference read ${records} keys`);
          return { value: cpu / 5 };
        },
      },
      end: () => agent.end(),
    };
  },
};

export const hashPollPeer: BenchCase = {
  ...hashPoll,
  name: 'hash-poll-peer',
  target: { ratio: 20, text: "at most 1/20 of ebpf_exporter's CPU" },
  async prepare(options) {
    const prepared = await hashPoll.prepare(options);
    const { ebpfExporter } = options;
    const what = 'ebpf_exporter, CPU of a scrape';
    return {
      ...prepared,
      reference:
        ebpfExporter === undefined
          ? { what, published: 2 }
          : { what, measure: async () => ({ value: await ebpfExporterPass(ebpfExporter, KEYS) }) },
    };
  },
};
