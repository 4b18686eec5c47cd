import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../agent.js';
import type { BenchCase } from '../case.js';
import { produce, produced } from '../load.js';
import { probe, WORK } from '../tools.js';

const TOTAL = 300_000;
const RATE = 100_000;

/** Two copies of the load probe, each with an agent that writes every event as a line. */
type Copy = 'ours' | 'reference';

async function lines(role: Copy, buffer: string) {
  const file = join(WORK, `buffered-${role}.ndjson`);
  const agent = await Agent.start(
    `probes: [{ file: ${probe('load', { ROLE: role === 'ours' ? 0 : 1 })}, name: load, maps: { load: { export: event } } }]
sinks:
  out: { type: stdout, format: json${buffer} }
  prom: { type: prometheus }
agent: { listen: "127.0.0.1:0" }
`,
    file,
  );
  /** CPU of a record, ns, from the ring to the acknowledged line. */
  const load = async (total: number): Promise<number> => {
    const cpu = agent.cpu;
    const before = produced(role).taken;
    await produce(role, total, RATE);
    const { taken } = produced(role);
    await agent.child.until(
      async () => (await agent.sum('bee_agent_sink_delivered_total', 'sink="out"')) >= taken,
    );
    const value = ((agent.cpu - cpu) / (taken - before)) * 1e9;
    truncateSync(file);
    return value;
  };
  await load(TOTAL);
  return { load, end: () => agent.end() };
}

export const diskBuffer: BenchCase = {
  name: 'disk-buffer',
  what: `ring → JSON lines through a disk buffer (as it is by default, on tmpfs) → file at a steady ${RATE.toLocaleString('en')} records/s: CPU of a record`,
  unit: 'ns',
  better: 'lower',
  async prepare() {
    const folder = join(WORK, 'buffer');
    const ours = await lines('ours', `, buffer: { path: ${folder} }`);
    const theirs = await lines('reference', '');
    return {
      ours: async () => ({ value: await ours.load(TOTAL) }),
      reference: {
        what: 'the same without a buffer',
        measure: async () => ({ value: await theirs.load(TOTAL) }),
      },
      end: async () => {
        await ours.end();
        await theirs.end();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
