import type { BenchCase, Sample } from '../case.js';
import {
  agentConsumer,
  COUNTER,
  type Consumer,
  REFERENCE,
  referenceConsumer,
  TO_PROMETHEUS,
} from '../load.js';
import { sustainedRate } from '../lossless.js';
import { byThread } from './samples.js';

const SECONDS = 30;
/** The first step down from what passes shortly. */
const STEP = 0.03;
const SEARCH = { from: 8_000_000, to: 16_000_000, seconds: 1.5, steps: 6 };

async function held(consumer: Consumer): Promise<Sample> {
  const { rate, outcome } = await sustainedRate(consumer, { search: SEARCH, seconds: SECONDS, step: STEP });
  const { cpu, delivered, making, threads = new Map() } = outcome;
  const share = (seconds: number): number => seconds / making;
  return {
    value: rate,
    also: { 'CPU ns a record': (cpu / delivered) * 1e9, ...byThread(threads, 'share of a core', share) },
  };
}

export const ringSustained: BenchCase = {
  name: 'ring-sustained',
  what: `ring → counter: highest rate held for ${SECONDS} s with no loss, consumer and producer on two cores`,
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 1, text: 'at least C' },
  runs: 2,
  async prepare() {
    const ours = await agentConsumer(COUNTER, TO_PROMETHEUS);
    const theirs = referenceConsumer('count');
    return {
      ours: () => held(ours),
      reference: { what: REFERENCE.count, measure: () => held(theirs) },
      end: () => ours.end(),
    };
  },
};
