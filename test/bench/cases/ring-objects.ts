import { join } from 'node:path';
import type { BenchCase } from '../case.js';
import { agentConsumer } from '../load.js';
import { ROOT } from '../tools.js';

const TOTAL = 2_000_000;
const LOST = 'lost';

export const ringObjects: BenchCase = {
  name: 'ring-objects',
  what: 'ring → a custom sink, isolated, that reads every field of every row, at 1,000,000 records/s',
  unit: 'records/CPU s',
  better: 'higher',
  target: { ratio: 1, most: { [LOST]: 0 }, text: 'at least 2,000,000 a second and core, nothing lost' },
  async prepare() {
    const sink = join(ROOT, 'test', 'bench', 'sinks', 'read-rows.js');
    const ours = await agentConsumer(
      '{ export: event }',
      `{ rows: { type: "${sink}", queue: { when_full: block } } }`,
    );
    await ours.load(500_000, 500_000);
    return {
      ours: async () => {
        const { delivered, cpu, lost } = await ours.load(TOTAL, TOTAL / 2);
        return { value: delivered / cpu, also: { [LOST]: lost } };
      },
      reference: { what: 'the target itself', published: 2_000_000 },
      end: () => ours.end(),
    };
  },
};
