import type { BenchCase } from '../case.js';
import { agentConsumer } from '../load.js';
import { cpuByThread } from '../process.js';

const TOTAL = 5_000_000;

export const busyCost: BenchCase = {
  name: 'busy-cost',
  what: 'ring → counter at 1,000,000 records/s: CPU of the whole agent a million records',
  unit: 'CPU s',
  better: 'lower',
  runs: 3,
  async prepare() {
    const ours = await agentConsumer(
      '{ export: counter, labels: [comm, pid, daddr], metric: load_total }',
      '{ prom: { type: prometheus } }',
    );
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
          also: { 'main thread, s': stage(true), 'workers and the rest, s': stage(false) },
        };
      },
      reference: { what: 'BumbleBee, 9 µs a record', published: 9 },
      end: async () => {
        await ours.end();
      },
    };
  },
};
