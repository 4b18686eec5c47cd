import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase } from '../case.js';
import { agentConsumer, type Consumer, REFERENCE, referenceConsumer, TO_STDOUT } from '../load.js';
import { losslessRate } from '../lossless.js';
import { agentBesidePeer, inspektorGadget } from '../peers.js';
import { WORK } from '../tools.js';
import { cost, throughput } from './samples.js';

const IG_RATE = 250_000;
const FLOOD = 30_000_000;
const ROAD = 'ring → JSON lines → file (the stdout sink, redirected)';

/** What it wrote goes before the next load: the file is in memory. */
function truncating(consumer: Consumer, file: string): Consumer {
  return {
    end: () => consumer.end(),
    async load(...load) {
      const outcome = await consumer.load(...load);
      truncateSync(file);
      return outcome;
    },
  };
}

async function toFile(name: string): Promise<Consumer> {
  const file = join(WORK, `${name}.ndjson`);
  return truncating(await agentConsumer('{ export: event }', TO_STDOUT, { output: file }), file);
}

export const ringNdjson: BenchCase = {
  name: 'ring-ndjson',
  what: `${ROAD}; produced as fast as it goes`,
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 1, text: 'at least C' },
  async prepare() {
    const ours = await toFile('flood');
    const theirs = referenceConsumer('lines', join(WORK, 'flood-reference.ndjson'));
    return {
      ours: async () => throughput(await ours.load(FLOOD)),
      reference: { what: REFERENCE.lines, measure: async () => throughput(await theirs.load(FLOOD)) },
      end: () => ours.end(),
    };
  },
};

export const ringNdjsonCost: BenchCase = {
  name: 'ring-ndjson-cost',
  what: `${ROAD} at a steady 250,000 records/s: CPU of a record`,
  unit: 'ns',
  better: 'lower',
  async prepare() {
    const ours = await toFile('cost');
    const theirs = referenceConsumer('lines', join(WORK, 'cost-reference.ndjson'));
    await ours.load(250_000, 250_000);
    return {
      ours: async () => cost(await ours.load(500_000, 250_000)),
      reference: {
        what: REFERENCE.lines,
        measure: async () => cost(await theirs.load(500_000, 250_000)),
      },
      end: () => ours.end(),
    };
  },
};

export const ringNdjsonPeer: BenchCase = {
  name: 'ring-ndjson-lossless',
  what: `${ROAD}: highest rate at which 3 s of records pass without a loss`,
  unit: 'records/s',
  better: 'higher',
  target: { ratio: 10, text: 'at least 10 × Inspektor Gadget' },
  runs: 3,
  async prepare({ ig }) {
    const search = async (consumer: Consumer, from: number, to: number) => ({
      value: await losslessRate(consumer, { from, to, seconds: 3, steps: 6 }),
    });
    if (ig === undefined) {
      const ours = await toFile('lossless');
      return {
        ours: () => search(ours, 1_000_000, 8_000_000),
        reference: { what: 'Inspektor Gadget ig run -o json, at most', published: IG_RATE },
        end: () => ours.end(),
      };
    }
    const file = join(WORK, 'lossless.ndjson');
    const ours = truncating(await agentBesidePeer('event', TO_STDOUT, file), file);
    const theirs = await inspektorGadget(ig);
    return {
      ours: () => search(ours, 1_000_000, 8_000_000),
      reference: {
        what: 'Inspektor Gadget ig run -o json, likewise; both on 40-byte records',
        measure: () => search(theirs, 150_000, 2_000_000),
      },
      async end() {
        await ours.end();
        await theirs.end();
      },
    };
  },
};
