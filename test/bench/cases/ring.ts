import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase, Sample } from '../case.js';
import {
  agentConsumer,
  type Consumer,
  losslessRate,
  type Outcome,
  referenceConsumer,
  TO_STDOUT,
} from '../load.js';
import { bumblebee, inspektorGadget } from '../peers.js';
import { ROOT, WORK } from '../tools.js';

const COUNTER = '{ export: counter, labels: [comm, pid, daddr], metric: load_total }';
const PROMETHEUS = '{ prom: { type: prometheus } }';
const BUMBLEBEE_RATE = 75_000;
const BUMBLEBEE_SHARE = 0.45;
const IG_RATE = 250_000;
const SUSTAINED_SECONDS = 30;
const SUSTAINED_ATTEMPTS = 5;
const SUSTAINED_STEP = 0.92;

const output = (name: string): string => join(WORK, name);

const throughput = ({ delivered, seconds, lost, cpu }: Outcome): Sample => ({
  value: delivered / seconds,
  also: { 'lost share': lost / (lost + delivered), 'CPU ns a record': (cpu / delivered) * 1e9 },
});
const perCpuSecond = ({ delivered, cpu }: Outcome): Sample => ({ value: delivered / cpu });

/** Ours and the reference under the same load. */
function pair(
  total: number,
  start: () => Promise<Consumer>,
  reference: { what: string; consumer: () => Consumer },
  sample: (outcome: Outcome) => Sample,
): BenchCase['prepare'] {
  return async () => {
    const ours = await start();
    const theirs = reference.consumer();
    await ours.load(total / 100);
    return {
      ours: async () => sample(await ours.load(total)),
      reference: { what: reference.what, measure: async () => sample(await theirs.load(total)) },
      end: async () => {
        await ours.end();
      },
    };
  };
}

const counting = {
  what: 'C on libbpf: ring_buffer__poll, FNV hash of the same bytes, open addressing',
  consumer: () => referenceConsumer('count'),
};

export const ringCounter: BenchCase = {
  name: 'ring-counter',
  what: '44-byte records, 1,000 label sets, ring → counter → /metrics; produced as fast as it goes',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 0.7, text: 'at least 0.7 × C' },
  // Enough for seconds: a pause of a quarter of one is part of the agent's ways, and no part of its rate.
  prepare: pair(100_000_000, () => agentConsumer(COUNTER, PROMETHEUS), counting, throughput),
};

/** CPU of a record, ns, at a pace that both bear: steadier than a rate on a machine that others use. */
const cost = ({ cpu, delivered }: Outcome): Sample => ({ value: (cpu / delivered) * 1e9 });

export const ringCounterCost: BenchCase = {
  name: 'ring-counter-cost',
  what: 'ring → counter at a steady 1,000,000 records/s: CPU of a record',
  unit: 'ns',
  better: 'lower',
  async prepare() {
    const ours = await agentConsumer(COUNTER, PROMETHEUS);
    const theirs = counting.consumer();
    await ours.load(1_000_000, 1_000_000);
    return {
      ours: async () => cost(await ours.load(2_000_000, 1_000_000)),
      reference: {
        what: counting.what,
        measure: async () => cost(await theirs.load(2_000_000, 1_000_000)),
      },
      end: async () => {
        await ours.end();
      },
    };
  },
};

export const ringNdjsonCost: BenchCase = {
  name: 'ring-ndjson-cost',
  what: 'ring → JSON lines → file at a steady 250,000 records/s: CPU of a record',
  unit: 'ns',
  better: 'lower',
  async prepare() {
    const file = output('cost.ndjson');
    const ours = await agentConsumer('{ export: event }', TO_STDOUT, {
      output: file,
    });
    const theirs = referenceConsumer('lines', output('cost-reference.ndjson'));
    await ours.load(250_000, 250_000);
    return {
      ours: async () => {
        const outcome = await ours.load(500_000, 250_000);
        truncateSync(file);
        return cost(outcome);
      },
      reference: {
        what: 'C on libbpf that writes the same lines with snprintf',
        measure: async () => cost(await theirs.load(500_000, 250_000)),
      },
      end: async () => {
        await ours.end();
      },
    };
  },
};

export const ringCounterLossless: BenchCase = {
  name: 'ring-counter-lossless',
  what: 'the same: highest rate at which 3 s of records pass without a loss',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 50, text: 'at least 50 × BumbleBee' },
  runs: 1,
  async prepare({ bee }) {
    const ours = await agentConsumer(COUNTER, PROMETHEUS);
    const theirs = bee === undefined ? undefined : await bumblebee(bee);
    const what = 'BumbleBee bee run --no-tty, where it begins to lose';
    return {
      ours: async () => ({
        value: await losslessRate(ours, { from: 4_000_000, to: 16_000_000, seconds: 3, steps: 6 }),
      }),
      reference: theirs
        ? {
            what,
            measure: async () => ({
              value: await losslessRate(theirs, { from: 75_000, to: 1_000_000, seconds: 3, steps: 6 }),
            }),
          }
        : { what, published: BUMBLEBEE_RATE },
      end: async () => {
        await ours.end();
        await theirs?.end();
      },
    };
  },
};

export const ringCounterSteady: BenchCase = {
  name: 'ring-counter-50k',
  what: 'the same at a steady 50,000 records/s',
  unit: 'share of a core',
  better: 'lower',
  target: { ratio: 20, text: 'at most 1/20 of BumbleBee' },
  async prepare({ bee }) {
    const ours = await agentConsumer(COUNTER, PROMETHEUS);
    const theirs = bee === undefined ? undefined : await bumblebee(bee);
    const share = async (consumer: Consumer): Promise<Sample> => {
      const { cpu, making, lost } = await consumer.load(500_000, 50_000);
      return { value: cpu / making, also: { lost } };
    };
    const what = 'BumbleBee bee run --no-tty';
    return {
      ours: () => share(ours),
      reference: theirs ? { what, measure: () => share(theirs) } : { what, published: BUMBLEBEE_SHARE },
      end: async () => {
        await ours.end();
        await theirs?.end();
      },
    };
  },
};

const lines: BenchCase['prepare'] = async () => {
  const file = output('lines.ndjson');
  const ours = await agentConsumer('{ export: event }', TO_STDOUT, {
    output: file,
  });
  const theirs = referenceConsumer('lines', output('reference.ndjson'));
  return {
    ours: async () => {
      const outcome = await ours.load(30_000_000);
      truncateSync(file);
      return throughput(outcome);
    },
    reference: {
      what: 'C on libbpf that writes the same lines with snprintf',
      measure: async () => throughput(await theirs.load(30_000_000)),
    },
    end: async () => {
      await ours.end();
    },
  };
};

export const ringNdjson: BenchCase = {
  name: 'ring-ndjson',
  what: 'ring → JSON lines → file; produced as fast as it goes',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 1, text: 'at least C' },
  prepare: lines,
};

export const ringNdjsonPeer: BenchCase = {
  name: 'ring-ndjson-lossless',
  what: 'the same: highest rate at which 3 s of records pass without a loss',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 10, text: 'at least 10 × Inspektor Gadget' },
  runs: 1,
  async prepare({ ig }) {
    const theirs = ig === undefined ? undefined : await inspektorGadget(ig);
    const what = 'Inspektor Gadget ig run -o json, at most';
    const file = output('lossless.ndjson');
    const ours = await agentConsumer('{ export: event }', TO_STDOUT, {
      output: file,
    });
    return {
      ours: async () => ({
        value: await losslessRate(
          {
            load: async (total, rate) => {
              const outcome = await ours.load(total, rate);
              truncateSync(file);
              return outcome;
            },
            end: ours.end,
          },
          { from: 1_000_000, to: 8_000_000, seconds: 3, steps: 6 },
        ),
      }),
      reference: theirs
        ? {
            what,
            measure: async () => ({
              value: await losslessRate(theirs, { from: 150_000, to: 2_000_000, seconds: 3, steps: 6 }),
            }),
          }
        : { what, published: IG_RATE },
      end: async () => {
        await ours.end();
        await theirs?.end();
      },
    };
  },
};

export const ringObjects: BenchCase = {
  name: 'ring-objects',
  what: 'ring → a custom sink, isolated, that reads every field of every row',
  unit: 'records/CPU s',
  better: 'higher',
  target: { ratio: 1, text: 'at least 2,000,000 a second and core' },
  async prepare() {
    const sink = join(ROOT, 'test', 'bench', 'sinks', 'read-rows.js');
    const ours = await agentConsumer(
      '{ export: event }',
      `{ rows: { type: "${sink}", queue: { when_full: block } } }`,
    );
    await ours.load(500_000, 500_000);
    return {
      ours: async () => {
        const outcome = await ours.load(2_000_000, 1_000_000);
        return { ...perCpuSecond(outcome), also: { 'lost share': outcome.lost / 2_000_000 } };
      },
      reference: { what: 'the target itself', published: 2_000_000 },
      end: async () => {
        await ours.end();
      },
    };
  },
};

export const ringSustained: BenchCase = {
  name: 'ring-sustained',
  what: 'highest rate held for 30 s with no loss, consumer and producer on two cores',
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 1, text: 'at least C' },
  runs: 1,
  async prepare() {
    const ours = await agentConsumer(COUNTER, PROMETHEUS);
    const theirs = referenceConsumer('count');
    const held = async (consumer: Consumer): Promise<Sample> => {
      const seconds = { from: 4_000_000, to: 16_000_000, seconds: 2, steps: 5 };
      let rate = await losslessRate(consumer, seconds);
      for (let attempt = 0; attempt < SUSTAINED_ATTEMPTS; attempt++, rate *= SUSTAINED_STEP) {
        const total = Math.round(rate * SUSTAINED_SECONDS);
        const { lost, delivered, making } = await consumer.load(total, rate);
        if (lost === 0) return { value: delivered / making };
      }
      return { value: 0 };
    };
    return {
      ours: () => held(ours),
      reference: { what: counting.what, measure: () => held(theirs) },
      end: async () => {
        await ours.end();
      },
    };
  },
};
