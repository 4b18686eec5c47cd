import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase, Figures } from '../case.js';
import { agentConsumer, COUNTER, TO_PROMETHEUS, TO_STDOUT } from '../load.js';
import { sleep } from '../process.js';
import { profiled, stages } from '../profile.js';
import { WORK } from '../tools.js';
import { byThread } from './samples.js';

/** Stages of the profile that are published. */
const SHOWN = 8;
const OUTPUT = join(WORK, 'busy.ndjson');

interface Road {
  readonly map: string;
  readonly sinks: string;
  /** Records a second, and seconds of them. */
  readonly rate: number;
  readonly seconds: number;
}

/**
 * Share of each stage, from runs of its own: the profiler costs something too, and samples wall time, so seconds of
 * its would depend on what else the machine does. Starting is no part.
 */
async function profile({ map, sinks, rate, seconds }: Road): Promise<Figures> {
  const spent = async (records: number): Promise<Map<string, number>> => {
    const { folder, nodeFlags } = profiled();
    const agent = await agentConsumer(map, sinks, { nodeFlags, output: OUTPUT });
    await agent.load(records, rate);
    await agent.end();
    // The kernel frees its maps later; the next agent's are found by the same name.
    await sleep(1000);
    return stages(folder);
  };
  const start = await spent(rate);
  const whole = await spent(rate * (1 + seconds));
  const spentOn = [...whole].map(
    ([name, time]) => [name, Math.max(0, time - (start.get(name) ?? 0))] as const,
  );
  const total = spentOn.reduce((sum, [, time]) => sum + time, 0);
  const rows = spentOn.map(([name, time]): [string, number] => [`profile, ${name}, share`, time / total]);
  return Object.fromEntries(rows.sort(([, a], [, b]) => b - a).slice(0, SHOWN));
}

/** CPU of a million records on a road, by thread and stage. */
async function busy(road: Road) {
  const profileShares = await profile(road);
  const { map, sinks, rate, seconds } = road;
  const ours = await agentConsumer(map, sinks, { output: OUTPUT });
  await ours.load(rate, rate);
  return {
    async ours() {
      const { delivered, cpu, threads = new Map() } = await ours.load(rate * seconds, rate);
      truncateSync(OUTPUT);
      const millions = delivered / 1e6;
      return {
        value: cpu / millions,
        also: { ...byThread(threads, 's', (time) => time / millions), ...profileShares },
      };
    },
    end: () => ours.end(),
  };
}

export const busyCost: BenchCase = {
  name: 'busy-cost',
  what: 'ring → counter at 1,000,000 records/s: CPU of the whole agent a million records',
  unit: 'CPU s',
  better: 'lower',
  runs: 3,
  async prepare() {
    const road = await busy({ map: COUNTER, sinks: TO_PROMETHEUS, rate: 1_000_000, seconds: 4 });
    return { ...road, reference: { what: 'BumbleBee, 9 µs a record', published: 9 } };
  },
};

export const busyCostNdjson: BenchCase = {
  name: 'busy-cost-ndjson',
  what: 'ring → JSON lines → file (the stdout sink) at 250,000 records/s: CPU of the whole agent a million records',
  unit: 'CPU s',
  better: 'lower',
  runs: 2,
  async prepare() {
    const road = await busy({ map: '{ export: event }', sinks: TO_STDOUT, rate: 250_000, seconds: 4 });
    return { ...road, reference: { what: 'Inspektor Gadget, 3.7 µs a record', published: 3.7 } };
  },
};
