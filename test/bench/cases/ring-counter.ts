import type { BenchCase, Sample } from '../case.js';
import {
  agentConsumer,
  COUNTER,
  type Consumer,
  REFERENCE,
  referenceConsumer,
  TO_PROMETHEUS,
} from '../load.js';
import { losslessRate } from '../lossless.js';
import { agentBesidePeer, bumblebee } from '../peers.js';
import { cost, throughput } from './samples.js';

const BUMBLEBEE_RATE = 75_000;
const BUMBLEBEE_SHARE = 0.45;
/** Enough for seconds: a pause of a quarter of one is part of the agent's ways, and no part of its rate. */
const FLOOD = 60_000_000;

export const ringCounter: BenchCase = {
  name: 'ring-counter',
  what: '44-byte records, 1,000 label sets, ring → counter → /metrics; produced as fast as it goes',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 0.7, text: 'at least 0.7 × C' },
  async prepare() {
    const ours = await agentConsumer(COUNTER, TO_PROMETHEUS);
    const theirs = referenceConsumer('count');
    await ours.load(FLOOD / 100);
    return {
      ours: async () => throughput(await ours.load(FLOOD)),
      reference: { what: REFERENCE.count, measure: async () => throughput(await theirs.load(FLOOD)) },
      end: () => ours.end(),
    };
  },
};

export const ringCounterCost: BenchCase = {
  name: 'ring-counter-cost',
  what: 'ring → counter at a steady 1,000,000 records/s: CPU of a record',
  unit: 'ns',
  better: 'lower',
  async prepare() {
    const ours = await agentConsumer(COUNTER, TO_PROMETHEUS);
    const theirs = referenceConsumer('count');
    await ours.load(1_000_000, 1_000_000);
    return {
      ours: async () => cost(await ours.load(2_000_000, 1_000_000)),
      reference: {
        what: REFERENCE.count,
        measure: async () => cost(await theirs.load(2_000_000, 1_000_000)),
      },
      end: () => ours.end(),
    };
  },
};

/** The agent and BumbleBee, where it is given: then both on its probe. */
async function besideBumbleBee(bee: string | undefined): Promise<{
  readonly ours: Consumer;
  readonly theirs?: Consumer;
  end(): Promise<unknown>;
}> {
  if (bee === undefined) {
    const ours = await agentConsumer(COUNTER, TO_PROMETHEUS);
    return { ours, end: () => ours.end() };
  }
  const ours = await agentBesidePeer('counter', TO_PROMETHEUS);
  const theirs = await bumblebee(bee);
  return {
    ours,
    theirs,
    async end() {
      await ours.end();
      await theirs.end();
    },
  };
}

const SAME_PROBE = 'both on 40-byte records, every field a label';

export const ringCounterLossless: BenchCase = {
  name: 'ring-counter-lossless',
  what: 'ring → counter: highest rate at which 3 s of records pass without a loss',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 50, text: 'at least 50 × BumbleBee' },
  runs: 3,
  async prepare({ bee }) {
    const { ours, theirs, end } = await besideBumbleBee(bee);
    return {
      ours: async () => ({
        value: await losslessRate(ours, { from: 8_000_000, to: 16_000_000, seconds: 3, steps: 5 }),
      }),
      reference: theirs
        ? {
            what: `BumbleBee bee run --no-tty, likewise; ${SAME_PROBE}`,
            measure: async () => ({
              value: await losslessRate(theirs, { from: 75_000, to: 1_000_000, seconds: 3, steps: 6 }),
            }),
          }
        : { what: 'BumbleBee bee run --no-tty, where it begins to lose', published: BUMBLEBEE_RATE },
      end,
    };
  },
};

export const ringCounterSteady: BenchCase = {
  name: 'ring-counter-50k',
  what: 'ring → counter at a steady 50,000 records/s, after 20 s',
  unit: 'share of a core',
  better: 'lower',
  target: { ratio: 20, most: { lost: 0 }, text: 'at most 1/20 of BumbleBee, nothing lost' },
  async prepare({ bee }) {
    const { ours, theirs, end } = await besideBumbleBee(bee);
    const share = async (consumer: Consumer): Promise<Sample> => {
      const { cpu, making, lost } = await consumer.load(500_000, 50_000);
      return { value: cpu / making, also: { lost } };
    };
    const what = 'BumbleBee bee run --no-tty';
    // V8 compiles, and collects what the start left, for so long.
    await ours.load(1_000_000, 50_000);
    return {
      ours: () => share(ours),
      reference: theirs
        ? { what: `${what}; ${SAME_PROBE}`, measure: () => share(theirs) }
        : { what, published: BUMBLEBEE_SHARE },
      end,
    };
  },
};
