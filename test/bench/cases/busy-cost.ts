import type { BenchCase } from '../case.js';
import { agentConsumer } from '../load.js';
import { cpuByThread, sleep } from '../process.js';
import { profiled, stages } from '../profile.js';

const TOTAL = 5_000_000;
/** Stages of the profile that are published. */
const SHOWN = 8;
const MAP = '{ export: counter, labels: [comm, pid, daddr], metric: load_total }';
const SINKS = '{ prom: { type: prometheus } }';

/**
 * Share of each stage, from runs of its own: the profiler costs something too, and samples wall time, so seconds of
 * its would depend on what else the machine does. Starting is no part.
 */
async function profile(): Promise<Record<string, number>> {
  const spent = async (records: number): Promise<Map<string, number>> => {
    const { folder, nodeFlags } = profiled();
    const agent = await agentConsumer(MAP, SINKS, { nodeFlags });
    await agent.load(records, 1_000_000);
    await agent.end();
    // The kernel frees its maps later; the next agent's are found by the same name.
    await sleep(1000);
    return stages(folder);
  };
  const start = await spent(1_000_000);
  const whole = await spent(1_000_000 + TOTAL);
  const spentOn = [...whole].map(
    ([name, seconds]) => [name, Math.max(0, seconds - (start.get(name) ?? 0))] as const,
  );
  const total = spentOn.reduce((sum, [, seconds]) => sum + seconds, 0);
  const rows = spentOn.map(([name, seconds]): [string, number] => [
    `profile, ${name}, share`,
    seconds / total,
  ]);
  return Object.fromEntries(rows.sort(([, a], [, b]) => b - a).slice(0, SHOWN));
}

export const busyCost: BenchCase = {
  name: 'busy-cost',
  what: 'ring → counter at 1,000,000 records/s: CPU of the whole agent a million records',
  unit: 'CPU s',
  better: 'lower',
  runs: 3,
  async prepare() {
    const stagesOfProfile = await profile();
    const ours = await agentConsumer(MAP, SINKS);
    await ours.load(1_000_000, 1_000_000);
    return {
      ours: async () => {
        const before = cpuByThread(ours.agent.pid);
        const { delivered, cpu } = await ours.load(TOTAL, 1_000_000);
        const after = cpuByThread(ours.agent.pid);
        const stage = (main: boolean): number =>
          [...after].reduce(
            (sum, [name, seconds]) =>
              (name === 'main') === main ? sum + seconds - (before.get(name) ?? 0) : sum,
            0,
          ) /
          (delivered / 1e6);
        return {
          value: cpu / (delivered / 1e6),
          also: {
            'main thread, s': stage(true),
            'workers and the rest, s': stage(false),
            ...stagesOfProfile,
          },
        };
      },
      reference: { what: 'BumbleBee, 9 µs a record', published: 9 },
      end: async () => {
        await ours.end();
      },
    };
  },
};
